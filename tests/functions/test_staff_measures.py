"""What administrators do to people: one commit each, with its events, its mail, and the end of what must end."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.audit.catalogue import load
from shared.evidence.evidence_row import Discloser, evidence_row
from shared.evidence.segment import Event
from shared.store.subject_keys import salts_of
from tests.functions.estate import Estate, MovableClock, login, me, refresh, step_up
from tests.functions.passkey_calls import registered, secured
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import (
    DEACTIVATE,
    MEASURES,
    REACTIVATE,
    REASON,
    RESET,
    ROLE,
    SIGN_OUT,
    administrator,
    ask,
    effects,
    gate,
)
from tests.functions.test_step_up import code_of

ENDING = (ROLE, DEACTIVATE, SIGN_OUT, RESET)


@pytest.fixture
def session(estate: Estate, tenant: str) -> SignedIn:
    return administrator(estate, tenant)


def test_deactivation_is_one_commit_and_says_how_long_it_took(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "member")
    answer = ask(session, DEACTIVATE, person.staff_id)
    assert (answer.status, answer.body) == (200, {"staff_id": person.staff_id, "session_version": 2})
    gone, ended = estate.events(tenant)[-2:]
    assert (gone["action"], gone["change"]) == (
        "USER_DEACTIVATED",
        {"before": {"status": "ACTIVE"}, "after": {"status": "DEACTIVATED"}},
    )
    assert (ended["action"], ended["reason"]) == ("SESSION_INVALIDATED", "user_deactivated")
    assert isinstance(gone["meta"]["effective_ms"], int)
    assert 0 <= gone["meta"]["effective_ms"] < 30_000
    assert gate(estate, person)["status"] == "DEACTIVATED"
    found = effects(estate, tenant)
    assert sorted(kind for kind, _ in found) == ["bus_event", "mail"]
    payloads = dict(found)
    assert (payloads["mail"]["template"], payloads["mail"]["staff_id"]) == ("deactivated", person.staff_id)
    assert (payloads["bus_event"]["name"], payloads["bus_event"]["staff_id"]) == ("user_deactivated", person.staff_id)
    assert payloads["bus_event"]["correlation"] == gone["context"]["correlation_id"]


def test_effective_ms_is_counted_from_the_arrival_of_the_request(
    estate: Estate, tenant: str, session: SignedIn, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> None:
    from functions.staff import flow  # noqa: PLC0415 - what is slowed down

    original = flow.person_at

    def slow(*arguments: Any) -> Any:
        clock.offset += 2.5
        return original(*arguments)

    monkeypatch.setattr(flow, "person_at", slow)
    person = estate.new_person(tenant, "member")
    assert ask(session, DEACTIVATE, person.staff_id).status == 200
    assert 2_500 <= estate.events(tenant)[-2]["meta"]["effective_ms"] < 12_500


def test_row_of_evidence_holds_effective_ms_and_the_criteria(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "member")
    ask(session, DEACTIVATE, person.staff_id)
    gone, ended = estate.events(tenant)[-2:]
    rows = [evidence_row(Event(b"", members, b""), [], load()) for members in (gone, ended)]
    assert rows[0]["metadata"] == {"role": "member", "effective_ms": gone["meta"]["effective_ms"]}
    assert (rows[0]["before"], rows[0]["after"]) == ({"status": "ACTIVE"}, {"status": "DEACTIVATED"})
    assert (rows[0]["tsc"], rows[1]["tsc"]) == (["CC6.2", "CC6.3"], ["CC6.2", "CC6.3"])
    assert (rows[0]["actor_id"], rows[0]["target_id"]) == (session.person.staff_id, person.staff_id)
    reports = load().actions["USER_DEACTIVATED"]["reports"]
    assert {"access-logs", "role-changes"} <= set(reports)


@pytest.mark.parametrize("route", ENDING)
def test_in_the_next_request_nothing_that_was_open_is_left(
    estate: Estate, tenant: str, session: SignedIn, route: str
) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    live = sign_in(estate, person)
    asked = step_up("step-up/challenges", {"purpose": "data_export"}, live.access_token).body["challenge_id"]
    assert ask(session, route, person.staff_id).status == 200
    assert me(live.access_token).code == "invalid_token"
    assert refresh(live.refresh_token).code == "invalid_grant"
    answer = {"challenge_id": asked, "code": code_of(person, estate.clock())}
    assert step_up("step-up/verify", answer, live.access_token).code == "invalid_token"
    assert ask(live, "GET /api/staff").code == "invalid_token"


def test_deactivated_person_signs_in_once_he_is_reactivated(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    live = sign_in(estate, person)
    ask(session, DEACTIVATE, person.staff_id)
    assert login(person).code == "invalid_credentials"
    back = ask(session, REACTIVATE, person.staff_id)
    assert (back.status, back.body["session_version"]) == (200, 2)
    event = estate.events(tenant)[-1]
    assert (event["action"], event["change"]["after"]) == ("USER_REACTIVATED", {"status": "ACTIVE"})
    assert me(live.access_token).status == 401
    assert refresh(live.refresh_token).status == 401
    assert login(person).status == 200
    assert f"{person.staff_id}#factor#totp" in [
        row["item"] for row in estate.partition("tenant_staff", "tenant", tenant)
    ]


def test_administrator_who_comes_back_without_a_factor_enrols_one(
    estate: Estate, tenant: str, session: SignedIn
) -> None:
    person = estate.new_person(tenant, "admin")
    ask(session, DEACTIVATE, person.staff_id)
    ask(session, REACTIVATE, person.staff_id)
    assert gate(estate, person)["must_enrol"] is True


@pytest.mark.parametrize("route", [DEACTIVATE, REACTIVATE])
def test_link_to_a_new_password_does_not_outlive_a_deactivation(
    estate: Estate, tenant: str, session: SignedIn, route: str
) -> None:
    person = estate.new_person(tenant, "member")
    password = {"tenant": tenant, "item": f"{person.staff_id}#factor#password"}
    if route == REACTIVATE:
        ask(session, DEACTIVATE, person.staff_id)
    estate.change_row("tenant_staff", password, {"reset_hash": "of a token that was mailed"})
    assert ask(session, route, person.staff_id).status == 200
    (row,) = [row for row in estate.partition("tenant_staff", "tenant", tenant) if row["item"] == password["item"]]
    assert "reset_hash" not in row
    assert "hash" in row


def test_person_without_a_password_is_deactivated_too(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "member")
    estate.delete("tenant_staff", {"tenant": tenant, "item": f"{person.staff_id}#factor#password"})
    assert ask(session, DEACTIVATE, person.staff_id).status == 200
    assert ask(session, REACTIVATE, person.staff_id).status == 200


def test_forced_logout_takes_no_step_up_and_is_recorded_with_its_reason(estate: Estate, tenant: str) -> None:
    session = sign_in(estate, estate.new_person(tenant, "admin"))
    person = estate.new_person(tenant, "member")
    answer = ask(session, SIGN_OUT, person.staff_id)
    assert (answer.status, answer.body["session_version"]) == (200, 2)
    event = estate.events(tenant)[-1]
    assert (event["action"], event["reason"], event["actor"]["step_up"]) == (
        "SESSION_INVALIDATED",
        "forced_logout",
        None,
    )
    assert (event["meta"]["scope"], event["meta"]["effective_ms"] >= 0) == ("user", True)
    assert [payload.get("template") or payload["name"] for _, payload in sorted(effects(estate, tenant), key=str)] == [
        "sessions_ended",
        "signed_out",
    ]


def test_reset_takes_every_second_factor_and_asks_administrators_for_a_new_one(
    estate: Estate, tenant: str, session: SignedIn, clock: MovableClock
) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    registered(bearer)
    assert len(step_up("factors/recovery-codes", None, bearer).body["recovery_codes"]) == 10
    estate.change_row(
        "tenant_staff",
        {"tenant": tenant, "item": f"{person.staff_id}#factor#failures"},
        {"count": 1, "since": int(clock()), "streak": 1, "locks": 0, "locked_until": 0},
    )
    answer = ask(session, RESET, person.staff_id)
    assert answer.status == 200, answer.text
    event = estate.events(tenant)[-2]
    lasted = event["meta"].pop("effective_ms")
    assert lasted >= 0
    assert (event["action"], event["meta"]) == (
        "MFA_RESET_BY_ADMIN",
        {"totp": True, "passkeys": 1, "recovery_codes": 10, "must_enrol": True},
    )
    rows = {
        row["item"].removeprefix(person.staff_id): row for row in estate.partition("tenant_staff", "tenant", tenant)
    }
    assert "#factor#totp" not in rows
    assert "#factor#failures" not in rows
    assert (rows["#factor#passkeys"]["passkeys"], rows["#factor#passkeys"]["version"]) == ([], 2)
    assert (rows["#factor#recovery"]["codes"], rows["#factor#recovery"]["version"] > 0) == ([], True)
    assert gate(estate, person)["must_enrol"] is True
    assert me(bearer).status == 401


def test_reset_of_somebody_without_factors_ends_his_sessions_all_the_same(
    estate: Estate, tenant: str, session: SignedIn
) -> None:
    person = estate.new_person(tenant, "member")
    live = sign_in(estate, person)
    assert ask(session, RESET, person.staff_id).status == 200
    assert me(live.access_token).status == 401
    assert "must_enrol" not in gate(estate, person)


@pytest.mark.parametrize("route", [DEACTIVATE, REACTIVATE, SIGN_OUT])
def test_what_has_been_done_is_not_done_again(estate: Estate, tenant: str, session: SignedIn, route: str) -> None:
    person = estate.new_person(tenant, "member")
    if route != REACTIVATE:
        ask(session, DEACTIVATE, person.staff_id)
    before = len(estate.events(tenant))
    answer = ask(session, route, person.staff_id)
    assert (answer.status, answer.code) == (409, "already_used")
    assert len(estate.events(tenant)) == before


@pytest.mark.parametrize("route", [ROLE, RESET])
def test_deactivated_person_is_changed_without_an_end_of_sessions(
    estate: Estate, tenant: str, session: SignedIn, route: str
) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    ask(session, DEACTIVATE, person.staff_id)
    assert ask(session, route, person.staff_id).status == 200
    assert estate.actions(tenant).count("SESSION_INVALIDATED") == 1
    assert gate(estate, person)["status"] == "DEACTIVATED"


def disclosed(estate: Estate, tenant: str, event: dict[str, Any]) -> dict[str, dict[str, str]]:
    from shared.runtime.data_key import DataKeys  # noqa: PLC0415 - for this alone

    (row,) = estate.partition("tenants", "tenant", tenant)
    personal = DataKeys(estate.sealer).personal_data(tenant, row["data_key_sealed"])
    salts = salts_of(estate.dynamodb, estate.prefix + "subject_keys", tenant)
    opened = Discloser(personal, salts).disclose(Event(b"", event, b""))
    return {one["of"]: one.get("values", {}) for one in opened}


@pytest.mark.parametrize("route", [DEACTIVATE, SIGN_OUT, RESET])
def test_what_an_administrator_wrote_is_sealed_as_the_persons_own(
    estate: Estate, tenant: str, session: SignedIn, route: str
) -> None:
    person = estate.new_person(tenant, "member")
    ask(session, route, person.staff_id)
    event = next(event for event in reversed(estate.events(tenant)) if event["pii"])
    found = disclosed(estate, tenant, event)
    assert found["target"] == {"reason": REASON}
    assert set(found["actor"]) == {"ip", "user_agent"}
    assert [one["sub"] for one in event["pii"]] == [session.person.staff_id, person.staff_id]
    everything = str(estate.partition("audit_logs", "log_lane", f"{tenant}#1#0")) + str(effects(estate, tenant))
    assert REASON not in everything


def test_of_somebody_who_was_erased_nothing_is_written(estate: Estate, tenant: str, session: SignedIn) -> None:
    person = estate.new_person(tenant, "member")
    estate.delete("subject_keys", {"tenant": tenant, "subject": person.staff_id})
    assert ask(session, SIGN_OUT, person.staff_id).status == 200
    assert [one["of"] for one in estate.events(tenant)[-1]["pii"]] == ["actor"]


def test_measure_that_cannot_be_recorded_is_not_carried_out(
    estate: Estate, tenant: str, session: SignedIn, audit_write_fails: Callable[[], None]
) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    before = gate(estate, person)
    audit_write_fails()
    for route in MEASURES:
        assert ask(session, route, person.staff_id).status in {409, 503}
    assert gate(estate, person) == before
