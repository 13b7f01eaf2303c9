"""When an impersonation is over, what it may, and what a tenant lets it do."""

from typing import Any

import pytest

from shared.domain.impersonation import (
    CAUSES,
    ENDED,
    SUPERSEDED,
    Party,
    Terms,
    allowed,
    cause_of_end,
    impersonation_of,
    permissions_left,
)
from shared.domain.permission import ROLES
from shared.edge.routes import ROUTES

TERMS = Terms("write", actor_version=3, target_role="member", target_version=7, expires_at=1_000)
ACTOR = Party("ACTIVE", "admin", 3, session_lives=True)
TARGET = Party("ACTIVE", "member", 7, session_lives=True)
ENDS: tuple[tuple[str | None, dict[str, Any]], ...] = (
    ("expired", {"now": 1_000}),
    ("switched_off", {"setting": "off"}),
    ("switched_off", {"setting": "read"}),
    ("actor_lost_rights", {"actor": ACTOR._replace(status="DEACTIVATED")}),
    ("actor_lost_rights", {"actor": ACTOR._replace(status="MISSING", role="")}),
    ("actor_lost_rights", {"actor": ACTOR._replace(role="auditor")}),
    ("actor_lost_rights", {"actor": ACTOR._replace(role="member", session_version=4)}),
    ("target_changed", {"target": TARGET._replace(status="DEACTIVATED")}),
    ("target_changed", {"target": TARGET._replace(session_version=8)}),
    ("target_changed", {"target": TARGET._replace(role="admin")}),
    ("target_changed", {"target": TARGET._replace(role="owner")}),
    ("target_ended", {"target": TARGET._replace(session_lives=False)}),
    ("actor_session_ended", {"actor": ACTOR._replace(session_version=4)}),
    ("actor_session_ended", {"actor": ACTOR._replace(session_lives=False)}),
    (None, {"now": 999.9}),
    (None, {"target": TARGET._replace(role="auditor")}),
    (None, {"actor": ACTOR._replace(role="owner")}),
)


@pytest.mark.parametrize(("cause", "changed"), ENDS)
def test_an_impersonation_is_over_for_one_cause_and_counts_without_any(
    cause: str | None, changed: dict[str, Any]
) -> None:
    facts: dict[str, Any] = {"actor": ACTOR, "target": TARGET, "setting": "write", "now": 500, **changed}
    assert cause_of_end(TERMS, **facts) == cause


def test_every_cause_is_one_that_something_leads_to() -> None:
    by_somebody = {ENDED, SUPERSEDED}
    assert {cause for cause, _ in ENDS} - {None} == set(CAUSES) - by_somebody


def test_read_mode_goes_on_where_a_tenant_lets_people_read_only() -> None:
    terms = TERMS._replace(mode="read")
    assert cause_of_end(terms, ACTOR, TARGET, "read", 500) is None
    assert cause_of_end(terms, ACTOR, TARGET, "off", 500) == "switched_off"


@pytest.mark.parametrize("setting", ["write", "read", "off"])
@pytest.mark.parametrize("mode", ["write", "read", "off", "other"])
def test_setting_of_a_tenant_lets_its_mode_and_the_lesser_one(setting: str, mode: str) -> None:
    permitted = {("write", "write"), ("write", "read"), ("read", "read")}
    assert allowed(setting, mode) is ((setting, mode) in permitted)


def test_what_is_left_of_a_role_is_seeing_and_nothing_of_ones_own() -> None:
    assert {role: permissions_left(role) for role in (*ROLES, "unknown")} == {
        "owner": ("SETTINGS_SECURITY_VIEW", "STAFF_VIEW"),
        "admin": ("SETTINGS_SECURITY_VIEW", "STAFF_VIEW"),
        "member": (),
        "auditor": ("SETTINGS_SECURITY_VIEW",),
        "unknown": (),
    }


def test_routes_that_are_served_ask_for_what_is_left_or_are_everybodys() -> None:
    served = {route.permission for route in ROUTES if route.impersonation}
    assert served <= {*permissions_left("owner"), "OWN_ACCOUNT"}


def test_session_without_an_actor_is_its_owners() -> None:
    assert impersonation_of(None) is None
