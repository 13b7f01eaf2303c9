"""The front keeps of the console's files what the distribution keeps, and of the API nothing."""

from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler

import pytest

from infra.local.edge_cache import Answer, EdgeCache, Key
from infra.local.front import Front
from tests.local.test_front import front_of

FILE = "/console/0123456789abcdef/core/api.js"
FOR_EVER = "public, max-age=31536000, immutable"
SAID = {
    FILE: (HTTPStatus.OK, FOR_EVER),
    "/console/0123456789abcdef/core/gone.js": (HTTPStatus.NOT_FOUND, FOR_EVER),
    "/console/0123456789abcdef/core/own.js": (HTTPStatus.OK, "no-store"),
    "/console/0123456789abcdef/core/one.js": (HTTPStatus.OK, "private, max-age=60"),
    "/console/0123456789abcdef/core/now.js": (HTTPStatus.OK, "public, max-age=0"),
    "/": (HTTPStatus.OK, FOR_EVER),
    "/api/staff": (HTTPStatus.OK, FOR_EVER),
}


class Origin(BaseHTTPRequestHandler):
    """Stands for the API, and remembers what it was asked: `(line, headers)`."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, dict[str, str]]]

    def do_GET(self) -> None:
        type(self).asked.append((self.requestline, {name.lower(): value for name, value in self.headers.items()}))
        status, kept = SAID[self.path.partition("?")[0]]
        content = self.headers.get("Accept-Encoding", "as it is").encode()
        self.send_response_only(status)
        self.send_header("Cache-Control", kept)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_HEAD = do_POST = do_GET  # noqa: N815 -- http.server looks for these names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def front() -> Iterator[Front]:
    Origin.asked = []
    with front_of(Origin) as served:
        yield served


def get(front: Front, target: str, method: str = "GET", **headers: str) -> tuple[int, bytes, str | None]:
    connection = HTTPConnection("127.0.0.1", front.port, timeout=10)
    try:
        connection.request(method, target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read(), response.headers["Cache-Control"]
    finally:
        connection.close()


def test_a_file_is_asked_for_once_and_answered_alike_from_then_on(front: Front) -> None:
    first = get(front, FILE, Accept_Encoding="gzip, br")
    assert first == (HTTPStatus.OK, b"gzip", FOR_EVER)
    assert [get(front, FILE, Accept_Encoding="br, gzip") for _ in range(3)] == [first] * 3
    assert len(Origin.asked) == 1


def test_who_takes_no_gzip_is_not_given_what_was_kept_for_who_does(front: Front) -> None:
    get(front, FILE, Accept_Encoding="gzip")
    assert get(front, FILE, Accept_Encoding="identity")[1] == b"as it is"


def test_the_origin_of_a_file_is_told_nothing_of_who_asks(front: Front) -> None:
    get(front, f"{FILE}?who=1", Cookie="a=1", Authorization="Bearer x", User_Agent="y", Accept_Encoding="gzip")
    ((line, headers),) = Origin.asked
    assert line == f"GET {FILE} HTTP/1.1"
    assert headers.keys() == {"host", "accept-encoding"}


@pytest.mark.parametrize("path", sorted(SAID.keys() - {FILE}))
def test_what_the_distribution_would_not_keep_is_asked_for_again(front: Front, path: str) -> None:
    for _ in range(2):
        assert get(front, path)[0] == SAID[path][0]
    assert len(Origin.asked) == 2


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_only_get_is_answered_from_what_is_kept(front: Front, method: str) -> None:
    get(front, FILE)
    get(front, FILE, method)
    assert len(Origin.asked) == 2


def test_a_failure_is_not_kept() -> None:
    cache, key = EdgeCache(), Key(FILE, gzip=True)

    def broken() -> Answer:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        cache.answer(key, broken)
    good = (200, [("Cache-Control", FOR_EVER)], b"x")
    assert cache.answer(key, lambda: good) == good


def test_what_came_first_leaves_first() -> None:
    cache, asked = EdgeCache(most=2), list[str]()

    def take(path: str) -> None:
        def ask() -> Answer:
            asked.append(path)
            return 200, [("Cache-Control", FOR_EVER)], b""

        cache.answer(Key(path, gzip=False), ask)

    for path in ("/console/1", "/console/2", "/console/3", "/console/2", "/console/1"):
        take(path)
    assert asked == ["/console/1", "/console/2", "/console/3", "/console/1"]
