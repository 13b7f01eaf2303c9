"""Asks the engine's server with the patch `plain_requests`, or vanilla's (`vanilla` as argument); run as a program.

Standard input holds a JSON list of conversations, each a list of the pieces in which a client sends. Standard output
gets the list of what was written in answer: piece after piece, and true where the connection was closed. With `idle` as
argument it serves for real, and tells how a connection fared that was used, and then was not.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import ConnectionState, LifespanState
from hypercorn.utils import wrap_app
from ministack.core import hypercorn_compat

from infra.local.patches.plain_requests import PlainRequests, apply

_SETTLED = 60  # rounds of the loop

Message = dict[str, Any]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer as the path says; else with what was asked."""
    if scope["path"] == "/slow":
        await asyncio.sleep(0.4)
    if scope["path"] == "/fails":
        raise RuntimeError("a planted fault")
    received = bytearray()
    while (message := await receive()).get("more_body") or message.get("body"):
        received += message["body"]
        if not message.get("more_body"):
            break
    asked = {name: scope[name] for name in ("method", "path", "http_version", "scheme", "type", "root_path", "client")}
    shown = [asked, str(scope["headers"]), str(scope["query_string"]), str(scope["raw_path"]), len(received)]
    told = json.dumps([*shown, sum(received)]).encode()
    for each in ANSWERS.get(scope["path"], _ordinary)(told):
        if each is None:
            raise RuntimeError("a planted fault amidst an answer")
        await send(each)


def answered(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> list[Message | None]:
    sized = (b"Content-Length", b"%d" % len(body))
    return [{"type": "http.response.start", "status": status, "headers": [sized, *headers]}, part(body)]


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def started(*headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _ordinary(body: bytes) -> list[Message | None]:
    return answered(200, body)


ANSWERS: dict[str, Callable[[bytes], list[Message | None]]] = {
    "/none": lambda _: answered(204, b""),
    "/not-modified": lambda body: answered(304, body),
    "/odd": lambda body: answered(299, body),
    "/closes": lambda body: answered(200, body, (b"connection", b"close")),
    "/cookies": lambda body: answered(200, body, (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")),
    "/forged": lambda body: answered(200, body, (b"x-name", b"a\r\nx-other: b")),
    "/unsized": lambda body: [started(), part(body)],
    "/drips": lambda body: [started(), part(body, more=True), part(b"", more=True), part(b"x" * 20)],
    "/drips-sized": lambda _: [started((b"content-length", b"4")), part(b"ab", more=True), part(b"cd")],
    "/short": lambda _: [started((b"content-length", b"4")), part(b"ab")],
    "/long": lambda _: [started((b"content-length", b"1")), part(b"ab")],
    "/stays": lambda body: answered(200, body, (b"connection", b"keep-alive")),
    "/breaks": lambda body: [started(), part(body, more=True), None],
    "/goes-on": lambda body: [*answered(200, body), part(b"more")],
}


async def conversation(kind: type[H11Protocol], pieces: list[str]) -> list[Any]:
    written: list[str | bool] = []

    async def record(event: Event) -> None:
        if isinstance(event, RawData) and event.data:
            written.append(event.data.decode("latin-1"))
        elif isinstance(event, Closed):
            written.append(True)

    config = quiet()
    app = wrap_app(application, 0, "asgi")
    async with TaskGroup(asyncio.get_running_loop()) as group:
        state = ConnectionState({})
        context = WorkerContext(None)
        connection = kind(app, config, context, group, state, False, ("127.0.0.1", 1), ("127.0.0.1", 2), record)  # noqa: FBT003 - as vanilla
        for piece in pieces:
            if True not in written:
                await connection.handle(RawData(piece.encode("latin-1")))
            for _ in range(_SETTLED):
                await asyncio.sleep(0)
        await connection.handle(Closed())
    return written


def quiet() -> Config:
    config = Config()
    config.include_date_header = config.include_server_header = False
    config.errorlog = None
    return config


async def idle() -> list[Any]:
    """Ask in steps of half the time that a connection may be idle, and once for what takes twice as long."""
    config = quiet()
    config.keep_alive_timeout = 0.2
    loop = asyncio.get_running_loop()
    serve = partial(TCPServer, wrap_app(application, 0, "asgi"), loop, config, WorkerContext(None), LifespanState({}))

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    told: list[Any] = []
    leave = "Connection: keep-alive\r\n" if "of vanilla" in sys.argv[1:] else ""  # vanilla answers such requests
    for path, seconds in (("/1", 0.1), ("/2", 0.1), ("/3", 0.1), ("/slow", 0.0)):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n{leave}\r\n".encode())
        length = int((await reader.readuntil(b"\r\n\r\n")).split(b"Length: ")[1])
        told.append(json.loads(await reader.readexactly(length))[0]["path"])
        await asyncio.sleep(seconds)
    since = loop.time()
    told += [(await reader.read()).decode(), loop.time() - since]
    writer.close()
    server.close()
    return told


async def main() -> None:
    if "idle" in sys.argv[1:]:
        apply()
        json.dump(await idle(), sys.stdout)
        return
    kind = H11Protocol if "vanilla" in sys.argv[1:] else PlainRequests
    told = [await conversation(kind, pieces) for pieces in json.load(sys.stdin)]
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    hypercorn_compat.install()
    asyncio.run(main())
