"""POST /api/auth/refresh: one successor, ever."""

import json
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from functions.refresh.handler import _wiring, handler
from functions.refresh.strangers import UNKNOWN_TOKENS
from shared.domain.refresh_token import parse, token_hash
from shared.domain.security_policy import STRICT_PRESET
from shared.store.transaction import Contended, Ledger
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, Person, Place, call, event, login, logout, me, refresh, step_up
from tests.functions.test_step_up import code_of

ROUTE = "POST /api/auth/refresh"


def claims(access_token: str) -> dict[str, object]:
    document: dict[str, object] = jwt.decode(access_token, options={"verify_signature": False})
    return document


def forgery_of(token: str) -> str:
    """Give a token of the same session that was never issued: another secret, all else alike."""
    head, _, last = token.rpartition(".")
    forged = f"{head}.{secrets.token_urlsafe(30)[:40]}{last[40:]}"
    assert parse(forged) == parse(token)
    return forged


def test_current_token_rotates_into_one_successor(estate: Estate, person: Person) -> None:
    first = login(person).body
    second = refresh(first["refresh_token"])
    assert second.status == 200
    assert second.body["refresh_token"] != first["refresh_token"]
    assert second.body["session"] == first["session"]
    assert claims(second.body["access_token"])["rgen"] == 2
    assert "X-Refresh-Replayed" not in second.headers
    assert me(second.body["access_token"]).status == 200
    assert estate.actions(person.tenant) == ["AUTH_LOGIN_SUCCESS", "ANOMALY_SCORED", "AUTH_TOKEN_REFRESH"]


def test_usual_path_is_one_transaction_and_no_read(person: Person, calls: Calls) -> None:
    token = refresh(login(person).body["refresh_token"]).body["refresh_token"]
    calls.clear()
    assert refresh(token).status == 200
    assert calls.operations() == ["TransactWriteItems"]


def test_retry_of_a_lost_response_gives_the_same_successor(estate: Estate, person: Person, calls: Calls) -> None:
    token = login(person).body["refresh_token"]
    answered = refresh(token)
    calls.clear()
    again = refresh(token)
    assert again.status == 200
    assert again.body["refresh_token"] == answered.body["refresh_token"]
    assert again.headers["X-Refresh-Replayed"] == "1"
    # The refuted rotation, a read of the lane where another function wrote, and the replay's own commit.
    assert Counter(calls.operations())["TransactWriteItems"] <= 3
    replay = estate.events(person.tenant)[-1]
    assert replay["action"] == "AUTH_TOKEN_REFRESH_REPLAYED"
    assert replay["meta"]["cause"] == "concurrent"


def test_replay_hours_later_prolongs_nothing(estate: Estate, person: Person, clock: MovableClock) -> None:
    token = login(person).body["refresh_token"]
    answered = refresh(token)
    clock.offset = 6 * 3600
    again = refresh(token)
    assert again.body["refresh_token"] == answered.body["refresh_token"]
    assert claims(again.body["access_token"])["exp"] == claims(answered.body["access_token"])["exp"]
    assert again.body["expires_in"] == 0
    assert estate.events(person.tenant)[-1]["meta"]["cause"] == "lost_response"


def test_replay_after_the_successor_was_seen_in_use_is_reuse(
    estate: Estate, person: Person, clock: MovableClock
) -> None:
    token = login(person).body["refresh_token"]
    thief = refresh(token).body
    assert me(thief["access_token"]).status == 200
    clock.offset = 11
    assert refresh(token).code == "invalid_grant"
    assert refresh(thief["refresh_token"]).code == "invalid_grant"
    assert me(thief["access_token"]).status == 401
    assert "REFRESH_TOKEN_REUSED" in estate.actions(person.tenant)


def test_second_presenter_of_a_spent_token_revokes_the_family_and_every_session(estate: Estate, person: Person) -> None:
    other = login(person, device="phone").body
    oldest = login(person).body["refresh_token"]
    newest = refresh(refresh(oldest).body["refresh_token"]).body

    # The grandparent is reuse even inside the concurrency window.
    response = refresh(oldest)

    assert (response.status, response.code) == (401, "invalid_grant")
    assert refresh(newest["refresh_token"]).status == 401
    assert me(newest["access_token"]).status == 401
    assert me(other["access_token"]).status == 401
    assert refresh(other["refresh_token"], device="phone").status == 401
    incident = estate.events(person.tenant)[-3:]
    assert [line["action"] for line in incident] == [
        "REFRESH_TOKEN_REUSED",
        "SUSPICIOUS_LOGIN_DETECTED",
        "SESSION_INVALIDATED",
    ]
    assert len({line["context"]["correlation_id"] for line in incident}) == 1
    assert incident[2]["reason"] == "reuse_detected"
    assert incident[2]["change"] == {"before": {"session_version": 1}, "after": {"session_version": 2}}
    session = next(row for row in estate.session_rows(person) if row["status"] == "REVOKED")
    assert session["revoke_reason"] == "reuse_detected"
    spent = next(row for row in estate.rows("refresh_tokens") if row["token_hash"] == token_hash(oldest))
    assert spent["revoke_reason"] == "reuse_detected"


def test_reuse_is_one_incident_however_often_it_is_tried(estate: Estate, person: Person) -> None:
    oldest = login(person).body["refresh_token"]
    refresh(refresh(oldest).body["refresh_token"])
    assert {refresh(oldest).status for _ in range(3)} == {401}
    assert estate.actions(person.tenant).count("REFRESH_TOKEN_REUSED") == 1


def test_reuse_and_replay_take_two_decisions_of_the_store(person: Person, calls: Calls) -> None:
    oldest = login(person).body["refresh_token"]
    refresh(refresh(oldest).body["refresh_token"])
    refresh(forgery_of(oldest))  # the tenant's settings are at hand from here on
    calls.clear()
    refresh(oldest)
    assert calls.operations() == ["TransactWriteItems", "TransactWriteItems"]


def test_reuse_orders_an_alert_under_its_incident_and_keeps_its_rows(estate: Estate, person: Person) -> None:
    oldest = login(person).body["refresh_token"]
    refresh(refresh(oldest).body["refresh_token"])
    refresh(oldest)
    (alert,) = estate.partition("outbox", "tenant", person.tenant)
    incident = estate.events(person.tenant)[-1]["context"]["correlation_id"]
    assert incident in json.dumps(alert, default=str)
    (session,) = estate.session_rows(person)
    assert session["incident_id"] == incident
    spent = next(row for row in estate.rows("refresh_tokens") if row["token_hash"] == token_hash(oldest))
    retention = int(estate.environ["SECURITY_RETENTION_SECONDS"])  # no less than the log's, see tests/infra
    assert min(session["ttl"], spent["ttl"]) >= int(estate.clock()) + retention - 60


def test_reuse_ends_the_family_alone_where_the_tenant_says_so(estate: Estate, person: Person) -> None:
    estate.change_settings(person.tenant, {"reuse_scope": "family"})
    other = login(person, device="phone").body
    oldest = login(person).body["refresh_token"]
    newest = refresh(refresh(oldest).body["refresh_token"]).body
    assert refresh(oldest).status == 401
    assert me(newest["access_token"]).status == 401
    assert me(other["access_token"]).status == 200
    ended = estate.events(person.tenant)[-1]
    assert (ended["action"], ended["meta"]["scope"], ended["change"]) == ("SESSION_INVALIDATED", "family", None)


def test_strict_tenant_replays_nothing(estate: Estate, person: Person) -> None:
    estate.change_settings(person.tenant, dict(STRICT_PRESET))
    token = login(person).body["refresh_token"]
    successor = refresh(token).body["refresh_token"]
    assert refresh(token).code == "invalid_grant"
    assert refresh(successor).code == "invalid_grant"
    assert estate.actions(person.tenant).count("REFRESH_TOKEN_REUSED") == 1


def test_parent_on_another_device_is_reuse_even_at_once(estate: Estate, person: Person) -> None:
    token = login(person).body["refresh_token"]
    assert refresh(token).status == 200
    assert refresh(token, device="somewhere else").status == 401
    assert estate.actions(person.tenant).count("REFRESH_TOKEN_REUSED") == 1


def test_unknown_token_of_a_real_session_has_no_effect(estate: Estate, person: Person) -> None:
    token = login(person).body["refresh_token"]
    forged = forgery_of(token)
    before = estate.everything()
    assert refresh(forged).code == "invalid_grant"
    assert estate.everything() == before
    assert refresh(token).status == 200


def test_forged_token_of_an_expired_session_expires_nothing(
    estate: Estate, person: Person, clock: MovableClock
) -> None:
    token = login(person).body["refresh_token"]
    forged = forgery_of(token)
    clock.offset = 28_801
    before = estate.everything()
    assert refresh(forged).status == 401
    assert estate.everything() == before


def test_token_of_no_session_costs_one_call_and_has_no_effect(estate: Estate, person: Person, calls: Calls) -> None:
    parts = refresh(login(person).body["refresh_token"]).body["refresh_token"].split(".")
    parts[3] = "01JD0000000000000000000000"
    refresh(".".join(parts))  # the tenant's settings are at hand from here on
    before = estate.everything()
    calls.clear()
    assert refresh(".".join(parts)).status == 401
    assert calls.operations() == ["TransactWriteItems"]
    assert estate.everything() == before


def test_idle_session_expires_on_the_record_and_once(estate: Estate, person: Person, clock: MovableClock) -> None:
    token = login(person).body["refresh_token"]
    clock.offset = 28_801
    assert [refresh(token).status for _ in range(2)] == [401, 401]
    line = estate.events(person.tenant)[-1]
    assert (line["action"], line["reason"]) == ("AUTH_TOKEN_EXPIRED", "IDLE_LIMIT")
    assert estate.actions(person.tenant).count("AUTH_TOKEN_EXPIRED") == 1
    assert estate.session_rows(person)[0]["status"] == "EXPIRED"


def test_absolute_limit_ends_a_busy_session(estate: Estate, tenant: str, clock: MovableClock) -> None:
    person = estate.new_person(tenant, "member")
    token = login(person).body["refresh_token"]
    for hours in (7, 14, 21):
        clock.offset = hours * 3600
        response = refresh(token)
        token = response.body["refresh_token"]
    assert response.body["refresh_expires_in"] <= 3 * 3600
    clock.offset = 24 * 3600 + 1
    assert refresh(token).status == 401
    assert estate.events(person.tenant)[-1]["reason"] == "ABSOLUTE_LIMIT"


def test_administrators_are_signed_in_for_half_a_day_at_most(
    estate: Estate, person: Person, clock: MovableClock
) -> None:
    token = login(person).body["refresh_token"]
    clock.offset = 7 * 3600
    response = refresh(token)
    assert response.body["refresh_expires_in"] <= 5 * 3600
    clock.offset = 12 * 3600 + 1
    assert refresh(response.body["refresh_token"]).status == 401
    assert estate.events(person.tenant)[-1]["reason"] == "ABSOLUTE_LIMIT"


def test_deactivated_staff_cannot_refresh_nor_be_let_in(estate: Estate, person: Person) -> None:
    tokens = login(person).body
    estate.change_gate(person, "status", "DEACTIVATED")
    assert refresh(tokens["refresh_token"]).code == "invalid_grant"
    assert me(tokens["access_token"]).code == "invalid_token"


def test_new_session_version_ends_refresh_and_access_at_once(estate: Estate, person: Person) -> None:
    tokens = login(person).body
    estate.change_gate(person, "session_version", 2)
    assert refresh(tokens["refresh_token"]).code == "invalid_grant"
    assert me(tokens["access_token"]).code == "invalid_token"


def test_new_role_is_in_the_next_answer_without_a_new_login(estate: Estate, person: Person) -> None:
    token = login(person).body["refresh_token"]
    estate.change_gate(person, "role", "auditor")
    response = refresh(token)
    assert response.body["session"]["role"] == "auditor"
    assert me(response.body["access_token"]).body["role"] == "auditor"


def test_logout_ends_the_refresh_token_too(person: Person) -> None:
    tokens = login(person).body
    assert logout(tokens["access_token"]).status == 204
    assert refresh(tokens["refresh_token"]).code == "invalid_grant"


def test_step_up_survives_the_rotation(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, totp=True)
    tokens = login(person).body
    challenge = step_up("step-up/challenges", {"purpose": "data_export"}, tokens["access_token"]).body
    answer = {"challenge_id": challenge["challenge_id"], "code": code_of(person, estate.clock())}
    assert step_up("step-up/verify", answer, tokens["access_token"]).status == 200
    rotated = refresh(tokens["refresh_token"]).body
    assert rotated["session"]["acr"] == "urn:muniment:aal2"
    assert claims(rotated["access_token"])["amr"] == ["pwd", "otp"]


def test_refresh_whose_event_cannot_be_written_is_503_and_changes_nothing(
    estate: Estate, person: Person, audit_write_fails: Callable[[], None]
) -> None:
    token = login(person).body["refresh_token"]
    before = estate.everything()
    audit_write_fails()
    response = refresh(token)
    assert (response.status, response.code) == (503, "auth_unavailable")
    assert estate.everything() == before


def test_contention_is_409_and_consumes_nothing(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = login(person).body["refresh_token"]

    def contended(*_: object, **__: object) -> None:
        raise Contended("injected")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "commit", contended)
        response = refresh(token)
    assert (response.status, response.code) == (409, "refresh_in_progress")
    assert response.headers["Retry-After"] == "1"
    assert "cookies" not in response.raw
    assert refresh(token).status == 200
    assert estate.actions(person.tenant) == ["AUTH_LOGIN_SUCCESS", "ANOMALY_SCORED", "AUTH_TOKEN_REFRESH"]


def test_fifty_parallel_refreshes_of_one_token_have_one_successor(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = login(person).body["refresh_token"]
    _wiring.cache_clear()
    with monkeypatch.context() as patch:
        patch.setenv("CONCURRENCY_WINDOW_SECONDS", "60")  # so that the slowest of fifty threads is a parallel one too
        with ThreadPoolExecutor(50) as pool:
            responses = list(pool.map(refresh, [token] * 50))
    _wiring.cache_clear()
    successors = {answer.body["refresh_token"] for answer in responses if answer.status == 200}
    assert len(successors) == 1
    assert {answer.status for answer in responses} <= {200, 409}
    assert all("set-cookie" not in json.dumps(answer.raw).lower() for answer in responses)
    assert estate.actions(person.tenant).count("AUTH_TOKEN_REFRESH") == 1
    assert "REFRESH_TOKEN_REUSED" not in estate.actions(person.tenant)
    (session,) = estate.session_rows(person)
    assert session["generation"] == 2
    issued = [row for row in estate.rows("refresh_tokens") if row["session"] == session["session_id"]]
    assert len(issued) == 2


def test_parallel_refreshes_beyond_the_replay_budget_are_told_to_wait_and_end_nothing(
    estate: Estate, person: Person
) -> None:
    token = login(person).body["refresh_token"]
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(refresh, [token] * 16))
    successors = {answer.body["refresh_token"] for answer in responses if answer.status == 200}
    assert len(successors) == 1
    assert {answer.status for answer in responses} <= {200, 409}
    assert "REFRESH_TOKEN_REUSED" not in estate.actions(person.tenant)
    assert estate.session_rows(person)[0]["generation"] == 2
    assert refresh(successors.pop()).status == 200


def test_deactivation_during_refreshes_leaves_no_usable_token(estate: Estate, person: Person) -> None:
    token = login(person).body["refresh_token"]
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(refresh, token) for _ in range(8)]
        estate.change_gate(person, "status", "DEACTIVATED")
        answers = [future.result() for future in running]
    for answer in answers:
        if answer.status == 200:
            assert refresh(answer.body["refresh_token"]).status == 401
            assert me(answer.body["access_token"]).status == 401


@pytest.mark.parametrize("text", ["", "rt1", "rt1.a.b.c.1.1.x", "rt1." + "a" * 900, "eyJhbGciOiJub25lIn0..", "\u0000"])
def test_what_was_never_a_token_is_refused_without_a_call(text: str, calls: Calls, estate: Estate) -> None:
    assert estate
    response = call(handler, event(ROUTE, {"refresh_token": text}))
    assert response.status == (400 if text == "" else 401)
    assert [name for name in calls.operations() if name != "GetSecretValue"] == []


def test_address_that_makes_tokens_up_waits_and_nobody_else_does(person: Person, clock: MovableClock) -> None:
    guesser, tokens = Place(address="203.0.113.250"), login(person).body
    _wiring.cache_clear()  # an environment that remembers nothing
    clock.offset = 60 - clock() % 60 + 0.5
    answers = [refresh("rt1.made.up", place=guesser) for _ in range(UNKNOWN_TOKENS + 1)]
    assert [answer.status for answer in answers] == [401] * UNKNOWN_TOKENS + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert refresh(tokens["refresh_token"], place=Place(address="203.0.113.251")).status == 200
    clock.offset += 60
    assert refresh("rt1.made.up", place=guesser).status == 401
    _wiring.cache_clear()


def test_refused_owner_is_no_stranger(person: Person) -> None:
    place = Place(address="203.0.113.252")
    oldest = login(person).body["refresh_token"]
    refresh(refresh(oldest).body["refresh_token"])
    assert {refresh(oldest, place=place).status for _ in range(UNKNOWN_TOKENS + 2)} == {401}


def test_body_must_be_exactly_what_the_route_takes(estate: Estate) -> None:
    assert estate
    assert call(handler, event(ROUTE, {})).body["errors"][0]["pointer"] == "/refresh_token"
    assert call(handler, event(ROUTE, {"refresh_token": 5})).status == 400
    assert call(handler, event(ROUTE, {"refresh_token": "x", "grant_type": "refresh_token"})).status == 400
