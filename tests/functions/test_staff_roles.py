"""What becomes of somebody whose role is changed: his sessions, his duty to enrol, and what he is told."""

from typing import Any

import pytest

from shared.domain.permission import PERMISSIONS, ROLES, administers, covers
from tests.functions.estate import Estate, login, me, refresh
from tests.functions.passkey_calls import registered
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import DEACTIVATE, ROLE, administrator, ask, effects, gate, owners


@pytest.fixture
def session(estate: Estate, tenant: str) -> SignedIn:
    return administrator(estate, tenant)


def told(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in ("action", "outcome", "reason", "resource", "change")}


def test_changed_role_is_one_commit_with_before_and_after(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    answer = ask(session, ROLE, person.staff_id, {"role": "member"})
    assert (answer.status, answer.body) == (
        200,
        {"staff_id": person.staff_id, "role": "member", "session_version": 2, "must_enrol": False},
    )
    changed, ended = estate.events(tenant)[-2:]
    resource = f"tenant_staff/{person.staff_id}"
    assert told(changed) == {
        "action": "USER_ROLE_CHANGED",
        "outcome": "success",
        "reason": None,
        "resource": resource,
        "change": {"before": {"role": "admin"}, "after": {"role": "member"}},
    }
    assert told(ended) == {
        "action": "SESSION_INVALIDATED",
        "outcome": "success",
        "reason": "role_changed",
        "resource": resource,
        "change": {"before": {"session_version": 1}, "after": {"session_version": 2}},
    }
    assert changed["context"]["correlation_id"] == ended["context"]["correlation_id"]
    assert changed["actor"]["id"] == session.person.staff_id
    assert changed["actor"]["step_up"] == "challenge-rbac_admin"
    assert changed["targets"] == ended["targets"] == [{"type": "user", "id": person.staff_id}]
    assert changed["meta"]["access"] == "shrinks"
    row = gate(estate, person)
    assert (row["role"], row["session_version"], row["left"]["reason"]) == ("member", 2, "role_changed")


@pytest.mark.parametrize("after", ROLES)
@pytest.mark.parametrize("before", ROLES)
def test_sessions_end_exactly_when_access_shrinks_or_somebody_rises_to_an_administrator(
    estate: Estate, tenant: str, session: SignedIn, before: str, after: str
) -> None:
    if before == after:
        return
    person = estate.new_person(tenant, before, totp=True)
    live = sign_in(estate, person)
    assert ask(session, ROLE, person.staff_id, {"role": after}).status == 200
    rises = administers(after) and not administers(before)
    ends = rises or not covers(after, before)
    assert me(live.access_token).status == (401 if ends else 200)
    assert refresh(live.refresh_token).status == (401 if ends else 200)
    mails = [payload for kind, payload in effects(estate, tenant) if kind == "mail"]
    assert [mail["template"] for mail in mails] == ["role_changed" if ends else "role_adjusted"]
    if ends:
        line = estate.events(tenant)[-1]
        assert (line["action"], line["reason"]) == ("SESSION_INVALIDATED", "role_changed")
    else:
        assert me(live.access_token).body["permissions"] == sorted(PERMISSIONS[after])
        assert estate.actions(tenant).count("SESSION_INVALIDATED") == 0
    counted, there = owners(estate, tenant)
    assert counted == there == 1 + (after == "owner")


def test_role_that_one_has_already_is_no_change(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "member")
    before = len(estate.events(tenant))
    answer = ask(session, ROLE, person.staff_id, {"role": "member"})
    assert (answer.status, answer.body["session_version"]) == (200, 1)
    assert len(estate.events(tenant)) == before
    assert effects(estate, tenant) == []


@pytest.mark.parametrize(
    ("totp", "role", "enrols"), [(False, "admin", True), (True, "admin", False), (False, "auditor", False)]
)
def test_new_administrator_without_a_second_factor_must_enrol_one(
    estate: Estate,
    tenant: str,
    session: SignedIn,
    totp: bool,  # noqa: FBT001 - parametrized
    role: str,
    enrols: bool,  # noqa: FBT001 - parametrized
) -> None:
    person = estate.new_person(tenant, "member", totp=totp)
    answer = ask(session, ROLE, person.staff_id, {"role": role})
    assert answer.body["must_enrol"] is enrols
    assert gate(estate, person).get("must_enrol", False) is enrols
    if enrols:
        assert ask(session, ROLE, person.staff_id, {"role": "member"}).status == 200
        assert "must_enrol" not in gate(estate, person)


def test_passkey_alone_is_a_second_factor(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    live = sign_in(estate, person)
    live.prove("account_security")
    registered(live.access_token)
    estate.delete("tenant_staff", {"tenant": tenant, "item": f"{person.staff_id}#factor#totp"})
    assert ask(session, ROLE, person.staff_id, {"role": "admin"}).body["must_enrol"] is False


@pytest.mark.parametrize("role", ["member", "owner"])
def test_mail_about_a_role_does_not_ask_a_deactivated_person_to_sign_in(
    estate: Estate, tenant: str, session: SignedIn, role: str
) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    ask(session, DEACTIVATE, person.staff_id)
    assert ask(session, ROLE, person.staff_id, {"role": role}).status == 200
    templates = {payload["template"] for kind, payload in effects(estate, tenant) if kind == "mail"}
    assert templates == {"deactivated", "role_adjusted"}


def test_new_administrator_signs_in_for_as_long_as_administrators_may(
    estate: Estate, tenant: str, session: SignedIn
) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    assert ask(session, ROLE, person.staff_id, {"role": "admin"}).body["session_version"] == 2
    login(person)
    (row,) = estate.session_rows(person)
    assert row["absolute_expires_at"] - int(estate.clock()) <= 43_200


def test_person_is_told_of_his_roles_and_nothing_else(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    ask(session, ROLE, person.staff_id)
    payloads = dict(effects(estate, tenant))
    values = payloads["mail"]["values"]
    assert values.pop("time").endswith("Z")
    assert (payloads["mail"]["template"], values) == ("role_changed", {"from": "admin", "to": "member"})
    assert payloads["bus_event"]["detail"] == {
        "by": session.person.staff_id,
        "role": "member",
        "session_version": 2,
        "from": "admin",
        "to": "member",
    }
    assert payloads["bus_event"]["name"] == "user_role_changed"
