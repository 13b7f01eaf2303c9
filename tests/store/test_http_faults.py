"""Answers that are none, from a server that fails on purpose: each costs one attempt, and the call survives it."""

import contextlib
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator

import pytest

from shared.store import wire as wire_module
from shared.store.http_exchange import MAX_BODY_BYTES, MAX_HEAD_BYTES
from shared.store.wire import Unavailable, Wire
from tests.store.authority import Authority
from tests.store.faulty_server import Exchange, FaultyServer, faulty_server, hang_up, reply, saying

ENVIRON = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 8\r\n\r\n" + b'{"ok":1}'
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
RIGHT_CRC = str(zlib.crc32(b'{"ok":1}')).encode()

FAULTS = {
    "a head that breaks off": saying(OK + b"Content-Len", stays=False),
    "a body that breaks off": saying(WHOLE[:-1], stays=False),
    "chunks that break off": saying(CHUNKED + b'8\r\n{"ok"', stays=False),
    "chunks without a last one": saying(CHUNKED + b'8\r\n{"ok":1}\r\n', stays=False),
    "two checksums": saying(
        OK + b"Content-Length: 8\r\nx-amz-crc32: 1\r\nx-amz-crc32: " + RIGHT_CRC + b'\r\n\r\n{"ok":1}'
    ),
    "no status line": saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "another protocol": saying(b"HTTP/2 200\r\nContent-Length: 2\r\n\r\n{}"),
    "a status that is no number": saying(b"HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\n{}"),
    "a status of four digits": saying(b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "two lengths": saying(OK + b"Content-Length: 2\r\nContent-Length: 8\r\n\r\n" + b'{"ok":1}'),
    "the same length twice": saying(OK + b"Content-Length: 8\r\nContent-Length: 8\r\n\r\n" + b'{"ok":1}'),
    "a list of lengths": saying(OK + b'Content-Length: 8, 8\r\n\r\n{"ok":1}'),
    "a negative length": saying(OK + b"Content-Length: -8\r\n\r\n" + b'{"ok":1}'),
    "a length with a sign": saying(OK + b"Content-Length: +8\r\n\r\n" + b'{"ok":1}'),
    "a length above the limit": saying(OK + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)),
    "a length beyond all machines": saying(OK + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n"),
    "no length": saying(OK + b'\r\n{"ok":1}', stays=False),
    "a length and chunks": saying(
        OK + b"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n" + b'8\r\n{"ok":1}\r\n0\r\n\r\n'
    ),
    "a coding that nobody asked for": saying(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "a chunk size that is no number": saying(CHUNKED + b'eight\r\n{"ok":1}\r\n0\r\n\r\n'),
    "a negative chunk size": saying(CHUNKED + b'-8\r\n{"ok":1}\r\n0\r\n\r\n'),
    "a chunk size beyond the limit": saying(CHUNKED + b"%x\r\n" % (MAX_BODY_BYTES + 1)),
    "a chunk size beyond all machines": saying(CHUNKED + b"f" * 40 + b"\r\n"),
    "a chunk that is longer than it says": saying(CHUNKED + b'7\r\n{"ok":1}\r\n0\r\n\r\n'),
    "a chunk that does not end where it says": saying(CHUNKED + b'8\r\n{"ok":1}xx0\r\n\r\n'),
    "chunks that are too long together": saying(
        CHUNKED + b'8\r\n{"ok":1}\r\n' + (b"100000\r\n" + b" " * 0x100000 + b"\r\n") * 16 + b"0\r\n\r\n"
    ),
    "a chunk line without end": saying(CHUNKED + b"8;" + b"x" * 2_000),
    "trailers without end": saying(CHUNKED + b"0\r\n" + b"x: y\r\n" * (MAX_HEAD_BYTES // 6 + 1)),
    "a head without end": saying(OK + b"x: y\r\n" * (MAX_HEAD_BYTES // 6 + 1)),
    "a folded line": saying(OK + b"x: y\r\n z\r\nContent-Length: 2\r\n\r\n{}"),
    "a space before the colon": saying(OK + b"Content-Length : 2\r\n\r\n{}"),
    "a bare line feed": saying(OK + b"x: y\nContent-Length: 2\r\n\r\n{}"),
    "a line without a colon": saying(OK + b"x\r\nContent-Length: 2\r\n\r\n{}"),
    "a nul": saying(OK + b"x: \0\r\nContent-Length: 2\r\n\r\n{}"),
    "a switch of protocols": saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "interim answers without end": saying(b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD_BYTES // 25 + 1)),
    "an interim answer alone": saying(b"HTTP/1.1 100 Continue\r\n\r\n", stays=False),
    "nothing": hang_up,
}


LIES = {  # whole answers that say what cannot be believed
    "a body that is not what its checksum says": saying(
        OK + b"Content-Length: 8\r\nx-amz-crc32: " + RIGHT_CRC + b'\r\n\r\n{"ok":2}'
    ),
    "a checksum that is no number": saying(OK + b'Content-Length: 8\r\nx-amz-crc32: ten\r\n\r\n{"ok":1}'),
    "JSON without end": saying(OK + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000),
    "JSON in another alphabet": saying(OK + b"Content-Length: 4\r\n\r\n" + b'"\xff\xfe"'),
}


def fine(exchange: Exchange) -> bool:
    return reply(exchange, {"ok": 1})


@contextlib.contextmanager
def wire_to(server: FaultyServer, scheme: str = "http", host: str = "localhost") -> Iterator[Wire]:
    wire = Wire("dynamodb", f"{scheme}://{host}:{server.port}", ENVIRON, time.time)
    with contextlib.closing(wire):
        yield wire


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_what_is_no_answer_costs_one_attempt_and_its_connection(fault: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "ATTEMPT_TIMEOUT_SECONDS", 1.0)
    with faulty_server(fault, fine) as server, wire_to(server) as wire:  # type: ignore[arg-type]  # a script
        assert wire.call("GetItem", {}) == {"ok": 1}
        assert (server.connections, len(server.seen)) == (2, 2)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_body_that_cannot_be_believed_is_asked_for_again(lie: object) -> None:
    with faulty_server(lie, fine) as server, wire_to(server) as wire:  # type: ignore[arg-type]  # a script
        assert wire.call("GetItem", {}) == {"ok": 1}
        assert len(server.seen) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200\r\ncontent-length:8\r\n\r\n{"ok":1}',
        b'HTTP/1.1 200 OK\r\nContent-Length: \t8 \t\r\nx: \r\n\r\n{"ok":1}',
        b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" + WHOLE,
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + WHOLE,
        CHUNKED + b'1;a="b"\r\n{\r\n07\r\n"ok":1}\r\n0\r\n\r\n',
        CHUNKED + b'8\r\n{"ok":1}\r\n000\r\nExpires: never\r\n\r\n',
    ],
)
def test_every_spelling_of_a_whole_answer_is_read_and_leaves_the_connection_open(answer: bytes) -> None:
    with faulty_server(saying(answer)) as server, wire_to(server) as wire:
        assert [wire.call("GetItem", {}) for _ in range(3)] == [{"ok": 1}] * 3
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE + b"HTTP/1.1 200 OK\r\n",  # the next answer would be nobody's
        WHOLE.replace(b"200 OK\r\n", b"200 OK\r\nConnection: Close\r\n"),
        WHOLE.replace(b"200 OK\r\n", b"200 OK\r\nConnection: x\r\nConnection: close\r\n"),
        WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_a_connection_that_is_not_to_go_on_serves_once(answer: bytes) -> None:
    with faulty_server(saying(answer)) as server, wire_to(server) as wire:
        assert [wire.call("GetItem", {}) for _ in range(2)] == [{"ok": 1}] * 2
        assert server.connections == 2


@pytest.mark.parametrize("before", [b"", OK, WHOLE[:-8], CHUNKED, CHUNKED + b"5\r\n"])
def test_an_answer_that_drips_beyond_the_deadline_is_given_up_there(before: bytes) -> None:
    def drip(exchange: Exchange) -> bool:
        exchange.connection.sendall(before)
        for _ in range(25):
            exchange.connection.sendall(b"H" if before in {b"", OK} else b"1")
            time.sleep(0.1)
        return False

    with faulty_server(drip) as server, wire_to(server) as wire:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            wire.call("GetItem", {}, deadline=time.time() + 0.5)
        assert time.monotonic() - began < 1.5


def test_a_peer_that_reads_nothing_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire("dynamodb", f"http://127.0.0.1:{listener.getsockname()[1]}", ENVIRON, time.time)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            wire.call("PutItem", {"x": "x" * 30_000_000}, deadline=time.time() + 0.5)
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("reads_on", [True, False])
def test_an_answer_before_the_request_has_ended_is_read_or_asked_for_again(reads_on: bool) -> None:  # noqa: FBT001 - a case
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusals = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(100)
                        connection.sendall(WHOLE)
                        refusals.append(1)
                        while (reads_on or len(refusals) > 1) and connection.recv(65_536):
                            pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        wire = Wire("dynamodb", f"http://127.0.0.1:{listener.getsockname()[1]}", ENVIRON, time.time)
        assert wire.call("PutItem", {"x": "x" * 4_000_000}) == {"ok": 1}
        wire.close()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_only_a_peer_whose_certificate_names_the_host_is_spoken_to(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_module, "_tls", authority.trusting)
    with faulty_server(fine, tls=authority.serving("localhost")) as server, wire_to(server, "https") as wire:
        assert [wire.call("GetItem", {}) for _ in range(2)] == [{"ok": 1}] * 2
        assert server.connections == 1
    for named, asked in (("elsewhere.test", "localhost"), ("localhost", "127.0.0.1")):
        with (
            faulty_server(fine, tls=authority.serving(named)) as server,
            wire_to(server, "https", asked) as wire,
            pytest.raises(Unavailable, match=f"not valid for '{asked}'"),
        ):
            wire.call("GetItem", {})
        assert server.seen == []


def test_a_certificate_of_an_unknown_authority_is_not_believed(authority: Authority) -> None:
    with (
        faulty_server(fine, tls=authority.serving("localhost")) as server,
        wire_to(server, "https") as wire,
        pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        wire.call("GetItem", {})
    assert server.seen == []


def test_one_tls_context_that_checks_names_serves_every_wire() -> None:
    assert wire_module._tls() is wire_module._tls()
    assert wire_module._tls().check_hostname
    assert wire_module._tls().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    "endpoint", ["localhost:80", "ftp://localhost", "http://", "http://a/b", "http://a:b@c", "http://a:p"]
)
def test_an_endpoint_that_is_none_is_broken_wiring(endpoint: str) -> None:
    with pytest.raises(RuntimeError, match="is no endpoint"):
        Wire("kms", endpoint, ENVIRON, time.time)


def test_a_line_break_in_a_credential_is_never_sent() -> None:
    with faulty_server(fine) as server:
        wire = Wire("kms", f"http://[::1]:{server.port}".replace("[::1]", "127.0.0.1"), ENVIRON, time.time)
        wire._environ = ENVIRON | {"AWS_SESSION_TOKEN": "tok\r\nx-evil: 1"}
        with pytest.raises(ValueError, match="line break"):
            wire.call("Decrypt", {})
        wire.close()
    assert server.seen == []
