"""A right password from an unlikely place: asked, blocked, or let in and told."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.login.handler import handler as login_handler
from functions.step_up.handler import handler as step_up_handler
from shared.domain.risk import recomputed
from shared.store.histories import history_of
from tests.functions.conftest import Calls
from tests.functions.estate import (
    PASSWORD,
    Estate,
    MovableClock,
    Person,
    Place,
    Response,
    call,
    event,
    login,
    logout,
    me,
    refresh,
)
from tests.functions.test_step_up import code_of

VERIFY = "POST /api/auth/step-up/verify"
ABROAD = Place(country="FR", address="192.0.2.10")
FAR_AWAY = Place(country="JP", address="192.0.2.10")


@pytest.fixture
def known(estate: Estate, tenant: str) -> Person:
    """Somebody with an authenticator who has signed in before, from DE with "device-1"."""
    person = estate.new_person(tenant, "member", totp=True)
    assert login(person).status == 200
    return person


def verify(answer: dict[str, object], place: Place | None = None) -> Response:
    return call(step_up_handler, event(VERIFY, answer, place=place))


def last(estate: Estate, person: Person, action: str) -> dict[str, object]:
    return [line for line in estate.events(person.tenant) if line["action"] == action][-1]


def test_new_device_in_a_new_country_is_75_and_asks_for_a_second_factor(estate: Estate, known: Person) -> None:
    response = login(known, device="device-2", place=ABROAD)
    assert (response.status, response.code) == (401, "insufficient_user_authentication")
    assert response.body["purpose"] == "login"
    assert response.body["methods"] == ["totp"]
    assert 'error="insufficient_user_authentication"' in response.headers["WWW-Authenticate"]
    scored = last(estate, known, "ANOMALY_SCORED")
    risk = scored["risk"]
    assert isinstance(risk, dict)
    assert (risk["score"], risk["reasons"], risk["action"]) == (75, ["NEW_DEVICE", "NEW_COUNTRY"], "STEP_UP_REQUIRED")
    assert recomputed(risk) == (75, "STEP_UP_REQUIRED")
    chain = estate.events(known.tenant)[-3:]
    assert [line["action"] for line in chain] == ["STEP_UP_REQUIRED", "SUSPICIOUS_LOGIN_DETECTED", "ANOMALY_SCORED"]
    assert len({line["context"]["correlation_id"] for line in chain}) == 1
    assert len(estate.session_rows(known)) == 1, "no session opens before the proof"


def test_answer_opens_the_session_with_both_factors_and_teaches_the_place(estate: Estate, known: Person) -> None:
    challenge = login(known, device="device-2", place=ABROAD).body["challenge_id"]
    answered = verify({"challenge_id": challenge, "code": code_of(known, estate.clock())}, ABROAD)
    assert answered.status == 200
    assert answered.body["session"]["acr"] == "urn:muniment:aal2"
    assert me(answered.body["access_token"]).body["session"]["amr"] == ["pwd", "otp"]
    assert refresh(answered.body["refresh_token"], device="device-2", place=ABROAD).status == 200
    incident = last(estate, known, "STEP_UP_REQUIRED")["context"]
    assert last(estate, known, "STEP_UP_VERIFIED")["context"]["correlation_id"] == incident["correlation_id"]  # type: ignore[index]  # members of an event
    # From now on the place is known.
    assert login(known, device="device-2", place=ABROAD).status == 200


def test_unanswered_or_wrongly_answered_question_teaches_nothing(estate: Estate, known: Person) -> None:
    challenge = login(known, device="device-2", place=ABROAD).body["challenge_id"]
    assert verify({"challenge_id": challenge, "code": "000000"}, ABROAD).status == 401
    assert login(known, device="device-2", place=ABROAD).status == 401
    assert estate.actions(known.tenant).count("STEP_UP_FAILED") == 1


def test_question_is_answered_once_also_by_twenty_at_once(estate: Estate, known: Person) -> None:
    challenge = login(known, device="device-2", place=ABROAD).body["challenge_id"]
    answer: dict[str, object] = {"challenge_id": challenge, "code": code_of(known, estate.clock())}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(verify, [answer] * 20))
    assert [response.status for response in answers].count(200) == 1
    assert {response.status for response in answers} <= {200, 401, 409, 423, 503}
    assert len(estate.session_rows(known)) == 2


def test_question_runs_out(estate: Estate, known: Person, clock: MovableClock) -> None:
    challenge = login(known, device="device-2", place=ABROAD).body["challenge_id"]
    clock.offset = 301
    response = verify({"challenge_id": challenge, "code": code_of(known, estate.clock())}, ABROAD)
    assert (response.status, response.code) == (410, "challenge_expired")


def test_question_is_void_once_all_sessions_were_ended(estate: Estate, known: Person) -> None:
    challenge = login(known, device="device-2", place=ABROAD).body["challenge_id"]
    estate.change_gate(known, "session_version", 2)
    answer: dict[str, object] = {"challenge_id": challenge, "code": code_of(known, estate.clock())}
    assert verify(answer, ABROAD).code == "challenge_expired"
    estate.change_gate(known, "status", "DEACTIVATED")
    assert verify(answer, ABROAD).code == "challenge_expired"


def test_question_of_one_person_takes_no_code_of_another(estate: Estate, known: Person) -> None:
    other = estate.new_person(known.tenant, totp=True)
    challenge = login(known, device="device-2", place=ABROAD).body["challenge_id"]
    assert verify({"challenge_id": challenge, "code": code_of(other, estate.clock())}).status == 401


def test_unknown_question_is_410_whoever_asks(estate: Estate) -> None:
    assert estate
    assert verify({"challenge_id": "made-up", "code": "123456"}).code == "challenge_expired"


def test_whoever_has_no_factor_is_told_so_and_gets_no_session(estate: Estate, person: Person) -> None:
    login(person)
    response = login(person, device="device-2", place=ABROAD)
    assert (response.status, response.code) == (401, "mfa_enrollment_required")
    assert "challenge_id" not in response.body
    assert last(estate, person, "STEP_UP_REQUIRED")["reason"] == "NO_FACTOR"
    assert len(estate.session_rows(person)) == 1


def test_impossible_journey_on_a_new_device_is_blocked_and_ends_every_session(estate: Estate, known: Person) -> None:
    living = login(known).body
    response = login(known, device="device-2", place=FAR_AWAY)
    assert (response.status, response.code) == (401, "session_blocked")
    assert me(living["access_token"]).status == 401
    assert refresh(living["refresh_token"]).status == 401
    incident = estate.events(known.tenant)[-4:]
    assert [line["action"] for line in incident] == [
        "SESSION_BLOCKED",
        "SUSPICIOUS_LOGIN_DETECTED",
        "ANOMALY_SCORED",
        "SESSION_INVALIDATED",
    ]
    assert len({line["context"]["correlation_id"] for line in incident}) == 1
    assert incident[3]["reason"] == "high_risk"
    assert incident[0]["risk"]["score"] == 95
    kinds = [row["kind"] for row in estate.partition("outbox", "tenant", known.tenant)]
    assert kinds == ["security_alert"]
    assert login(known).status == 200, "its owner signs in again where he always did"


def test_blocked_sign_in_leaves_no_personal_data_in_the_clear(estate: Estate, known: Person) -> None:
    login(known, device="device-2", place=FAR_AWAY)
    written = json.dumps(estate.events(known.tenant)[-4:])
    assert FAR_AWAY.address not in written
    assert known.email not in written
    assert last(estate, known, "SESSION_BLOCKED")["pii"]


def test_new_device_at_home_is_let_in_and_told(estate: Estate, known: Person) -> None:
    assert login(known, device="device-2").status == 200
    risk = last(estate, known, "ANOMALY_SCORED")["risk"]
    assert (risk["score"], risk["reasons"], risk["action"]) == (35, ["NEW_DEVICE"], "ALLOW")  # type: ignore[index]  # as above
    (told,) = estate.partition("outbox", "tenant", known.tenant)
    assert told["kind"] == "mail"
    assert login(known, device="device-2").status == 200
    assert len(estate.partition("outbox", "tenant", known.tenant)) == 1


def test_wrong_password_from_anywhere_scores_nothing_and_ends_nothing(estate: Estate, known: Person) -> None:
    living = login(known).body["access_token"]
    before = estate.actions(known.tenant).count("ANOMALY_SCORED")
    for number in range(12):
        place = Place(country="JP", address=f"192.0.{number}.1")
        body = {"tenant": known.tenant, "email": known.email, "password": "wrong", "device_id": "thief"}
        assert call(login_handler, event("POST /api/auth/login", body, place=place)).status == 401
    assert estate.actions(known.tenant).count("ANOMALY_SCORED") == before
    assert me(living).status == 200
    assert login(known).status == 200


def test_observed_signals_are_recorded_and_change_nothing(estate: Estate, tenant: str) -> None:
    estate.change_settings(tenant, {"risk_modes": {"NEW_COUNTRY": "observe", "NEW_DEVICE": "observe"}})
    person = estate.new_person(tenant, totp=True)
    login(person)
    assert login(person, device="device-2", place=ABROAD).status == 200
    risk = last(estate, person, "ANOMALY_SCORED")["risk"]
    observed = {signal["name"] for signal in risk["signals"] if signal["mode"] == "observe"}  # type: ignore[index]  # as above
    assert observed == {"NEW_COUNTRY", "NEW_DEVICE"}
    assert risk["action"] == "ALLOW"  # type: ignore[index]  # as above


@pytest.mark.parametrize("country", ["", "XX", "T1", "de"])
def test_unknown_geography_is_a_reason(estate: Estate, known: Person, country: str) -> None:
    assert login(known, place=Place(country=country)).status == 200
    assert "UNKNOWN_GEO" in last(estate, known, "ANOMALY_SCORED")["risk"]["reasons"]  # type: ignore[index]  # as above


def test_sessions_beyond_the_limit_end_the_oldest_first(estate: Estate, known: Person) -> None:
    tokens = [login(known).body["access_token"] for _ in range(5)]
    assert [me(token).status for token in tokens] == [200] * 5
    tokens.append(login(known).body["access_token"])
    assert [me(token).status for token in tokens] == [401, 200, 200, 200, 200, 200]
    ended = [line for line in estate.events(known.tenant) if line["action"] == "SESSION_INVALIDATED"]
    assert [line["reason"] for line in ended] == ["session_limit"] * 2  # the one of the fixture went first


def test_limit_may_refuse_instead(estate: Estate, tenant: str) -> None:
    estate.change_settings(tenant, {"session_limit_action": "deny", "concurrent_sessions": 1})
    person = estate.new_person(tenant)
    first = login(person)
    refused = login(person)
    assert (refused.status, refused.code) == (409, "session_limit")
    assert me(first.body["access_token"]).status == 200


def test_question_takes_four_calls_like_any_other_login(known: Person, calls: Calls) -> None:
    login(known)
    calls.clear()
    login(known, device="device-2", place=Place(address="192.0.2.99"))
    assert calls.operations() == ["BatchGetItem", "TransactWriteItems", "BatchGetItem", "TransactWriteItems"]


def test_session_elsewhere_counts_where_the_country_is_known(
    estate: Estate, known: Person, clock: MovableClock
) -> None:
    clock.offset = 7200
    challenge = login(known, device="device-2", place=ABROAD).body["challenge_id"]
    assert verify({"challenge_id": challenge, "code": code_of(known, estate.clock())}, ABROAD).status == 200
    login(known)
    risk = last(estate, known, "ANOMALY_SCORED")["risk"]
    assert risk["reasons"] == ["CONCURRENT_COUNTRIES"]  # type: ignore[index]  # as above
    assert risk["score"] == 30  # type: ignore[index]  # as above


def test_password_is_hashed_before_and_after_nothing_else(estate: Estate, known: Person) -> None:
    body = {"tenant": known.tenant, "email": known.email, "password": PASSWORD[:-1], "device_id": "device-2"}
    response = call(login_handler, event("POST /api/auth/login", body, place=FAR_AWAY))
    assert response.code == "invalid_credentials"
    assert estate.actions(known.tenant)[-1] == "AUTH_LOGIN_FAILED"


def test_sessions_that_were_logged_out_do_not_push_living_ones_out_of_the_count(estate: Estate, tenant: str) -> None:
    estate.change_settings(tenant, {"concurrent_sessions": 2})
    person = estate.new_person(tenant)
    oldest = login(person).body["access_token"]
    for _ in range(4):
        assert logout(login(person).body["access_token"]).status == 204
    newest = [login(person).body["access_token"] for _ in range(2)]
    assert [me(token).status for token in (oldest, *newest)] == [401, 200, 200]
    (history,) = [row for row in estate.rows("tenant_staff") if row["item"] == f"{person.staff_id}#history"]
    assert len(history_of(history).sessions) == 2
