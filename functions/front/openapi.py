"""The description of the API (OpenAPI 3.1), generated from the routes and bodies that the code itself uses."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from functions.front.body_table import BODIES
from shared.edge.fields import Body, Field
from shared.edge.problem import TYPE_PREFIX
from shared.edge.route import Route
from shared.edge.routes import ROUTES

_TYPES: Final[Mapping[type, str]] = {str: "string", int: "integer", bool: "boolean", dict: "object", list: "array"}

# What a route answers when all is well, where it is not 200 with a JSON body.
_SUCCESS: Final[Mapping[str, tuple[int, str]]] = {
    "POST /api/auth/logout": (204, "The session has ended"),
    "DELETE /api/auth/sessions/{session_id}": (204, "The session has ended"),
    "POST /api/auth/factors/totp": (201, "The secret, shown once"),
    "DELETE /api/auth/factors/totp": (204, "The authenticator is removed"),
    "POST /api/auth/factors/passkeys": (201, "The creation options"),
    "DELETE /api/auth/factors/passkeys/{passkey_id}": (204, "The passkey is removed"),
    "POST /api/auth/password/reset": (202, "A message was sent to whoever exists"),
    "POST /api/auth/password/reset/complete": (204, "The password is set"),
    "POST /api/auth/step-up/challenges": (201, "The challenge"),
    "POST /api/staff/invites": (201, "The invite; its token is in the mail alone"),
    "DELETE /api/staff/invites/{invite_id}": (204, "The invite is revoked"),
    "POST /api/legal-holds": (201, "The hold, which counts from this commit on"),
    "POST /api/impersonation": (201, "The access token of the impersonation; there is no refresh token"),
    "DELETE /api/impersonation": (204, "The impersonation has ended"),
    "POST /api/ip-rules": (201, "The rule, which counts until it must be confirmed"),
    "POST /api/sso-connections": (201, "The connection, with the records that prove its domains"),
    "DELETE /api/sso-connections/{connection_id}": (204, "The connection is removed; nobody signs in by it any more"),
    "GET /api/auth/sso/{tenant}/{connection}/start": (302, "The authorization endpoint of the provider"),
    "GET /api/auth/sso/callback": (
        302,
        "The console, with a code in the fragment; 200 with tokens for mode=json; what links answers 302 or 204",
    ),
    "DELETE /api/auth/sso/identities/{identity_id}": (204, "The identity signs nobody in any more"),
    "POST /api/compliance/access-reviews": (201, "The review, of a snapshot that stays as it is"),
    "POST /api/compliance/calendar/waivers": (201, "The waiver, which counts until its end"),
    "POST /api/compliance/export/bundle": (202, "The export has been accepted"),
    "GET /api/compliance/exports/{export_id}/download": (
        302,
        "The presigned address; with redirect=false 200, and the address in {url, expires_at, name}",
    ),
}
_JSON: Final = "application/json"
# Bodies that are also taken as a form (RFC 7662 section 2.1).
_FORMS: Final = frozenset({"POST /api/auth/introspect"})
# How the caller proves himself where it is not the bearer of every signed-in route; `{}` is nobody.
_SECURITY: Final[Mapping[str, list[dict[str, list[str]]]]] = {
    "POST /api/auth/introspect": [{"introspection": []}],
    "POST /api/auth/step-up/verify": [{}, {"bearer": []}],
}
_REPORT_QUERY: Final = (
    ("from", "First day, inclusive (YYYY-MM-DD in `tz`)", True, {"type": "string", "format": "date"}),
    ("to", "Last day, inclusive", True, {"type": "string", "format": "date"}),
    ("tz", "Time zone of the days; UTC without it", False, {"type": "string"}),
    ("format", "json (default) or csv", False, {"type": "string", "enum": ["json", "csv"]}),
    ("limit", "Rows of one page", False, {"type": "integer", "minimum": 1, "maximum": 1000}),
    ("cursor", "Where the last page ended", False, {"type": "string"}),
)
_DOCUMENT_FORMAT: Final = (
    "format",
    "json (default) or markdown",
    False,
    {"type": "string", "enum": ["json", "markdown"]},
)
_QUERIES: Final[Mapping[str, tuple[tuple[str, str, bool, dict[str, Any]], ...]]] = {
    "GET /api/compliance/log/checkpoint": (
        ("format", "note (default, or as Accept asks) or json", False, {"type": "string", "enum": ["note", "json"]}),
        ("from_size", "Size of an earlier checkpoint, to prove its continuation", False, {"type": "integer"}),
    ),
    "GET /api/compliance/exports": (
        ("kind", "Exports of this kind alone", False, {"type": "string", "enum": ["bundle", "report", "sample"]}),
        ("limit", "Rows of one page", False, {"type": "integer", "minimum": 1, "maximum": 200}),
        ("cursor", "Where the last page ended", False, {"type": "string"}),
    ),
    "GET /api/compliance/exports/{export_id}/download": (
        ("redirect", "Whether the answer leads there by itself", False, {"type": "string", "enum": ["true", "false"]}),
    ),
    "GET /api/compliance/policies": (_DOCUMENT_FORMAT,),
    "GET /api/compliance/questions": (
        (
            "from",
            "First day, inclusive; without a range, the last 90 days",
            False,
            {"type": "string", "format": "date"},
        ),
        ("to", "Last day, inclusive", False, {"type": "string", "format": "date"}),
        ("tz", "Time zone of the days; UTC without it", False, {"type": "string"}),
        _DOCUMENT_FORMAT,
    ),
    "DELETE /api/ip-rules/{rule_id}": (
        (
            "confirm",
            "Whether it goes even if its author is refused",
            False,
            {"type": "string", "enum": ["true", "false"]},
        ),
    ),
    "GET /api/auth/sso/{tenant}/{connection}/start": (
        ("mode", "json: the callback answers with tokens", False, {"type": "string", "enum": ["console", "json"]}),
        ("device_id", "Random id of this installation, with json", False, {"type": "string", "maxLength": 256}),
    ),
    "GET /api/auth/sso/callback": tuple(
        (name, about, False, {"type": "string"})
        for name, about in (
            ("connection", "The connection, as in its redirect URI"),
            ("code", "The authorization code"),
            ("state", "The state that the sign-in left with"),
            ("iss", "The issuer that answers (RFC 9207)"),
            ("error", "Why there is no code"),
        )
    ),
    "GET /api/auth/sessions": (
        ("ended", "Whether ended sessions are listed too", False, {"type": "string", "enum": ["true", "false"]}),
    ),
    "GET /api/compliance/access-list": (
        ("scope", "Whose access", False, {"type": "string", "enum": ["administrators", "all"]}),
        ("format", "json (default) or csv", False, {"type": "string", "enum": ["json", "csv"]}),
    ),
    "GET /api/compliance/access-reviews/{review_id}/export": (
        ("format", "json (default) or csv", False, {"type": "string", "enum": ["json", "csv"]}),
    ),
    "GET /api/impersonation": (
        ("limit", "Rows of one page", False, {"type": "integer", "minimum": 1, "maximum": 100}),
        ("cursor", "Where the last page ended", False, {"type": "string"}),
    ),
}


def description(server: str, version: str) -> dict[str, Any]:
    """Describe every route of the API, in the order of the route table; the console's pages are none."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        if route.concern == "console":
            continue
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Muniment", "version": version, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _problem_schema()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"},
                "introspection": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The user is `introspection`, the password the deployment's secret",
                },
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    status, text = _SUCCESS.get(route.key, (200, "Done"))
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.concern],
        "responses": {str(status): {"description": text}, "default": _problem_response()},
    }
    if route.authenticated or route.key in _SECURITY:
        operation["security"] = _SECURITY.get(route.key, [{"bearer": []}])
    if route.permission is not None:
        operation["x-permission"] = route.permission
    if route.step_up is not None:
        operation["x-step-up"] = route.step_up
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    body = BODIES.get(route.key)
    if body is not None and body.fields:
        forms = ("application/x-www-form-urlencoded",) if route.key in _FORMS else ()
        operation["requestBody"] = _request_body(body, (*forms, _JSON))
    return operation


def _operation_id(route: Route) -> str:
    words = route.path.removeprefix("/api/").replace("{", "").replace("}", "").replace(".", "/").replace("-", "/")
    return "_".join([route.method.lower(), *filter(None, words.split("/"))])


def _parameters(route: Route) -> list[dict[str, Any]]:
    named = [segment[1:-1] for segment in route.path.split("/") if segment.startswith("{")]
    in_path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in named]
    taken = _REPORT_QUERY if route.concern == "compliance" else _QUERIES.get(route.key, ())
    in_query = [
        {"name": name, "in": "query", "required": required, "description": about, "schema": schema}
        for name, about, required, schema in taken
    ]
    return [*in_path, *in_query]


def _request_body(body: Body, media_types: Sequence[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _field_schema(field) for field in body.fields},
        "required": [field.name for field in body.fields if field.required],
    }
    if body.one_of:
        schema["oneOf"] = [{"required": [name]} for name in body.one_of]
    needed = bool(body.one_of) or any(field.required for field in body.fields)
    return {"required": needed, "content": {media_type: {"schema": schema} for media_type in media_types}}


def _field_schema(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _TYPES[field.kind], "description": field.about}
    if field.kind is str:
        schema |= {"minLength": field.min_length, "maxLength": field.max_length}
    if field.between:
        schema |= {"minimum": field.between[0], "maximum": field.between[1]}
    if field.kind is list:
        schema["items"] = {"type": _TYPES[field.items]}
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.pattern is not None:
        schema["pattern"] = f"^{field.pattern}$"
    return schema


def _problem_response() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": "Refused: problem details (RFC 9457) with a machine-readable code",
        "content": {"application/problem+json": {"schema": schema}},
    }


def _problem_schema() -> dict[str, Any]:
    required: Sequence[str] = ("type", "title", "status", "detail", "code", "request_id")
    error = {"type": "object", "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}}}
    return {
        "type": "object",
        "required": list(required),
        "properties": {
            "type": {"type": "string", "format": "uri", "examples": [f"{TYPE_PREFIX}invalid_request"]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "request_id": {"type": "string"},
            "errors": {"type": "array", "items": error},
        },
    }
