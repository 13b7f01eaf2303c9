"""What a change of factors does to the sessions of the person: all others end in its commit, the acting one goes on."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.step_up.handler import handler as step_up_handler
from shared.store.histories import history_key
from shared.store.item import get
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, Person, Response, call, event, login, me, refresh, step_up
from tests.functions.held_session import hold
from tests.functions.passkey_calls import removed, secured
from tests.functions.signed_in import SignedIn, sign_in

REMOVE_TOTP = "DELETE /api/auth/factors/totp"
MOST = 90


@pytest.fixture
def member(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, "member", totp=True)


@pytest.fixture
def acting(estate: Estate, member: Person) -> SignedIn:
    session = sign_in(estate, member)
    session.prove("account_security")
    return session


def without_totp(session: SignedIn) -> Response:
    return call(step_up_handler, event(REMOVE_TOTP, bearer=session.access_token))


def told(estate: Estate, person: Person) -> list[dict[str, Any]]:
    return [line for line in estate.events(person.tenant) if line["action"] == "SESSION_INVALIDATED"]


def test_acting_session_and_its_tokens_go_on_as_they_were(estate: Estate, member: Person) -> None:
    tokens = login(member).body
    bearer = secured(estate, member, tokens["access_token"])
    (before,) = estate.session_rows(member)
    assert call(step_up_handler, event(REMOVE_TOTP, bearer=bearer)).status == 204
    (after,) = estate.session_rows(member)
    assert after == before
    assert [me(token).status for token in (tokens["access_token"], bearer)] == [200, 200]
    assert refresh(tokens["refresh_token"]).status == 200
    assert told(estate, member) == [], "there was no other session"


def test_other_sessions_end_for_good_and_one_event_names_them(estate: Estate, member: Person, acting: SignedIn) -> None:
    others = [sign_in(estate, member, device=device) for device in ("phone", "tablet")]
    others[1].change_row(pending_challenge={"challenge_id": "c", "expires_at": 1, "methods": []}, sealed=b"x")
    assert without_totp(acting).status == 204
    for other in others:
        row = other.row()
        assert (row["status"], row["revoke_reason"]) == ("REVOKED", "factor_changed")
        assert abs(row["ended_at"] - estate.clock()) < 10
        assert {"review_at", "sealed", "pending_challenge"}.isdisjoint(row)
    (line,) = told(estate, member)
    assert (line["reason"], line["meta"]) == ("factor_changed", {"scope": "others", "sessions": 2})
    ended = [target["id"] for target in line["targets"] if target["type"] == "session"]
    assert line["targets"][0] == {"type": "user", "id": member.staff_id}
    assert sorted(ended) == sorted(other.session_id for other in others)


def test_history_forgets_the_ended_sessions_and_keeps_the_acting_one(estate: Estate, member: Person) -> None:
    bearer = secured(estate, member, login(member).body["access_token"])
    (acting,) = estate.session_rows(member)
    ended = login(member, device="phone").body["session"]["session_id"]
    key = history_key(member.tenant, member.staff_id)
    before = get(estate.dynamodb, estate.prefix + "tenant_staff", key)
    assert call(step_up_handler, event(REMOVE_TOTP, bearer=bearer)).status == 204
    after = get(estate.dynamodb, estate.prefix + "tenant_staff", key)
    assert before is not None
    assert after is not None
    assert ended.encode() in before["sessions"]
    assert ended.encode() not in after["sessions"]
    assert acting["session_id"].encode() in after["sessions"]
    assert after == {**before, "sessions": after["sessions"], "version": before["version"] + 1}


def test_what_has_ended_already_is_left_as_it_was(estate: Estate, member: Person, acting: SignedIn) -> None:
    now = int(estate.clock())
    long_idle, of_another_version, logged_out = (sign_in(estate, member) for _ in range(3))
    long_idle.change_row(idle_expires_at=now - 3_600)
    of_another_version.change_row(session_version=7)
    logged_out.change_row(status="REVOKED", revoke_reason="logout")
    before = [each.row() for each in (long_idle, of_another_version, logged_out)]
    assert without_totp(acting).status == 204
    assert [each.row() for each in (long_idle, of_another_version, logged_out)] == before
    assert told(estate, member) == []


def test_session_that_a_late_refresh_could_still_save_ends_too(
    estate: Estate, member: Person, acting: SignedIn
) -> None:
    just_idle = sign_in(estate, member)
    just_idle.change_row(idle_expires_at=int(estate.clock()) - 30)
    assert without_totp(acting).status == 204
    assert just_idle.row()["revoke_reason"] == "factor_changed"


def test_as_many_sessions_as_a_transaction_takes_end_in_one_and_more_are_refused(
    estate: Estate, member: Person, acting: SignedIn, calls: Calls
) -> None:
    one_too_many = sign_in(estate, member)
    held = [hold(estate, member, int(estate.clock())) for _ in range(MOST)]
    refused = without_totp(acting)
    assert (refused.status, refused.code) == (409, "session_limit")
    assert {row["status"] for row in estate.session_rows(member)} == {"ACTIVE"}
    one_too_many.change_row(status="REVOKED")
    calls.clear()
    assert without_totp(acting).status == 204
    assert calls.operations().count("TransactWriteItems") == 1
    assert {each.row(estate)["status"] for each in held} == {"REVOKED"}
    assert told(estate, member)[0]["meta"]["sessions"] == MOST


def test_more_rows_than_are_read_refuse_the_change(
    estate: Estate, member: Person, acting: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sign_in(estate, member)
    monkeypatch.setattr("functions.step_up.change.MAX_ROWS", 2)
    assert without_totp(acting).status == 503
    assert other.row()["status"] == "ACTIVE"


def test_change_that_cannot_be_recorded_ends_nothing(
    estate: Estate,
    member: Person,
    acting: SignedIn,
    audit_write_fails: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = sign_in(estate, member)
    with monkeypatch.context():
        audit_write_fails()
        assert without_totp(acting).status == 503
    assert other.row()["status"] == "ACTIVE"
    assert f"{member.staff_id}#factor#totp" in [row["item"] for row in estate.rows("tenant_staff")]


def test_what_ends_is_read_before_the_factors(acting: SignedIn, calls: Calls) -> None:
    assert without_totp(acting).status == 204
    acts: list[tuple[str, Callable[[], Response]]] = [
        ("not_found", lambda: without_totp(acting)),
        ("not_found", lambda: removed(acting.access_token, "x")),
        ("mfa_enrollment_required", lambda: step_up("factors/recovery-codes", None, acting.access_token)),
    ]
    for code, act in acts:
        calls.clear()
        assert act().code == code
        assert calls.operations() == ["BatchGetItem", "GetItem", "Query", "BatchGetItem"]
