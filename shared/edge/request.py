"""An API Gateway event (payload format 2.0) as a frozen request. Everything in it but the route is untrusted."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.edge.problem import Refused, invalid_request
from shared.edge.viewer import Viewer

MAX_BODY_BYTES: Final = 64 * 1024
_BEARER: Final = "bearer "
_REQUEST_ID: Final = re.compile("[A-Za-z0-9=_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the API, unauthenticated as yet.

    `now` is the one clock reading of the request (Unix seconds); `route` is the route key, or the method and path where
    no route matched; `query` holds each parameter once. A cookie that is sent twice under one name is none.
    `further_headers` is the one thing that changes: the guard says there what every answer carries, a refusal too.
    """

    method: str
    path: str
    route: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes
    request_id: str
    viewer: Viewer
    now: float
    further_headers: dict[str, str] = field(default_factory=dict)


def request_id_of(event: Mapping[str, Any]) -> str:
    """Give API Gateway's id of the request; "unknown" for an event that has none."""
    text = str(event.get("requestContext", {}).get("requestId", ""))
    return text if _REQUEST_ID.fullmatch(text) else "unknown"


def lower_headers(event: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in event.get("headers", {}).items()}


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """Give the bearer token of a request (RFC 6750 section 2.1), unread; None where there is none."""
    header = headers.get("authorization", "")
    return header[len(_BEARER) :].strip() if header[: len(_BEARER)].lower() == _BEARER else None


def request_of(
    event: Mapping[str, Any], viewer: Viewer, now: float, further_headers: dict[str, str] | None = None
) -> Request:
    """Read an event; raises `Refused` for a body that is too large or a parameter that is given twice."""
    http, headers = event["requestContext"]["http"], lower_headers(event)
    route = event.get("routeKey", "$default")
    return Request(
        method=http["method"],
        path=event["rawPath"],
        route=f"{http['method']} {event['rawPath']}" if route == "$default" else route,
        path_parameters=event.get("pathParameters") or {},
        query=_query(event.get("rawQueryString", "")),
        headers=headers,
        cookies=_cookies(event.get("cookies") or [headers.get("cookie", "")]),
        body=_body(event),
        request_id=request_id_of(event),
        viewer=viewer,
        now=now,
        further_headers={} if further_headers is None else further_headers,
    )


def _cookies(sent: Sequence[object]) -> dict[str, str]:
    """Read the cookies: API Gateway hands them over apart, a front that does not leaves them in the header."""
    if sent == [""]:
        return {}
    pairs = [part.strip().partition("=") for text in sent for part in str(text).split(";")]
    found: dict[str, str] = {}
    twice = set()
    for name, equals, value in pairs:
        if equals and name in found:
            twice.add(name)
        elif equals:
            found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


def _query(raw: str) -> dict[str, str]:
    if not raw:
        return {}
    from urllib.parse import parse_qsl  # noqa: PLC0415 - no hot route has a query

    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=64, errors="strict")
    except ValueError as fault:
        raise invalid_request([("", "The query string is not UTF-8 or has too many parameters.")]) from fault
    query = dict(pairs)
    if len(query) != len(pairs):
        raise invalid_request([("", "A query parameter is given twice.")])
    return query


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode("utf-8", "surrogatepass")
    if len(body) > MAX_BODY_BYTES:
        raise Refused(413, "payload_too_large", f"At most {MAX_BODY_BYTES} bytes are read.")
    return body
