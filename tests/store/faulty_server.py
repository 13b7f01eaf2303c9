"""A local server that answers as a test says: the faults of a network, on purpose."""

import contextlib
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Exchange:
    """One connection's socket and the request that came over it."""

    connection: socket.socket
    body: bytes
    headers: dict[str, str]


Script = Callable[[Exchange], bool]  # answers one request; says whether the connection stays open


def reply(exchange: Exchange, document: Any, status: int = 200, *, crc32: int | None = None) -> bool:
    body = json.dumps(document).encode()
    checksum = zlib.crc32(body) if crc32 is None else crc32
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nx-amz-crc32: {checksum}\r\n\r\n"
    exchange.connection.sendall(head.encode() + body)
    return True


def cut_off(exchange: Exchange) -> bool:
    """Promise a hundred bytes, send ten, hang up."""
    exchange.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"{" * 10)
    return False


def hang_up(_exchange: Exchange) -> bool:
    return False


def saying(octets: bytes, *, stays: bool = True) -> Script:
    """Answer with these very octets."""

    def say(exchange: Exchange) -> bool:
        exchange.connection.sendall(octets)
        return stays

    return say


@dataclass(slots=True)
class FaultyServer:
    """Follows its script, one entry a request; the last entry serves all further ones."""

    script: list[Script]
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                with connection, contextlib.suppress(OSError):
                    while (exchange := _read(connection)) is not None:
                        self.seen.append(exchange)
                        step = self.script[min(len(self.seen), len(self.script)) - 1]
                        if not step(exchange):
                            break


@contextlib.contextmanager
def faulty_server(*script: Script, tls: ssl.SSLContext | None = None) -> Iterator[FaultyServer]:
    server = FaultyServer(list(script))
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        if tls:  # the handshake waits for the first octet, so that a failed one ends its connection only
            wrapped = tls.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
            listener = stack.enter_context(wrapped)
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _read(connection: socket.socket) -> Exchange | None:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65_536)
    return Exchange(connection, body, headers)
