"""Calls to servers outside of the deployment, which others name and nobody here trusts.

Rules of this module (ASVS 10, OWASP on server-side request forgery)
- https with the system's certificates; in the local stage also plain http to 127.0.0.1, and nothing else of this host.
- The name is resolved once, every address of it must be one of the open internet, and the connection goes to the
  address that was checked: a name that answers differently the second time gains nothing.
- No redirect is followed: an answer that is not 200 is no answer.
- One deadline for all of a call, kept by cutting the connection: neither a slow handshake nor a header that drips
  outlives it. (Only the resolver's own time is the system's to bound.) At most `MAX_BYTES` are read.
"""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, Self
from urllib.parse import urlsplit

from shared.domain.federation import public_address, sound_url

MAX_BYTES: Final = 256 * 1024
_ADDRESSES_TRIED: Final = 4
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_HTTPS_PORT: Final = 443
_HTTP_PORT: Final = 80

Why = Literal["ADDRESS", "UNREACHABLE", "SLOW", "REDIRECTED", "REFUSED", "VERBOSE", "JUNK"]


class NoAnswer(Exception):
    """The other side gave nothing that may be used; `why` says at which of the rules it failed."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class Resolver(Protocol):
    """Gives the addresses of a name as texts; raises `OSError` where there are none."""

    def __call__(self, host: str, port: int) -> Sequence[str]: ...


def resolved(host: str, port: int) -> Sequence[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Outbound:
    """`loopback`: plain http to 127.0.0.1 is allowed, as in the local stage. `seconds` bounds one call as a whole."""

    loopback: bool
    seconds: float
    context: ssl.SSLContext
    resolve: Resolver = resolved

    def call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        """Send one request; gives the octets of an answer 200, raises `NoAnswer`."""
        if not sound_url(url, loopback=self.loopback):
            raise NoAnswer("ADDRESS")
        parts = urlsplit(url)
        secure, host = parts.scheme == "https", str(parts.hostname)
        port = parts.port or (_HTTPS_PORT if secure else _HTTP_PORT)
        try:
            addresses = self._checked(host, port, secure=secure)
            raw = _Deadline(self.seconds).connect(addresses, port)
        except OSError as fault:
            raise NoAnswer("UNREACHABLE") from fault
        with raw:
            return raw.exchange(self, method, parts.netloc, _target(url), body, headers, host if secure else None)

    def _checked(self, host: str, port: int, *, secure: bool) -> Sequence[str]:
        if not secure:
            return ["127.0.0.1"]  # `sound_url` let no other host through
        addresses = list(dict.fromkeys(self.resolve(host, port)))
        if not addresses or not all(public_address(address) for address in addresses):
            raise NoAnswer("ADDRESS")
        return addresses[:_ADDRESSES_TRIED]


class _Deadline:
    """One connection that is cut when its time is up, whatever it is doing then."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._over = False
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def connect(self, addresses: Sequence[str], port: int) -> Self:
        """Connect to the first address that answers; raises `OSError`."""
        self._timer.start()
        fault: OSError = OSError("no address")
        for address in addresses:
            try:
                self._socket = socket.create_connection((address, port), timeout=self._seconds / len(addresses))
            except OSError as refused:
                fault = refused
            else:
                self._socket.settimeout(self._seconds)
                return self
        self._timer.cancel()
        raise fault

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()

    def exchange(
        self,
        outbound: Outbound,
        method: str,
        authority: str,
        target: str,
        body: bytes | None,
        headers: Mapping[str, str],
        tls_name: str | None,
    ) -> bytes:
        """Send one request and read what comes, up to the limit; raises `NoAnswer`."""
        connection = http.client.HTTPConnection("unused.invalid")
        try:
            connection.sock = self._ready(outbound.context, tls_name)
            connection.request(method, target, body, {"Host": authority, **_ALWAYS, **headers})
            with contextlib.closing(connection.getresponse()) as response:
                read = response.read(MAX_BYTES + 1)
        except (OSError, ValueError, http.client.HTTPException) as fault:
            raise NoAnswer("SLOW" if self._late(fault) else "UNREACHABLE") from fault
        finally:
            connection.close()
        if self._over:  # cut while it was read: what there is of it is not all
            raise NoAnswer("SLOW")
        if response.status in _REDIRECTS:
            raise NoAnswer("REDIRECTED")
        if response.status != _OK:
            raise NoAnswer("REFUSED")
        if len(read) > MAX_BYTES:
            raise NoAnswer("VERBOSE")
        if response.getheader("Content-Encoding", "identity") != "identity":
            raise NoAnswer("JUNK")
        return read

    def _ready(self, context: ssl.SSLContext, tls_name: str | None) -> socket.socket | None:
        """Give the socket that is spoken on, its handshake done where there is one; raises `OSError`."""
        if self._socket is not None and tls_name is not None:
            # Wrapping takes the descriptor out of the raw socket: the handshake waits until `_cut` finds the new one.
            self._socket = context.wrap_socket(self._socket, server_hostname=tls_name, do_handshake_on_connect=False)
        if self._over:  # it was cut when there was no socket yet, or in the raw one: this one would never be
            raise TimeoutError
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.do_handshake()
        return self._socket

    def _late(self, fault: Exception) -> bool:
        return self._over or isinstance(fault, TimeoutError)

    def _cut(self) -> None:
        self._over = True
        if self._socket is not None:
            try:
                # The socket's own: that of a TLS socket would only forget its session.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return  # the other side was faster


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


_ALWAYS: Final = {"Accept-Encoding": "identity", "Connection": "close"}
