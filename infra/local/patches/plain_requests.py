"""A plain request is read in one look and answered in one write.

Vanilla's server takes each request and each answer apart into a dozen events, validates each again, makes and cancels
tasks that watch for an idle connection, and sends the head of an answer apart from its body. That is most of what a
call to the engine costs: three quarters of a GetItem. AWS gives the same answers. Here a request whose head is
ordinary and whose body is of a stated length goes to the application directly; whatever is not plain (another version,
`Expect`, `Upgrade`, chunks, HEAD, several requests at once, a head that is cut or malformed) is left to vanilla.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import h11
import hypercorn.protocol
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol

from infra.local.seams import Seam

_MADE_WITH = ("app", "config", "context", "task_group", "connection_state", "ssl", "client", "server", "send")
SEAMS = (
    Seam("hypercorn.protocol", "H11Protocol", _MADE_WITH),
    Seam("hypercorn.protocol.h11", "H11Protocol.handle", ("self", "event")),
    Seam("hypercorn.protocol.h11", "H11Protocol._maybe_recycle", ("self",)),
    Seam("hypercorn.asyncio.tcp_server", "TCPServer._idle_timeout", ("self",)),
    Seam("hypercorn.asyncio.tcp_server", "TCPServer._initiate_server_close", ("self",)),
)

# RFC 9112, sections 3 and 5, in their narrow form: no folded lines, no absolute target, no control characters.
_HEAD: Final = re.compile(
    rb"(GET|POST|PUT|DELETE) (/[!-~]*) HTTP/1\.1\r\n((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)+)\r\n"
)
_LONGEST_HEAD: Final = 16 * 1024  # vanilla refuses longer ones
_LENGTH: Final = re.compile(rb"[0-9]{1,12}")
_NOT_PLAIN: Final = frozenset({b"expect", b"transfer-encoding", b"upgrade", b"connection"})
_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_PHRASES: Final = {int(status): status.phrase.encode("ascii") for status in HTTPStatus}
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

Watch = Callable[[TCPServer], Coroutine[Any, Any, None]]
Headers = list[tuple[bytes, bytes]]


class Plain(NamedTuple):
    """A request whose head has come, and of whose body `missing` bytes have not."""

    method: bytes
    target: bytes
    headers: Headers
    body: list[bytes]
    missing: int


def plain(data: bytes) -> Plain | None:
    """Read what begins a connection or follows an answer; None where vanilla shall read it."""
    head = _HEAD.match(data, 0, _LONGEST_HEAD)
    if head is None:
        return None
    lines = [line.partition(b":") for line in head[3].split(b"\r\n")[:-1]]
    headers = [(name.lower(), value.strip(b"\t ")) for name, _, value in lines]
    names = [name for name, _ in headers]
    if names.count(b"host") != 1 or not _NOT_PLAIN.isdisjoint(names) or names.count(b"content-length") > 1:
        return None
    length = dict(headers).get(b"content-length", b"0")
    body = data[head.end() :]
    if not _LENGTH.fullmatch(length) or len(body) > int(length):
        return None
    return Plain(head[1], head[2], headers, [body], int(length) - len(body))


class PlainRequests(H11Protocol):
    """A connection whose plain requests are answered here, and all others by vanilla."""

    def __init__(self, *made_with: Any) -> None:  # noqa: ANN401 -- as vanilla
        super().__init__(*made_with)
        self._arriving: Plain | None = None
        self._answer: Answer | None = None
        self._early = b""
        self.used_at = _now()

    @property
    def in_use(self) -> bool:
        return self._answer is not None or self.stream is not None

    async def handle(self, event: Event) -> None:
        self.used_at = _now()
        if isinstance(event, RawData) and self._answer is not None:
            self._early += event.data  # has its turn after the answer
        elif isinstance(event, RawData) and (request := self._read(event.data)) is not None:
            self._arriving = request if request.missing else None
            if self._arriving is None:
                await self._ask(request)
        else:
            if isinstance(event, Closed) and self._answer is not None:
                await self._answer.put({"type": "http.disconnect"})
            await super().handle(event)

    def _read(self, data: bytes) -> Plain | None:
        if self._arriving is not None:
            head, body = self._arriving, data[: self._arriving.missing]
            self._early = data[len(body) :]
            head.body.append(body)
            return head._replace(missing=head.missing - len(body))
        untouched = self.connection.our_state is h11.IDLE and not self.connection.trailing_data[0]
        return plain(data) if untouched and self.keep_alive_requests < self.config.keep_alive_max_requests else None

    async def _ask(self, request: Plain) -> None:
        self.keep_alive_requests += 1
        self._answer = answer = Answer(self.send, self._answered)
        answer.put = await self.task_group.spawn_app(self.app, self.config, self._scope(request), answer.take)
        await answer.put({"type": "http.request", "body": b"".join(request.body), "more_body": False})

    async def _maybe_recycle(self) -> None:
        self.used_at = _now()  # an answer of vanilla is over
        await super()._maybe_recycle()

    async def _answered(self, is_whole: bool) -> None:  # noqa: FBT001 -- handed on as a function of one value
        """Go on with what came early, or close the connection that no further answer can use."""
        self._answer, early, self._early = None, self._early, b""
        self.used_at = _now()
        if not is_whole or self.context.terminated.is_set():
            await self.send(Closed())
        elif early:
            await self.handle(RawData(early))

    def _scope(self, request: Plain) -> Any:  # noqa: ANN401 -- as vanilla
        path, _, query = request.target.partition(b"?")
        return {
            "type": "http",
            "http_version": "1.1",
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "method": request.method.decode("ascii"),
            "scheme": "https" if self.ssl else "http",
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "root_path": self.config.root_path,
            "headers": request.headers,
            "client": self.client,
            "server": self.server,
            "state": self.connection_state.copy(),
            "extensions": {},
        }


class Answer:
    """What the application sends, message after message; what it sends when the answer is over counts no more."""

    put: Callable[[Any], Awaitable[None]]  # messages to the application

    def __init__(self, send: Callable[[Event], Awaitable[None]], over: Callable[[bool], Awaitable[None]]) -> None:
        self._send = send
        self._over = over
        self._unsent: Any = None  # the message with the head
        self._is_begun = self._is_over = self._in_chunks = self._closes = False
        self._missing: int | None = None  # bytes of a body whose length was stated

    async def take(self, message: Any) -> None:  # noqa: ANN401 -- as vanilla
        """Take a message, or None when the application has ended, which is a failure unless the answer is over."""
        if self._is_over:
            return
        if message is None:
            await self._end(b"" if self._is_begun else _FAILED, is_whole=False)
        elif message["type"] == "http.response.start":
            self._unsent = message
        elif message.get("more_body", False):
            await self._send(RawData(self._head() + self._framed(message)))
        else:
            data = self._head() + self._framed(message)
            # After a body that is not as long as was said, nobody knows where the next answer begins.
            is_whole = not self._closes and self._missing in {None, 0}
            await self._end(data + (b"0\r\n\r\n" if self._in_chunks else b""), is_whole=is_whole)

    async def _end(self, data: bytes, *, is_whole: bool) -> None:
        self._is_over = True
        await self._send(RawData(data))
        await self._over(is_whole)

    def _head(self) -> bytes:
        if self._is_begun:
            return b""
        status, headers = int(self._unsent["status"]), [*self._unsent.get("headers", [])]
        told = {name.lower(): value for name, value in headers}
        self._closes = b"close" in told.get(b"connection", b"").lower()
        if status not in _WITHOUT_BODY and b"content-length" in told:
            self._missing = int(told[b"content-length"])
        self._in_chunks = b"content-length" not in told and status not in _WITHOUT_BODY
        if self._in_chunks:
            headers.append((b"Transfer-Encoding", b"chunked"))
        lines = [b"%b: %b\r\n" % (name.strip(), value.strip()) for name, value in headers]
        if any(line.count(b"\n") + line.count(b"\r") != 2 for line in lines):  # noqa: PLR2004 -- its own end
            raise ValueError("a header ends within its value")
        self._is_begun = True
        return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, _PHRASES.get(status, b""), b"".join(lines))

    def _framed(self, message: Any) -> bytes:  # noqa: ANN401 -- as vanilla
        body = bytes(message.get("body", b""))
        if int(self._unsent["status"]) in _WITHOUT_BODY:
            return b""
        if self._missing is not None:
            self._missing -= len(body)
        return b"%x\r\n%b\r\n" % (len(body), body) if self._in_chunks and body else body


def _now() -> float:
    return asyncio.get_running_loop().time()


def _watching(vanilla: Watch) -> Watch:
    async def close_when_idle(server: TCPServer) -> None:
        """Look when a connection may be idle long enough, instead of beginning anew with each request."""
        connection, ending = server.protocol.protocol, server.context.terminated
        if not isinstance(connection, PlainRequests):
            return await vanilla(server)
        longest = server.config.keep_alive_timeout
        while not ending.is_set() and (idle := 0.0 if connection.in_use else _now() - connection.used_at) < longest:
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), longest - idle)
        if not connection.in_use:  # else it is closed after the answer
            await asyncio.shield(server._initiate_server_close())
        return None

    return close_when_idle


def apply() -> None:
    """Put our reading before vanilla's, and watch a connection by a look at its clock."""
    vars(hypercorn.protocol)["H11Protocol"] = PlainRequests
    TCPServer._idle_timeout = _watching(TCPServer._idle_timeout)  # type: ignore[method-assign,assignment]
