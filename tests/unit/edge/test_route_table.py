"""The route table itself."""

import re

import pytest

from shared.domain.permission import PERMISSIONS
from shared.domain.step_up import PURPOSES
from shared.edge.bodies import BODIES
from shared.edge.routes import ROUTES, Route, route_of


def test_every_route_stands_once() -> None:
    keys = [route.key for route in ROUTES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
def test_route_is_declared_completely(route: Route) -> None:
    assert re.fullmatch(r"(/api|/\.well-known)(/[a-z0-9.-]+|/\{[a-z_]+\})+", route.path)
    assert route.method in {"GET", "POST", "PATCH", "DELETE"}
    assert route.summary
    assert route.permission is None or any(route.permission in held for held in PERMISSIONS.values())
    assert route.step_up is None or route.step_up in PURPOSES


def test_permission_and_step_up_are_asked_of_signed_in_callers_only() -> None:
    for route in ROUTES:
        if not route.authenticated:
            assert (route.permission, route.step_up) == (None, None), route.key


def test_only_what_proves_itself_is_open() -> None:
    open_routes = {route.path for route in ROUTES if not route.authenticated}
    assert open_routes == {
        "/api/health",
        "/api/openapi.json",
        "/.well-known/jwks.json",
        "/api/auth/login",  # a password
        "/api/auth/refresh",  # a refresh token
        "/api/auth/step-up/verify",  # an access token, or the challenge of a sign-in or a refresh
        "/api/auth/password/reset",  # nothing, and tells nothing
        "/api/auth/password/reset/complete",  # the token of a message
        "/api/auth/introspect",  # the secret of the adopter's services
    }


def test_every_route_that_changes_something_says_what_body_it_takes() -> None:
    assert {route.key for route in ROUTES if route.method != "GET"} == set(BODIES)


def test_evidence_that_leaves_asks_for_the_data_export_step_up() -> None:
    handing_out = {route.path for route in ROUTES if route.step_up == "data_export"}
    assert handing_out == {
        "/api/compliance/cc6/access-logs",
        "/api/compliance/cc7/session-invalidations",
        "/api/compliance/export/bundle",
        "/api/compliance/exports/{export_id}/download",
    }


def test_foreign_route_key_is_our_own_fault() -> None:
    assert route_of("GET /api/auth/me").concern == "sessions"
    with pytest.raises(KeyError):
        route_of("GET /api/auth/nothing")
