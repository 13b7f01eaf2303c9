"""Requests made by hand."""

from collections.abc import Mapping

from shared.edge.request import Request
from shared.edge.viewer import Viewer

VIEWER = Viewer("198.51.100.7", "198.51.100.0/24", "DE", "curl/8", through_edge=True)


def request(
    body: bytes = b"", *, headers: Mapping[str, str] | None = None, route: str = "POST /api/auth/login"
) -> Request:
    method, path = route.split(" ")
    sent = {"content-type": "application/json"} if headers is None else headers
    return Request(method, path, route, {}, {}, sent, {}, body, "r1", VIEWER, 1_800_000_000.5)
