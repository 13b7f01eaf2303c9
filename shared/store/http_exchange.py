"""One HTTP/1.1 connection that carries one POST to `/` after the other (RFC 9112), and reads answers strictly.

The standard library's client reads headers as mail and costs more than the rest of a request; a signed JSON call needs
little of HTTP. Rules:

* head and body leave together; an answer is read until its own length says that it is whole, never until the end;
* what two readers could take for two things is no answer: a second length, a length beside chunks, a bare line break, a
  folded line, a status that is no number; so is what is larger than its limit;
* every wait ends at the deadline of the exchange, however slowly the octets drip;
* a connection serves again only where the answer ended where it said, and did not ask for the end.
"""

from __future__ import annotations

import re
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

MAX_HEAD_BYTES = 65_536  # of all heads and trailers of one answer
MAX_BODY_BYTES = 16 * 1024 * 1024  # what DynamoDB gives is at most 16 MB
_PIECE_BYTES = 65_536
_MAX_CHUNK_LINE = 1_024
_LAST_INTERIM, _SWITCHING = 199, 101
_BODILESS = frozenset({204, 304})

_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*)")  # RFC 9110 sections 5.1 and 5.5
_LENGTH = re.compile(r"[0-9]{1,10}")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\x00\r\n]*)?")
_SAID_ONCE = frozenset({"content-length", "transfer-encoding", "x-amz-crc32"})


class BadAnswer(Exception):
    """What came is no answer, or not all of one."""


class Hung(ConnectionError):
    """The peer hung up before its answer began: of a connection that waited, the request never reached it."""


class Answer(NamedTuple):
    """`headers` have lower-case names; what was said several times stands joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Serves one exchange at a time. After one that raised, or that `reusable` denies, it is good for nothing."""

    __slots__ = ("_buffer", "_deadline", "_socket", "reusable")

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._buffer = bytearray()
        self._deadline = 0.0
        self.reusable = True

    @classmethod
    def to(cls, host: str, port: int, tls: SSLContext | None, timeout_seconds: float) -> Connection:
        """Connect; with `tls`, to whom the certificate says that `host` is. Raises `OSError`."""
        opened = socket.create_connection((host, port), timeout_seconds)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return cls(tls.wrap_socket(opened, server_hostname=host) if tls else opened)
        except BaseException:
            opened.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def post(self, headers: Mapping[str, str], body: bytes, timeout_seconds: float) -> Answer:
        """Send `body` and read the answer within `timeout_seconds`.

        Raises `BadAnswer`, `Hung`, and other `OSError`s of the socket, `TimeoutError` among them.
        """
        self._deadline = time.monotonic() + timeout_seconds
        self._send(_request(headers, body))
        return self._answer()

    def _send(self, octets: bytes) -> None:
        # `sendall` would let every piece of a TLS connection wait as long as all of them may.
        self._await()
        sent = self._socket.send(octets)
        while sent < len(octets):
            self._await()
            sent += self._socket.send(memoryview(octets)[sent:])

    def _answer(self) -> Answer:
        self._more(Hung)
        allowed = MAX_HEAD_BYTES
        while True:
            head = self._head(allowed)
            allowed -= len(head)
            minor, status, headers = _read(head)
            if status > _LAST_INTERIM:
                break
            if status == _SWITCHING:
                raise BadAnswer("the peer switches to a protocol that nobody asked for")
        body = self._body(status, headers, allowed)
        ends = {token.strip().lower() for token in headers.get("connection", "").split(",")}
        # Octets behind the answer belong to nobody's request: the next answer would not be the next request's.
        self.reusable = minor == "1" and "close" not in ends and not self._buffer
        return Answer(status, headers, body)

    def _head(self, allowed: int) -> str:
        """Take a head with its empty line off the buffer."""
        while (end := self._buffer.find(b"\r\n\r\n", 0, allowed)) < 0:
            if len(self._buffer) >= allowed:
                raise BadAnswer("the head of the answer is too long")
            self._more()
        return self._take(end + 4).decode("latin-1")

    def _body(self, status: int, headers: Mapping[str, str], allowed: int) -> bytes:
        length, coding = headers.get("content-length"), headers.get("transfer-encoding")
        if length is not None and coding is not None:
            raise BadAnswer("the answer gives a length and chunks")
        if status in _BODILESS:
            return b""
        if coding is not None:
            if coding.lower() != "chunked":
                raise BadAnswer("the answer is in a coding that nobody asked for")
            return self._chunks(allowed)
        if length is None or _LENGTH.fullmatch(length) is None:
            raise BadAnswer("the answer does not tell its length")
        return self._exactly(int(length))

    def _chunks(self, allowed: int) -> bytes:
        """Read chunks and drop their trailers (RFC 9112 section 7.1)."""
        body = bytearray()
        while size := self._chunk_size():
            if len(body) + size > MAX_BODY_BYTES:
                raise BadAnswer("the body of the answer is too long")
            body += self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise BadAnswer("a chunk is longer than it says")
        while line := self._line(allowed):
            allowed -= len(line) + 2
        return bytes(body)

    def _chunk_size(self) -> int:
        match = _CHUNK_LINE.fullmatch(self._line(_MAX_CHUNK_LINE))
        if match is None:
            raise BadAnswer("a chunk does not tell its size")
        return int(match[1], 16)

    def _line(self, allowed: int) -> bytes:
        while (end := self._buffer.find(b"\r\n", 0, max(allowed, 0))) < 0:
            if len(self._buffer) >= allowed:
                raise BadAnswer("a line of the answer is too long")
            self._more()
        return self._take(end + 2)[:-2]

    def _exactly(self, count: int) -> bytes:
        if count > MAX_BODY_BYTES:
            raise BadAnswer("the body of the answer is too long")
        while len(self._buffer) < count:
            self._more()
        return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _more(self, ended: type[Exception] = BadAnswer) -> None:
        self._await()
        piece = self._socket.recv(_PIECE_BYTES)
        if not piece:
            raise ended("the peer hung up before its answer was whole")
        self._buffer += piece

    def _await(self) -> None:
        """Let the next wait end at the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no whole answer before the deadline")
        self._socket.settimeout(left)


def _request(headers: Mapping[str, str], body: bytes) -> bytes:
    head = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if head.count("\n") != len(headers) or head.count("\r") != len(headers):
        raise ValueError("a line break in a header")
    return f"POST / HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


def _read(head: str) -> tuple[str, int, dict[str, str]]:
    """Give the minor version, the status and the headers of a head that ends in an empty line."""
    first, *lines = head[:-4].split("\r\n")
    status_line = _STATUS_LINE.fullmatch(first)
    if status_line is None:
        raise BadAnswer("the answer does not begin with a status line")
    headers: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadAnswer("the head of the answer has a line that is no field")
        name, value = field[1].lower(), field[2].rstrip(" \t")
        if name not in headers:
            headers[name] = value
        elif name in _SAID_ONCE:
            raise BadAnswer(f"the answer says {name} twice")
        else:
            headers[name] = f"{headers[name]}, {value}"
    return status_line[1], int(status_line[2]), headers
