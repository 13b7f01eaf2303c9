"""A sign-in that something overtakes between its password and its commit."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.password.handler import handler as password_handler
from shared.runtime.argon2id import hashed
from shared.store.wire import Wire
from tests.functions.estate import PASSWORD, Estate, Person, Place, call, event, login, me, refresh

NEW = "another horse, another battery"
ABROAD = Place(country="FR", address="192.0.2.10")


@pytest.fixture
def overtaken(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Let something happen right before the next sign-in commits its outcome."""
    original = Wire.call
    audit_logs = estate.environ["AUDIT_LOGS_TABLE"]

    def let(happen: Callable[[], None]) -> None:
        waiting = [happen]

        def overtake(self: Wire, operation: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
            puts = [item.get("Put", {}).get("TableName") for item in request.get("TransactItems", ())]
            if audit_logs in puts and waiting:
                waiting.pop()()
            return original(self, operation, request, **more)

        monkeypatch.setattr(Wire, "call", overtake)

    return let


def change(bearer: str) -> None:
    body = {"current": PASSWORD, "new": NEW}
    assert call(password_handler, event("POST /api/auth/password", body, bearer=bearer)).status == 200


def stored_anew(estate: Estate, person: Person) -> None:
    """Put another hash where the gate stays as it is: what a torn read would not notice."""
    estate.change_row(
        "tenant_staff",
        {"tenant": person.tenant, "item": f"{person.staff_id}#factor#password"},
        {"hash": hashed(NEW)},
    )


def test_old_password_opens_nothing_once_it_was_changed(
    estate: Estate, person: Person, overtaken: Callable[[Callable[[], None]], None]
) -> None:
    owner = login(person).body["access_token"]
    overtaken(lambda: change(owner))
    late = login(person)
    assert (late.status, late.code) == (401, "invalid_credentials")
    assert estate.events(person.tenant)[-1]["reason"] == "WRONG_PASSWORD"


def test_password_is_held_to_the_hash_that_it_was_proved_against(
    estate: Estate, person: Person, overtaken: Callable[[Callable[[], None]], None]
) -> None:
    login(person)
    overtaken(lambda: stored_anew(estate, person))
    assert login(person).code == "invalid_credentials"


def test_question_is_not_put_for_a_password_that_was_changed(
    estate: Estate, tenant: str, overtaken: Callable[[Callable[[], None]], None]
) -> None:
    person = estate.new_person(tenant, totp=True)
    owner = login(person).body["access_token"]
    overtaken(lambda: change(owner))
    assert login(person, device="device-2", place=ABROAD).code == "invalid_credentials"
    assert "STEP_UP_REQUIRED" not in estate.actions(tenant)


def test_block_is_not_made_on_a_password_that_was_changed(
    estate: Estate, tenant: str, overtaken: Callable[[Callable[[], None]], None]
) -> None:
    person = estate.new_person(tenant)
    login(person)
    overtaken(lambda: stored_anew(estate, person))
    assert login(person, device="device-2", place=Place(country="JP")).code == "invalid_credentials"
    assert "SESSION_BLOCKED" not in estate.actions(tenant)


def test_deactivation_before_the_commit_wins(
    estate: Estate, person: Person, overtaken: Callable[[Callable[[], None]], None]
) -> None:
    overtaken(lambda: estate.change_gate(person, "status", "DEACTIVATED"))
    assert login(person).code == "invalid_credentials"
    assert estate.session_rows(person) == []


def test_challenge_of_a_refresh_is_not_put_once_its_owner_is_gone(
    estate: Estate, tenant: str, overtaken: Callable[[Callable[[], None]], None]
) -> None:
    person = estate.new_person(tenant, totp=True)
    token = login(person).body["refresh_token"]
    # The first commit is the attempt to rotate, the second one the challenge.
    overtaken(lambda: overtaken(lambda: estate.change_gate(person, "status", "DEACTIVATED")))
    response = refresh(token, device="thief", place=ABROAD)
    assert response.code == "invalid_grant"
    assert "pending_challenge" not in estate.session_rows(person)[0]
    assert "STEP_UP_REQUIRED" not in estate.actions(tenant)


def test_session_that_came_along_to_a_new_version_counts_towards_the_limit(estate: Estate, tenant: str) -> None:
    estate.change_settings(tenant, {"concurrent_sessions": 2})
    person = estate.new_person(tenant)
    kept = login(person).body["access_token"]
    moved = call(password_handler, event("POST /api/auth/password", {"current": PASSWORD, "new": NEW}, bearer=kept))
    stored = moved.body["access_token"]
    tokens = [stored, *(login(person, password=NEW).body["access_token"] for _ in range(2))]
    assert [me(token).status for token in tokens] == [401, 200, 200]


def test_refusal_at_the_limit_is_on_record_and_costs_no_delay(estate: Estate, tenant: str) -> None:
    estate.change_settings(tenant, {"concurrent_sessions": 1, "session_limit_action": "deny"})
    person = estate.new_person(tenant)
    login(person)
    assert [login(person).code for _ in range(7)] == ["session_limit"] * 7
    last = estate.events(tenant)[-1]
    assert (last["action"], last["reason"]) == ("AUTH_LOGIN_FAILED", "SESSION_LIMIT")
