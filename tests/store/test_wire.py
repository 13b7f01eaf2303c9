"""The wire against a server that fails on purpose: what is repeated, what is believed, what is given up."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from shared.store.wire import MAX_ATTEMPTS, ServiceError, Unavailable, Wire
from tests.store.faulty_server import Exchange, FaultyServer, cut_off, faulty_server, hang_up, reply

ENVIRON = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
REFUSED = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "no"}
THROTTLED = {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}


def fine(exchange: Exchange) -> bool:
    return reply(exchange, {"ok": 1})


def broken(exchange: Exchange) -> bool:
    return reply(exchange, {"message": "oops"}, 500)


def throttled(exchange: Exchange) -> bool:
    return reply(exchange, THROTTLED, 400)


def corrupted(exchange: Exchange) -> bool:
    return reply(exchange, {"ok": 2}, crc32=1)


def page(exchange: Exchange) -> bool:
    exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
    return True


@contextlib.contextmanager
def wire_to(server: FaultyServer) -> Iterator[Wire]:
    wire = Wire("dynamodb", f"http://127.0.0.1:{server.port}", ENVIRON, time.time)
    yield wire
    for connection in wire._idle:
        connection.close()


def test_a_connection_serves_one_call_after_the_other() -> None:
    with faulty_server(fine) as server, wire_to(server) as wire:
        assert [wire.call("GetItem", {}) for _ in range(3)] == [{"ok": 1}] * 3
    assert (server.connections, len(server.seen)) == (1, 3)


def test_a_connection_that_the_peer_closed_while_idle_is_replaced_without_an_attempt_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.store.wire.MAX_ATTEMPTS", 1)

    def once(exchange: Exchange) -> bool:
        fine(exchange)
        return False

    with faulty_server(once) as server, wire_to(server) as wire:
        for _ in range(3):
            assert wire.call("GetItem", {}) == {"ok": 1}
    assert server.connections == 3


@pytest.mark.parametrize("fault", [broken, throttled, corrupted, cut_off, hang_up, page])
def test_a_passing_fault_is_survived_by_repeating_the_very_same_bytes(fault: object) -> None:
    with faulty_server(fault, fine) as server, wire_to(server) as wire:  # type: ignore[arg-type]  # a script
        assert wire.call("TransactWriteItems", {"ClientRequestToken": "t"}) == {"ok": 1}
    assert len({exchange.body for exchange in server.seen}) == 1
    assert len(server.seen) == 2


@pytest.mark.parametrize("fault", [broken, throttled, corrupted, cut_off, hang_up, page])
def test_a_fault_that_stays_is_given_up_as_unavailable(fault: object) -> None:
    with (
        faulty_server(fault) as server,  # type: ignore[arg-type]  # a script
        wire_to(server) as wire,
        pytest.raises(Unavailable),
    ):
        wire.call("GetItem", {})
    assert len(server.seen) == MAX_ATTEMPTS


def test_a_refusal_is_told_at_once_with_its_name() -> None:
    with (
        faulty_server(lambda exchange: reply(exchange, REFUSED, 400)) as server,
        wire_to(server) as wire,
        pytest.raises(ServiceError) as refusal,
    ):
        wire.call("PutItem", {})
    assert (refusal.value.code, refusal.value.message, len(server.seen)) == ("ConditionalCheckFailedException", "no", 1)


def test_a_server_that_says_nothing_costs_no_more_than_the_deadline() -> None:
    def silent(_exchange: Exchange) -> bool:
        time.sleep(1.5)
        return False

    with faulty_server(silent) as server, wire_to(server) as wire:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            wire.call("GetItem", {}, deadline=time.time() + 0.4)
        assert time.monotonic() - began < 1.2


def test_no_attempt_begins_behind_the_deadline() -> None:
    with faulty_server(fine) as server, wire_to(server) as wire, pytest.raises(Unavailable):
        wire.call("GetItem", {}, deadline=time.time() - 1)
    assert server.seen == []


def test_nobody_listening_is_unavailable() -> None:
    with faulty_server(fine) as server:
        pass
    with wire_to(server) as wire, pytest.raises(Unavailable):
        wire.call("GetItem", {})


def test_the_session_token_of_a_role_is_sent_and_signed() -> None:
    with faulty_server(fine) as server:
        wire = Wire("kms", f"http://127.0.0.1:{server.port}", ENVIRON | {"AWS_SESSION_TOKEN": "tok"}, time.time)
        wire.call("Decrypt", {})
        wire._idle.pop().close()
    headers = server.seen[0].headers
    assert headers["x-amz-security-token"] == "tok"
    assert "x-amz-security-token" in headers["authorization"]
    assert headers["x-amz-target"] == "trentservice.decrypt"


def test_a_connection_that_died_in_silence_costs_one_attempt_and_not_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.store.wire.ATTEMPT_TIMEOUT_SECONDS", 0.3)

    def frozen(_exchange: Exchange) -> bool:
        time.sleep(1)
        return False

    with faulty_server(frozen, fine) as server, wire_to(server) as wire:
        assert wire.call("GetItem", {}) == {"ok": 1}
