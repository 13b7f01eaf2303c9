"""The front passes everything on unchanged, and answers for what it cannot pass on."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.local.front import Front, PortTaken, Upstream
from tests.local.tiny_stack import TinyStack


class Recorder(BaseHTTPRequestHandler):
    """Stands for the API: keeps what it got, answers with what the front must not touch."""

    protocol_version = "HTTP/1.1"
    seen: dict[str, object]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).seen = {
            "line": self.requestline,
            "headers": [(name.lower(), value) for name, value in self.headers.items()],
            "body": body,
        }
        status = int(self.headers.get("X-Wanted-Status", 200))
        self.send_response_only(status)
        for name, value in (
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "b=2"),
            ("Location", "https://elsewhere.example/"),
            ("Keep-Alive", "timeout=5"),
            ("X-Odd", "Größe".encode().decode("latin-1")),
        ):
            self.send_header(name, value)
        content = b"" if status == HTTPStatus.NO_CONTENT else b'{"a":1}'
        if self.headers.get("X-Wanted-Coding") == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b'3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n')
            return
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 -- http.server looks for these names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def front_of(origin: type[BaseHTTPRequestHandler]) -> Iterator[Front]:
    """Put a front before a server whose requests `origin` answers."""
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), origin)
    upstream.daemon_threads = True
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    served = Front(0)
    served.serve(Upstream(upstream.server_address[1], "abcdef12"))
    yield served
    served.close()
    upstream.shutdown()
    upstream.server_close()


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    with front_of(Recorder) as served:
        yield served


@contextmanager
def talking(front: Front) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", front.port, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def ask(
    front: Front, method: str, target: str, body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with talking(front) as connection:
        connection.request(method, target, body, named)
        response = connection.getresponse()
        return response, response.read()


def raw(front: Front, request: bytes) -> bytes:
    """Send bytes as they are and read until the front closes the connection."""
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def seen_headers() -> dict[str, str]:
    headers = Recorder.seen["headers"]
    assert isinstance(headers, list)
    return dict(headers)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_method_path_and_query_arrive_as_they_were_sent(front: Front, method: str) -> None:
    target = "/api/a%2Fb/%C3%BC?x=1&x=2&y=a+b%20c&z"
    response, _body = ask(front, method, target)
    assert response.status == HTTPStatus.OK
    assert Recorder.seen["line"] == f"{method} {target} HTTP/1.1"


def test_the_host_is_the_apis_and_the_other_headers_are_the_clients(front: Front) -> None:
    ask(front, "GET", "/", X_Origin_Verify="secret", CloudFront_Viewer_Country="DE", Cookie="a=1")
    headers = seen_headers()
    assert headers["host"].startswith("abcdef12.execute-api.localhost:")
    assert headers["x-origin-verify"] == "secret"
    assert headers["cloudfront-viewer-country"] == "DE"
    assert headers["cookie"] == "a=1"


def test_no_header_is_invented(front: Front) -> None:
    answer = raw(front, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert seen_headers().keys() == {"host"}


def test_what_is_meant_for_one_connection_stays_there(front: Front) -> None:
    ask(front, "GET", "/", Connection="x-private", X_Private="1", TE="trailers", Keep_Alive="5")
    assert not {"x-private", "te", "keep-alive", "connection"} & seen_headers().keys()


def test_a_header_that_is_sent_twice_arrives_twice(front: Front) -> None:
    raw(
        front,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\nX-A: 2\r\nConnection: close\r\n\r\n",
    )
    headers = Recorder.seen["headers"]
    assert isinstance(headers, list)
    assert [value for name, value in headers if name == "x-a"] == ["1", "2"]


def test_a_body_arrives_byte_by_byte(front: Front) -> None:
    body = bytes(range(256)) * 4096
    ask(front, "POST", "/", body)
    assert Recorder.seen["body"] == body


def test_an_empty_body_keeps_its_length(front: Front) -> None:
    ask(front, "POST", "/", b"", Content_Length="0")
    assert seen_headers()["content-length"] == "0"


def test_a_chunked_body_arrives_whole(front: Front) -> None:
    request = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    assert raw(front, request).startswith(b"HTTP/1.1 200")
    assert Recorder.seen["body"] == b"abcde"


def test_a_redirect_is_passed_back_not_followed(front: Front) -> None:
    response, _body = ask(front, "GET", "/", X_Wanted_Status="302")
    assert response.status == HTTPStatus.FOUND
    assert response.headers["Location"] == "https://elsewhere.example/"


def test_each_cookie_comes_back_on_its_own_line(front: Front) -> None:
    response, body = ask(front, "GET", "/")
    assert response.headers.get_all("Set-Cookie") == ["a=1; Path=/", "b=2"]
    assert response.headers["Keep-Alive"] is None
    assert body == b'{"a":1}'


def test_a_chunked_answer_comes_back_with_its_length(front: Front) -> None:
    response, body = ask(front, "GET", "/", X_Wanted_Coding="chunked")
    assert body == b'{"a":1}'
    assert response.headers["Content-Length"] == "7"
    assert response.headers["Transfer-Encoding"] is None


def test_an_answer_without_content_has_no_length(front: Front) -> None:
    response, body = ask(front, "DELETE", "/", X_Wanted_Status="204")
    assert response.status == HTTPStatus.NO_CONTENT
    assert response.headers["Content-Length"] is None
    assert body == b""


def test_an_answer_to_head_tells_the_length_of_get(front: Front) -> None:
    response, body = ask(front, "HEAD", "/")
    assert response.headers["Content-Length"] == "7"
    assert body == b""


def test_one_connection_serves_many_requests(front: Front) -> None:
    with talking(front) as connection:
        connection.connect()
        kept = connection.sock
        for number in range(3):
            connection.request("POST", f"/{number}", b"x")
            assert connection.getresponse().read() == b'{"a":1}'
        assert connection.sock is kept


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10485761\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 501),
        (b"GET http://x/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n", 421),
    ],
)
def test_what_cannot_be_passed_on_is_answered_with_a_problem(front: Front, request_bytes: bytes, status: int) -> None:
    head, _, body = raw(front, request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status


def test_an_upstream_that_is_gone_is_a_bad_gateway() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        front = Front(0)
        front.serve(Upstream(nobody.getsockname()[1], "abcdef12"))
        try:
            response, body = ask(front, "GET", "/")
        finally:
            front.close()
    assert response.status == HTTPStatus.BAD_GATEWAY
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["code"] == "local_front"


def test_a_taken_port_is_refused() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken, match=str(other.getsockname()[1])):
            Front(other.getsockname()[1])


def test_nothing_answers_before_the_front_serves() -> None:
    front = Front(0)
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", front.port), timeout=2)
    finally:
        front.close()


def test_the_api_answers_through_the_front(tiny_stack: TinyStack) -> None:
    front = Front(0)
    front.serve(Upstream(tiny_stack.port, tiny_stack.outputs["ApiId"]))
    try:
        response, body = ask(front, "GET", "/api/items/a%20b?q=1", Cookie="c=1")
    finally:
        front.close()
    event = json.loads(body)
    assert event["pathParameters"] == {"item_id": "a b"}
    assert event["cookies"] == ["c=1"]
    assert response.headers.get_all("Set-Cookie") == [
        "__Host-a=1; Secure; HttpOnly",
        "__Host-b=2; Secure",
    ]
