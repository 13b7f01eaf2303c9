"""Replies, and their form as an API Gateway response (payload format 2.0)."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

_ALWAYS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
_written: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Reply(NamedTuple):
    """`body` None stands for a reply without a body; `cookies` are whole Set-Cookie values.

    `binary` says that the body is base64 of the bytes that are sent.
    """

    status: int
    body: str | None = None
    content_type: str = JSON
    headers: Mapping[str, str] = _NO_HEADERS
    cookies: tuple[str, ...] = ()
    binary: bool = False


def json_reply(status: int, members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, written(members), JSON, headers or {})


def text_reply(status: int, text: str, content_type: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, text, content_type, headers or {})


def problem_reply(
    status: int, document: Mapping[str, Any], headers: Mapping[str, str], cookies: tuple[str, ...] = ()
) -> Reply:
    return Reply(status, written(document), PROBLEM, headers, cookies)


def no_content() -> Reply:
    return Reply(204)


def redirect(location: str) -> Reply:
    """302 to an address of our own making, for instance a presigned one; never to one that a caller named."""
    return Reply(302, headers={"Location": location})


def written(members: Mapping[str, Any]) -> str:
    return _written(members)


def gateway_response(reply: Reply, request_id: str) -> dict[str, Any]:
    """Give what the Lambda returns: every reply carries the security headers and the request id."""
    headers = {**_ALWAYS, "X-Request-Id": request_id, **reply.headers}
    if reply.body is not None:
        headers["Content-Type"] = reply.content_type
    response: dict[str, Any] = {
        "statusCode": reply.status,
        "headers": headers,
        "body": reply.body or "",
        "isBase64Encoded": reply.binary,
    }
    if reply.cookies:
        response["cookies"] = list(reply.cookies)
    return response
