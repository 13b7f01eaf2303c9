"""The front: a small reverse proxy on 127.0.0.1 that plays the CloudFront distribution.

It exists so that `base_url` is a plain address: the embedded API Gateway finds an API by its host
name, which needs wildcard name resolution. The front sets that host name and passes everything else
on unchanged, both ways, but for the hop-by-hop fields (RFC 9110 section 7.6.1). It follows no
redirect, adds no header (X-Origin-Verify least of all: whoever sends it speaks as the edge) and
keeps each Set-Cookie on its own line (RFC 6265 section 3). What the distribution keeps, the front
keeps too (edge_cache.py).

Only requests addressed to this machine by name are served, so that a web page cannot reach the
stage through a name of its own that resolves to 127.0.0.1.
"""

import http.client
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra.local.edge_cache import Answer, EdgeCache, key_of

logger = logging.getLogger(__name__)

# API Gateway quotas: a payload of at most 10 MB, an integration of at most 30 seconds.
_BODY_BYTES = 10 * 1024 * 1024
_UPSTREAM_SECONDS = 35.0
_IDLE_SECONDS = 75.0
_OWN_NAMES = re.compile(r"(127\.0\.0\.1|localhost|[a-z0-9.-]+\.localhost)(:\d+)?", re.IGNORECASE)
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """The embedded API Gateway: its port on 127.0.0.1 and the id of the API that is served."""

    port: int
    api_id: str

    @property
    def host(self) -> str:
        return f"{self.api_id}.execute-api.localhost:{self.port}"


class PortTaken(RuntimeError):
    """Another program listens on the port of the front."""


class Front:
    """Holds its port from the start and serves from `serve()` on."""

    def __init__(self, port: int) -> None:
        """Bind `port` (0: any free one) without accepting a connection; PortTaken if it is taken."""
        self._server = _Server(("127.0.0.1", port), _Request, bind_and_activate=False)
        try:
            self._server.server_bind()
        except OSError as taken:
            self._server.server_close()
            raise PortTaken(f"port {port} is taken") from taken
        self._thread = threading.Thread(target=self._server.serve_forever, name="front", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def serve(self, upstream: Upstream) -> None:
        """Accept connections from now on; PortTaken when another program began to listen first."""
        self._server.upstream, self._server.kept = upstream, EdgeCache()
        try:
            self._server.server_activate()
        except OSError as taken:
            raise PortTaken(f"port {self.port} is taken") from taken
        self._thread.start()

    def close(self) -> None:
        """Stop accepting and give the port back; idle connections end with the process."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    upstream: Upstream
    kept: EdgeCache

    def handle_error(self, request: object, client_address: object) -> None:
        """Note a broken connection instead of printing a trace on the terminal."""
        logger.debug("connection %s from %s broke: %s", request, client_address, sys.exception())


class _Refused(Exception):
    """A request that the front itself answers."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: _Server

    def handle_request(self) -> None:
        """Pass one request on and its answer back."""
        try:
            body = self._body()
            status, headers, content = self._answered(body)
        except _Refused as refused:
            self._problem(refused.status, refused.detail)
            return
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request  # noqa: N815 -- http.server looks for these names

    def _answered(self, body: bytes) -> Answer:
        target, upstream = self._target(), self.server.upstream
        key = key_of(self.command, target, self.headers.get("Accept-Encoding", ""))
        if key is None:
            return _answer(upstream, self.command, target, self._forwarded(body), body)
        return self.server.kept.answer(key, lambda: _answer(upstream, "GET", key.path, key.headers(), b""))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the base class refuses (a request line it cannot read, a method) as a problem."""
        self._problem(HTTPStatus(code), explain or message or "")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 -- as inherited
        logger.info("%s", format % args)

    def _target(self) -> str:
        host = self.headers.get("Host")
        if host is not None and not _OWN_NAMES.fullmatch(host):
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, "address this stage as 127.0.0.1")
        if not self.path.startswith("/"):
            raise _Refused(HTTPStatus.BAD_REQUEST, "the request target must be a path")
        return self.path

    def _forwarded(self, body: bytes) -> list[tuple[str, str]]:
        headers = list(_end_to_end(self.headers))
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        sized = body or len(kept) < len(headers)
        return [*kept, ("Content-Length", str(len(body)))] if sized else kept

    def _body(self) -> bytes:
        coding = self.headers.get("Transfer-Encoding")
        lengths = self.headers.get_all("Content-Length", [])
        if coding is None:
            return self._sized_body(lengths)
        # RFC 9112 section 6.1: both together may be an attempt at request smuggling.
        if lengths or coding.strip().lower() != "chunked":
            raise self._closing(_Refused(HTTPStatus.BAD_REQUEST, "the body's length is ambiguous"))
        return self._chunked_body()

    def _sized_body(self, lengths: list[str]) -> bytes:
        if not lengths:
            return b""
        if len(set(lengths)) != 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
            raise self._closing(_Refused(HTTPStatus.BAD_REQUEST, "the body's length is not a number"))
        return self._read(int(lengths[0]), 0)

    def _chunked_body(self) -> bytes:
        body = bytearray()
        while size := self._chunk_size():
            body += self._read(size, len(body))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailer fields
            pass
        return bytes(body)

    def _chunk_size(self) -> int:
        size = self.rfile.readline(1024).split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size):
            raise self._closing(_Refused(HTTPStatus.BAD_REQUEST, "a chunk has no size"))
        return int(size, 16)

    def _read(self, size: int, already: int) -> bytes:
        if size + already > _BODY_BYTES:
            raise self._closing(_Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "at most 10 MB (API Gateway's quota)"))
        return self.rfile.read(size)

    def _closing(self, refused: _Refused) -> _Refused:
        self.close_connection = True  # the rest of the body stands unread on the connection
        return refused

    def _problem(self, status: HTTPStatus, detail: str) -> None:
        problem = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
            "code": "local_front",
        }
        content = json.dumps(problem).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _answer(upstream: Upstream, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
    # One connection a request: none can be stale, so nothing is ever sent twice.
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=_UPSTREAM_SECONDS)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", upstream.host)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body or None)
        response = connection.getresponse()
        content = response.read()
    except TimeoutError:
        raise _Refused(HTTPStatus.GATEWAY_TIMEOUT, "the stage did not answer in time") from None
    except (OSError, http.client.HTTPException):
        raise _Refused(HTTPStatus.BAD_GATEWAY, "the stage is not answering") from None
    finally:
        connection.close()
    return response.status, _backward(response, method, content), content


def _backward(response: http.client.HTTPResponse, method: str, content: bytes) -> list[tuple[str, str]]:
    headers = list(_end_to_end(response.headers))
    # RFC 9110 section 8.6: none in a 204; in an answer to HEAD it tells what GET would have sent.
    if response.status == HTTPStatus.NO_CONTENT:
        return [(name, value) for name, value in headers if name.lower() != "content-length"]
    if method == "HEAD" or response.status == HTTPStatus.NOT_MODIFIED:
        return headers
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return [*kept, ("Content-Length", str(len(content)))]


def _end_to_end(headers: Message) -> Iterator[tuple[str, str]]:
    listed = ",".join(headers.get_all("Connection", [])).split(",")
    dropped = _HOP_BY_HOP | {name.strip().lower() for name in listed}
    return ((name, value) for name, value in headers.items() if name.lower() not in dropped)
