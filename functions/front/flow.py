"""GET /api/health, GET /api/openapi.json, and everything that no other route takes: 404, or 405 with what is taken."""

from dataclasses import dataclass

from functions.front.openapi import description
from shared.edge.problem import Refused
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.routes import ROUTES


@dataclass(frozen=True, slots=True)
class Front:
    server: str
    version: str

    def __call__(self, request: Request) -> Reply:
        if request.route == "GET /api/health":
            return json_reply(200, {"status": "ok"})
        if request.route == "GET /api/openapi.json":
            return json_reply(200, description(self.server, self.version))
        raise unknown(request.path)


def unknown(path: str) -> Refused:
    """Refuse a request that no route takes: 405 names the methods of a path that exists (RFC 9110 section 15.5.6)."""
    methods = methods_of(path)
    if not methods:
        return Refused(404, "not_found", "Check the path.")
    allow = ", ".join(methods)
    return Refused(405, "method_not_allowed", f"This address takes {allow}.", headers={"Allow": allow})


def methods_of(path: str) -> list[str]:
    """List the methods that the routes take at `path`, sorted; empty for an address that does not exist."""
    return sorted({route.method for route in ROUTES if _matches(route.path, path)})


def _matches(template: str, path: str) -> bool:
    segments, presented = template.split("/"), path.split("/")
    if len(segments) != len(presented):
        return False
    pairs = zip(segments, presented, strict=True)
    return all(text != "" if segment.startswith("{") else segment == text for segment, text in pairs)
