"""Where calls to identity providers go, and where they never do."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from functions.sso.distrust import Distrusted
from functions.sso.outbound import Outbound
from shared.domain.federation import public_address, sound_url

PRIVATE = [
    "10.0.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address that is refused
    "224.0.0.1",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "::ffff:8.8.8.8",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
    "64:ff9b:1::a00:1",
    "2001:0:a00:1::1",
    "::10.0.0.1",
    "::ffff:0:10.0.0.1",
    "fec0::1",
    "5f00::1",
    "3fff::1",
    "4000::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_inside_is_not_called(address: str) -> None:
    assert not public_address(address)

    def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("idp.example", 443)
        return ["8.8.8.8", address]

    outbound = Outbound(loopback=True, seconds=0.1, context=ssl.create_default_context(), resolve=resolve)
    with pytest.raises(Distrusted, match="SSO_PROVIDER_ADDRESS"):
        outbound.get("https://idp.example/jwks")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert public_address(address)


def test_plain_http_is_for_the_loopback_of_a_local_stage_alone() -> None:
    assert sound_url("http://127.0.0.1:8080/x", loopback=True)
    assert not sound_url("http://127.0.0.1:8080/x", loopback=False)
    assert not sound_url("http://localhost:8080/x", loopback=True)
    assert sound_url("https://idp.example/x?y=1", loopback=False)


# --- one deadline -----------------------------------------------------------------------------------------------------


class Deadline:
    """A timer that runs down when the test says so."""

    def __init__(self, _seconds: float, over: Callable[[], None]) -> None:
        self.over = over
        self.daemon = False
        self.running = False
        _begun.append(self)

    def start(self) -> None:
        self.running = True

    def cancel(self) -> None:
        self.running = False


_begun: list[Deadline] = []


@pytest.fixture
def deadline_ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """End the one deadline of a call."""
    _begun.clear()
    monkeypatch.setattr(threading, "Timer", Deadline)

    def end() -> None:
        (deadline,) = _begun
        assert deadline.running
        deadline.over()

    return end


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection: ours, and that of a provider."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(5)
        yield ours, theirs


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Certificate and key of idp.example, signed by itself, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("idp.example")]), critical=False)
    signed = builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    path = tmp_path / "idp.pem"
    path.write_bytes(signed + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def outbound_of(context: ssl.SSLContext) -> Outbound:
    return Outbound(loopback=True, seconds=0.5, context=context, resolve=lambda _host, _port: ["8.8.8.8"])


def served(theirs: socket.socket, certificate: Path, stalls: Callable[[], object]) -> Iterator[str]:
    """Shake hands once `stalls` is over, and drip an answer; gives what the other side let pass."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    theirs.recv(1, socket.MSG_PEEK)  # the other side has begun its handshake
    stalls()
    try:
        with context.wrap_socket(theirs, server_side=True) as spoken:
            yield "handshake"
            spoken.recv(4096)
            spoken.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n")
            spoken.sendall(b"\r\n{}")
            yield "answer"
    except OSError:
        return


@pytest.mark.parametrize("late", [True, False])
def test_deadline_that_ends_in_a_handshake_cuts_it_off(
    late: bool,  # noqa: FBT001 - a parameter of the test
    deadline_ends: Callable[[], None],
    ends: tuple[socket.socket, socket.socket],
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = ends
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: ours)
    outbound, passed = outbound_of(ssl.create_default_context(cafile=certificate)), list[str]()
    stalls: Callable[[], object] = deadline_ends if late else theirs.fileno
    provider = threading.Thread(target=lambda: passed.extend(served(theirs, certificate, stalls)))
    provider.start()
    if late:
        with pytest.raises(Distrusted, match="SSO_PROVIDER_SLOW"):
            outbound.get("https://idp.example/jwks")
    else:
        assert outbound.get("https://idp.example/jwks") == {}
    provider.join()
    assert passed == ([] if late else ["handshake", "answer"])
    assert not _begun[0].running


@pytest.mark.parametrize("url", ["https://idp.example/jwks", "http://127.0.0.1/jwks"])
def test_deadline_that_ends_before_there_is_a_connection_has_nothing_sent_on_it(
    url: str,
    deadline_ends: Callable[[], None],
    ends: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = ends

    def connect(*_: object, **__: object) -> socket.socket:
        deadline_ends()
        return ours

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(Distrusted, match="SSO_PROVIDER_SLOW"):
        outbound_of(ssl.create_default_context()).get(url)
    assert theirs.recv(1) == b""


def test_deadline_that_ends_while_a_connection_is_wrapped_has_nothing_sent_on_it(
    deadline_ends: Callable[[], None],
    ends: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = ends
    context, original = ssl.create_default_context(), ssl.SSLContext.wrap_socket

    def wrap(*given: Any, **how: Any) -> ssl.SSLSocket:
        wrapped = original(*given, **how)
        deadline_ends()
        return wrapped

    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: ours)
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrap)
    with pytest.raises(Distrusted, match="SSO_PROVIDER_SLOW"):
        outbound_of(context).get("https://idp.example/jwks")
    assert theirs.recv(1) == b""
