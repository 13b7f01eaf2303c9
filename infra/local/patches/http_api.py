"""An HTTP API answers as API Gateway does.

Vanilla, on the host name of an API:
- answers /health, /_ministack/*, /.well-known/* and other paths of its own before it looks at the
  API. On AWS the host name belongs to that API alone
  (and here a client of the front could otherwise wipe the engine with /_ministack/reset);
- answers OPTIONS itself. On AWS that is so only where CORS is configured ("Configuring CORS for an
  HTTP API"); otherwise OPTIONS is routed like any other method;
- leaves cookies in the `cookie` header. Payload format 2.0 has them in `cookies`, one a string
  ("AWS Lambda proxy integrations: payload format version");
- answers an exception of the handler with 502 and its type, message and stack trace. API Gateway
  answers 500 `{"message":"Internal Server Error"}`.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from ministack import app
from ministack.services import apigateway, lambda_svc

from infra.local.seams import Seam

_APP = "ministack.app"
_API = "ministack.services.apigateway"
_LAMBDA = "ministack.services.lambda_svc"
_REQUEST = ("method", "path", "headers")
_OF_SERVICES = (
    *_REQUEST,
    "body",
    "query_params",
    "request_id",
    "raw_path",
    "raw_query_string",
    "client_ip",
)
_IN_SCOPE = (
    "api_id",
    "stage",
    "path",
    "method",
    "headers",
    "body",
    "query_params",
    "owner_account_id",
    "owner_region",
    "raw_query_string",
)
SEAMS = (
    Seam(_APP, "_EXECUTE_API_RE", kind="Pattern"),
    Seam(_APP, "_handle_pre_body_request", (*_REQUEST, "query_params", "request_id")),
    Seam(_APP, "_handle_post_body_shortcuts", (*_REQUEST, "body", "query_params", "request_id")),
    Seam(_APP, "_handle_special_data_plane_request", _OF_SERVICES),
    Seam(
        _APP,
        "_handle_execute_api_request",
        ("host", "path", "method", "headers", "body", "query_params", "raw_path", "raw_query_string"),
    ),
    Seam(_APP, "_with_data_plane_headers"),
    Seam(_API, "_handle_execute_in_scope", _IN_SCOPE),
    Seam(_API, "_match_route", ("api_id", "method", "path")),
    Seam(_LAMBDA, "_execute_function_with_config_scope", ("func", "event")),
)

Answer = tuple[int, dict[str, Any], bytes]
_ROUTED_OPTIONS = "options"  # vanilla compares with "OPTIONS" alone; _event restores the name


def _is_api(headers: dict[str, str]) -> bool:
    named = app._EXECUTE_API_RE.match(headers.get("host", ""))
    return named is not None and apigateway.find_api_scope(named.group(1)) is not None


def _skipped_for_apis(
    vanilla: Callable[..., Awaitable[Answer | None]],
) -> Callable[..., Awaitable[Answer | None]]:
    async def handle(method: str, path: str, headers: dict[str, str], *rest: object) -> Answer | None:
        return None if _is_api(headers) else await vanilla(method, path, headers, *rest)

    return handle


def _straight_to_apis(vanilla: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def handle(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, list[str]],
        request_id: str,
        **raw: str | None,
    ) -> object:
        if not _is_api(headers):
            return await vanilla(method, path, headers, body, query_params, request_id, **raw)
        addressed = {name: raw.get(name) for name in ("raw_path", "raw_query_string")}
        answer = await app._handle_execute_api_request(
            headers["host"], path, method, headers, body, query_params, **addressed
        )
        return app._with_data_plane_headers(answer, request_id, wildcard_cors=False)

    return handle


def _routing_options(vanilla: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    async def handle(api_id: str, stage: str, path: str, method: str, *rest: object) -> Answer:
        configured = (apigateway._apis.get(api_id) or {}).get("corsConfiguration")
        if method == "OPTIONS" and not configured:
            return await vanilla(api_id, stage, path, _ROUTED_OPTIONS, *rest)
        return await vanilla(api_id, stage, path, method, *rest)

    return handle


def _matching_options(vanilla: Callable[..., object]) -> Callable[..., object]:
    def match(api_id: str, method: str, path: str) -> object:
        return vanilla(api_id, "OPTIONS" if method == _ROUTED_OPTIONS else method, path)

    return match


def _executing(vanilla: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def execute(func: dict[str, Any], event: Any) -> dict[str, Any]:  # noqa: ANN401 -- any JSON
        of_http_api = isinstance(event, dict) and {"routeKey", "rawPath"} <= event.keys()
        if not of_http_api:
            return vanilla(func, event)
        return _hide_failure(vanilla(func, _event(event)))

    return execute


def _event(event: dict[str, Any]) -> dict[str, Any]:
    headers = dict(event["headers"])
    cookies = [one.strip() for one in headers.pop("cookie", "").split(";") if one.strip()]
    http = dict(event["requestContext"]["http"])
    http["method"] = "OPTIONS" if http["method"] == _ROUTED_OPTIONS else http["method"]
    context = {**event["requestContext"], "http": http}
    with_cookies = {"cookies": cookies} if cookies else {}
    return {**event, "headers": headers, "requestContext": context, **with_cookies}


def _hide_failure(result: dict[str, Any]) -> dict[str, Any]:
    if not result.get("error") or result.get("throttle"):
        return result
    answer = {
        "statusCode": HTTPStatus.INTERNAL_SERVER_ERROR.value,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": "Internal Server Error"}, separators=(",", ":")),
    }
    return {"body": answer, "log": result.get("log", "")}


def apply() -> None:
    """Give each API its host name, OPTIONS, cookies and AWS's answer to a failure."""
    app._handle_pre_body_request = _skipped_for_apis(app._handle_pre_body_request)
    app._handle_post_body_shortcuts = _skipped_for_apis(app._handle_post_body_shortcuts)
    app._handle_special_data_plane_request = _straight_to_apis(app._handle_special_data_plane_request)
    apigateway._handle_execute_in_scope = _routing_options(apigateway._handle_execute_in_scope)
    apigateway._match_route = _matching_options(apigateway._match_route)
    lambda_svc._execute_function_with_config_scope = _executing(lambda_svc._execute_function_with_config_scope)
