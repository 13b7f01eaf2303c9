"""The route table itself."""

import re

import pytest

from functions.front.body_table import BODIES
from shared.audit.catalogue import load
from shared.domain.permission import ABOUT
from shared.domain.step_up import PURPOSES
from shared.edge.compliance_routes import REPORTS
from shared.edge.route import Route
from shared.edge.routes import ROUTES, route_of


def test_every_route_stands_once() -> None:
    keys = [route.key for route in ROUTES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
def test_route_is_declared_completely(route: Route) -> None:
    assert route.path == "/" or re.fullmatch(r"(/[a-z0-9.-]+|/\{[a-z_]+\})+", route.path)
    assert (route.concern == "console") != route.path.startswith(("/api/", "/.well-known/"))
    assert route.method in {"GET", "POST", "PATCH", "DELETE"}
    assert route.summary
    assert route.permission is None or route.permission in ABOUT
    assert route.step_up is None or route.step_up in PURPOSES


def test_route_that_declares_no_permission_is_open_and_asks_for_no_step_up() -> None:
    for route in ROUTES:
        if route.permission is None:
            assert (route.authenticated, route.step_up, route.impersonation) == (False, None, False), route.key


def test_nothing_that_asks_for_a_step_up_is_served_to_an_impersonation() -> None:
    """Exports, factors, roles, rules, connections: whatever needs a proof is for the person's own hand."""
    assert [route.key for route in ROUTES if route.impersonation and route.step_up] == []


def test_read_mode_is_served_nothing_that_changes_anything() -> None:
    served = {route.key for route in ROUTES if route.serves_impersonation(read_only=True)}
    assert {key for key in served if not key.startswith("GET ")} == {"DELETE /api/impersonation"}, "but its own end"
    assert {"GET /api/auth/me", "GET /api/settings/security"} <= served
    assert not [
        route.key for route in ROUTES if not route.impersonation and route.serves_impersonation(read_only=False)
    ]


def test_only_what_proves_itself_is_open() -> None:
    open_routes = {route.path for route in ROUTES if not route.authenticated}
    assert open_routes == {
        "/api/health",
        "/api/openapi.json",
        "/.well-known/jwks.json",
        "/api/auth/login",  # a password
        "/api/auth/refresh",  # a refresh token
        "/api/auth/step-up/verify",  # an access token, or the challenge of a sign-in or a refresh
        "/api/auth/invites/accept",  # the token of an invitation
        "/api/auth/password/reset",  # nothing, and tells nothing
        "/api/auth/password/reset/complete",  # the token of a message
        "/api/auth/sso/discover",  # a proven mail domain, and tells which provider it has
        "/api/auth/sso/{tenant}/{connection}/start",  # nothing, and tells where the provider is
        "/api/auth/sso/callback",  # the journey of this browser, and the word of its provider
        "/api/auth/sso/token",  # the code of a callback, and the cookie beside it
        "/api/share/{token}",  # the token of a share link
        "/api/auth/introspect",  # the secret of the adopter's services
        "/",  # nothing: the console is the same for everybody
        "/accept-invite",
        "/reset-password",
        "/console/{build}/{folder}/{file}",
    }


def test_every_route_that_changes_something_says_what_body_it_takes() -> None:
    assert {route.key for route in ROUTES if route.method != "GET"} == set(BODIES)


def test_evidence_that_leaves_asks_for_the_data_export_step_up() -> None:
    handing_out = {route.path for route in ROUTES if route.step_up == "data_export"}
    assert handing_out == {
        *(f"/api/compliance/{section}/{slug}" for section, slugs in REPORTS.items() for slug in slugs),
        "/api/compliance/events/{event_id}/proof",
        "/api/compliance/export/bundle",
        "/api/compliance/exports/{export_id}/download",
        "/api/compliance/samples",
        "/api/compliance/exports/{export_id}/share-links",
    }


def test_every_report_of_the_catalogue_is_served_in_its_section() -> None:
    catalogue = load()
    of_catalogue = {
        (each.section.lower(), each.slug) for each in (*catalogue.reports.values(), catalogue.incidents) if each
    }
    assert {(section, slug) for section, slugs in REPORTS.items() for slug in slugs} == of_catalogue


def test_foreign_route_key_is_our_own_fault() -> None:
    assert route_of("GET /api/auth/me").concern == "sessions"
    with pytest.raises(KeyError):
        route_of("GET /api/auth/nothing")
