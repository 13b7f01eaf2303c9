"""Health, the API description, and what no route takes."""

import pytest

from functions.front.body_table import BODIES
from functions.front.handler import handler
from shared.edge.routes import ROUTES
from tests.functions.estate import Estate, call, event


@pytest.fixture(autouse=True)
def _environment(estate: Estate) -> None:
    assert estate


def test_health_says_ok() -> None:
    response = call(handler, event("GET /api/health"))
    assert (response.status, response.body) == (200, {"status": "ok"})


def test_description_lists_every_route_and_every_field() -> None:
    document = call(handler, event("GET /api/openapi.json")).body
    assert document["openapi"] == "3.1.0"
    described = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert described == {route.key for route in ROUTES if route.concern != "console"}
    for key, body in BODIES.items():
        method, path = key.split(" ")
        operation = document["paths"][path][method.lower()]
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        assert set(schema.get("properties", {})) == {field.name for field in body.fields}
    identifiers = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(identifiers)) == len(identifiers)


def test_description_names_path_parameters_permissions_and_security() -> None:
    paths = call(handler, event("GET /api/openapi.json")).body["paths"]
    download = paths["/api/compliance/exports/{export_id}/download"]["get"]
    assert [parameter["name"] for parameter in download["parameters"]] == ["export_id", "redirect"]
    assert (download["x-permission"], download["x-step-up"]) == ("SETTINGS_SECURITY_VIEW", "data_export")
    assert download["security"] == [{"bearer": []}]
    assert "security" not in paths["/api/auth/login"]["post"]


def test_introspection_takes_a_form_or_json_from_a_service_that_proves_itself() -> None:
    document = call(handler, event("GET /api/openapi.json")).body
    operation = document["paths"]["/api/auth/introspect"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/x-www-form-urlencoded", "application/json"}
    assert operation["security"] == [{"introspection": []}]
    assert document["components"]["securitySchemes"]["introspection"]["scheme"] == "basic"
    assert document["paths"]["/.well-known/jwks.json"]["get"]["operationId"] == "get_well_known_jwks_json"


def test_challenge_may_be_answered_with_and_without_a_bearer() -> None:
    paths = call(handler, event("GET /api/openapi.json")).body["paths"]
    assert paths["/api/auth/step-up/verify"]["post"]["security"] == [{}, {"bearer": []}]


def test_unknown_address_is_404_problem_json() -> None:
    response = call(handler, event("$default", path="/api/nothing"))
    assert (response.status, response.code) == (404, "not_found")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.body["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/api/auth/login", "POST"), ("/api/compliance/exports/exp_1", "GET"), ("/api/health", "GET")],
)
def test_known_address_with_another_method_is_405_with_allow(path: str, allow: str) -> None:
    document = event("$default", path=path)
    document["requestContext"]["http"]["method"] = "DELETE"
    response = call(handler, document)
    assert (response.status, response.headers["Allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/api/compliance/exports/", "/api/auth/login/", "/console", "//", "/api/auth"])
def test_near_misses_are_404(path: str) -> None:
    assert call(handler, event("$default", path=path)).status == 404


def test_broken_event_is_500_without_a_word_about_what_broke() -> None:
    response = call(handler, {"requestContext": {"requestId": "r1"}})
    assert (response.status, response.code) == (500, "internal_error")
    assert "KeyError" not in response.text
    assert "sourceIp" not in response.text
