"""An administrator without a second factor: served what leads to one, and nothing else."""

from collections.abc import Callable

import pyotp
import pytest

from shared.edge.routes import ROUTES
from shared.store.item import get
from shared.store.tenant_staff import gate_key
from shared.store.wire import Wire
from tests.functions.estate import Estate, Person, login, logout, me, step_up
from tests.functions.signed_in import CHANGE, SESSIONS, SHOW, SignedIn, sign_in
from tests.functions.test_introspection import ask as introspect
from tests.functions.test_step_up import enrol


def must_enrol(estate: Estate, person: Person) -> bool:
    row = get(estate.dynamodb, estate.prefix + "tenant_staff", gate_key(person.tenant, person.staff_id))
    assert row is not None
    return bool(row.get("must_enrol", False))


@pytest.fixture
def session(estate: Estate, person: Person) -> SignedIn:
    estate.change_row("tenant_staff", gate_key(person.tenant, person.staff_id), {"must_enrol": True})
    return sign_in(estate, person)


def test_what_leads_to_a_factor_is_served_and_nothing_else() -> None:
    assert {route.key for route in ROUTES if route.before_enrolment} == {
        "GET /api/auth/me",
        "GET /api/auth/sessions",
        "GET /api/auth/factors",
        "POST /api/auth/logout",
        "POST /api/auth/factors/totp",
        "POST /api/auth/factors/totp/confirm",
        "POST /api/auth/step-up/verify",
        "DELETE /api/impersonation",
    }


@pytest.mark.parametrize("route", [SHOW, CHANGE])
def test_without_a_factor_an_administrator_is_refused(estate: Estate, session: SignedIn, route: str) -> None:
    before = estate.events(session.person.tenant)
    refused = session.calls(route, {"max_replays": 3} if route == CHANGE else None)
    assert (refused.status, refused.code) == (401, "mfa_enrollment_required")
    assert "authenticator" in refused.body["detail"]
    assert estate.events(session.person.tenant) == before


def test_without_a_factor_an_administrator_sees_himself_and_logs_out(session: SignedIn) -> None:
    assert me(session.access_token).status == 200
    assert session.calls(SESSIONS).status == 200
    assert logout(session.access_token).status == 204


def test_first_factor_opens_the_rest(estate: Estate, session: SignedIn) -> None:
    enrol(session.access_token, estate.clock())
    assert not must_enrol(estate, session.person)
    assert session.calls(SHOW).status == 200


def test_wrong_first_code_opens_nothing(estate: Estate, session: SignedIn) -> None:
    step_up("factors/totp", None, session.access_token)
    step_up("factors/totp/confirm", {"code": "000000"}, session.access_token)
    assert must_enrol(estate, session.person)
    assert session.calls(SHOW).code == "mfa_enrollment_required"


def test_login_without_the_factor_is_held_to_it_as_well(session: SignedIn) -> None:
    bearer = login(session.person).body["access_token"]
    assert step_up("factors/passkeys", None, bearer).code == "mfa_enrollment_required"


def test_enrolment_whose_commit_is_lost_leaves_the_duty(
    estate: Estate, session: SignedIn, audit_write_fails: Callable[[], None]
) -> None:
    secret = step_up("factors/totp", None, session.access_token).body["secret"]
    audit_write_fails()
    answer = step_up("factors/totp/confirm", {"code": pyotp.TOTP(secret).at(estate.clock())}, session.access_token)
    assert answer.status == 503
    assert must_enrol(estate, session.person)


@pytest.mark.parametrize(("name", "value"), [("role", "member"), ("session_version", 2), ("status", "DEACTIVATED")])
def test_enrolment_of_somebody_whose_gate_moved_meanwhile_commits_nothing(
    estate: Estate, session: SignedIn, monkeypatch: pytest.MonkeyPatch, name: str, value: str | int
) -> None:
    secret = step_up("factors/totp", None, session.access_token).body["secret"]
    original = Wire.call

    def moving(self: Wire, operation: str, request: dict[str, object], *, deadline: float | None = None) -> object:
        if operation == "TransactWriteItems":
            estate.change_gate(session.person, name, value)
        return original(self, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", moving)
    answer = step_up("factors/totp/confirm", {"code": pyotp.TOTP(secret).at(estate.clock())}, session.access_token)
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert must_enrol(estate, session.person)
    assert "MFA_ENROLLED" not in estate.actions(session.person.tenant)


def test_other_services_are_told_that_such_a_session_is_not_active(estate: Estate, session: SignedIn) -> None:
    assert introspect(session.access_token).body == {"active": False}
    enrol(session.access_token, estate.clock())
    assert introspect(session.access_token).body["active"] is True
