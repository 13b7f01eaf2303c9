"""Muniment under test: one function in one process, as Lambda runs it, with the events that API Gateway would send.

Rules of this module
- Nothing is loaded but the function and this file, so that the process holds what an execution environment holds.
- The function is called by its handler and answers with the response that API Gateway would get. There is no stand-in
  for any part of it; DynamoDB, KMS and Secrets Manager are the embedded AWS in another process.
"""

import functools
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.benchmarks.worker import Operation, serve

DEVICE: Final = "benchmark-device"
Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def event(route: str, body: object, headers: Mapping[str, str], address: str = "198.51.100.7") -> dict[str, Any]:
    """Write an event of an HTTP API (payload format 2.0), with what CloudFront says of the viewer."""
    method, path = route.split(" ")
    document: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "x-origin-verify": os.environ["BENCHMARK_ORIGIN_SECRET"],
            "cloudfront-viewer-address": f"{address}:443",
            "cloudfront-viewer-country": "DE",
            "cloudfront-viewer-latitude": "52.52",
            "cloudfront-viewer-longitude": "13.40",
            "cloudfront-viewer-asn": "64500",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "content-type": "application/json",
            **headers,
        },
        "requestContext": {
            "requestId": "Lb51TrtReKBF=",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        document["body"] = json.dumps(body)
    return document


def empty(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    return {"statusCode": 200, "body": "{}"}


def answer(handler: Handler, asked: dict[str, Any]) -> dict[str, Any]:
    got = handler(asked, None)
    if got["statusCode"] not in {200, 204}:
        raise RuntimeError(f"{asked['routeKey']}: {got['statusCode']} {got['body']}")
    members: dict[str, Any] = json.loads(got["body"] or "{}")
    return members


def refresh_operations(given: Mapping[str, str]) -> dict[str, Operation]:
    from functions.refresh.handler import handler  # noqa: PLC0415 - a process holds one function

    current = [given["refresh_token"]]

    def refresh(by: Handler) -> None:
        body = {"refresh_token": current[0], "device_id": DEVICE}
        current[0] = answer(by, event("POST /api/auth/refresh", body, {})).get("refresh_token", current[0])

    return {"refresh": lambda: refresh(handler), "refresh.empty": lambda: refresh(empty)}


def session_operations(given: Mapping[str, str]) -> dict[str, Operation]:
    """`check` is the guard behind its door on a real route, with nothing after it; `me` is the whole route."""
    from functions.sessions.handler import _wiring, handler  # noqa: PLC0415 - as above
    from shared.edge.reply import Reply, no_content  # noqa: PLC0415 - as above
    from shared.edge.request import Request  # noqa: PLC0415 - as above

    door, flows = _wiring()
    guard = flows["GET /api/auth/me"].guard  # type: ignore[attr-defined] # the flow of `me` is known to have one
    bearer = {"authorization": f"Bearer {given['access_token']}"}

    def admitted(request: Request) -> Reply:
        guard.admit(request)
        return no_content()

    def ask(by: Handler) -> None:
        answer(by, event("GET /api/auth/me", None, bearer))

    return {
        "check": lambda: ask(lambda asked, _: door.answer(asked, admitted)),
        "me": lambda: ask(handler),
        "check.empty": lambda: ask(empty),
        "me.empty": lambda: ask(empty),
    }


def login_operations(given: Mapping[str, str]) -> dict[str, Operation]:
    """Each login is another person's: the first makes the device known, the one after that is the usual one."""
    from functions.login.handler import handler  # noqa: PLC0415 - as above
    from shared.runtime.argon2id import hashed, proves  # noqa: PLC0415 - as above

    everybody = list(enumerate(given["emails"].split(), start=1))
    password = given["password"]
    stored = hashed(password)

    def login(by: Handler, persons: Iterator[tuple[int, str]]) -> None:
        number, email = next(persons)
        body = {"tenant": given["tenant"], "email": email, "password": password, "device_id": DEVICE}
        answer(by, event("POST /api/auth/login", body, {}, f"198.51.100.{number}"))

    return {
        "login": functools.partial(login, handler, itertools.cycle(everybody)),
        "login.empty": functools.partial(login, empty, itertools.cycle(everybody)),
        "argon2": lambda: proves(password, stored),
        "argon2.empty": lambda: None,
    }


_OPERATIONS: Final = {"refresh": refresh_operations, "sessions": session_operations, "login": login_operations}


if __name__ == "__main__":
    serve(_OPERATIONS[sys.argv[1]], {"Python": sys.version.split()[0]})
