"""A refresh token from elsewhere: exchanged, made to prove itself, or the end of every session."""

import pytest

from functions.step_up.handler import handler as step_up_handler
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, Person, Place, Response, call, event, login, me, refresh
from tests.functions.test_step_up import code_of

VERIFY = "POST /api/auth/step-up/verify"
NEXT_DOOR = Place(address="192.0.2.10")
ABROAD = Place(country="FR", address="192.0.2.10")


@pytest.fixture
def known(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, "member", totp=True)


def verify(answer: dict[str, object]) -> Response:
    return call(step_up_handler, event(VERIFY, answer))


def code(estate: Estate, person: Person) -> str:
    return code_of(person, estate.clock())


def test_known_device_in_a_new_country_rotates_and_says_so(estate: Estate, known: Person, calls: Calls) -> None:
    token = refresh(login(known).body["refresh_token"]).body["refresh_token"]
    refresh(token, device="device-1", place=ABROAD)  # the environment's keys are open from here on
    token = refresh(login(known).body["refresh_token"]).body["refresh_token"]  # and so is the lane's head
    calls.clear()
    response = refresh(token, place=ABROAD)
    assert response.status == 200
    assert calls.operations() == ["TransactWriteItems", "BatchGetItem", "TransactWriteItems"]
    moved, scored = estate.events(known.tenant)[-2:]
    assert (moved["action"], scored["action"]) == ("AUTH_TOKEN_REFRESH", "ANOMALY_SCORED")
    assert moved["change"]["before"]["country"] == "DE"
    assert moved["change"]["after"]["country"] == "FR"
    assert moved["pii"]
    assert scored["risk"]["reasons"] == ["NEW_COUNTRY"]
    assert scored["risk"]["score"] == 40
    assert refresh(response.body["refresh_token"], place=ABROAD).status == 200


def test_other_device_in_the_same_network_rotates_and_the_owner_is_noticed_at_once(
    estate: Estate, known: Person
) -> None:
    token = login(known).body["refresh_token"]
    thief = refresh(token, device="thief")
    assert thief.status == 200
    assert estate.events(known.tenant)[-1]["risk"]["reasons"] == ["DEVICE_MISMATCH"]
    # The owner's own next refresh shows that two have it: everything ends.
    assert refresh(token).status == 401
    assert me(thief.body["access_token"]).status == 401


def test_other_device_in_another_network_is_asked_and_consumes_nothing(estate: Estate, known: Person) -> None:
    token = login(known).body["refresh_token"]
    response = refresh(token, device="thief", place=NEXT_DOOR)
    assert (response.status, response.code) == (401, "insufficient_user_authentication")
    assert response.body["purpose"] == "refresh"
    assert response.body["methods"] == ["totp"]
    (session,) = estate.session_rows(known)
    assert session["generation"] == 1
    assert session["pending_challenge"]["challenge_id"] == response.body["challenge_id"]
    chain = estate.events(known.tenant)[-3:]
    assert [line["action"] for line in chain] == ["STEP_UP_REQUIRED", "SUSPICIOUS_LOGIN_DETECTED", "ANOMALY_SCORED"]
    assert chain[2]["risk"]["score"] == 60


def test_session_that_waits_serves_nobody_and_asks_the_same_of_all(estate: Estate, known: Person) -> None:
    tokens = login(known).body
    challenge = refresh(tokens["refresh_token"], device="thief", place=NEXT_DOOR).body["challenge_id"]
    for answer in (
        refresh(tokens["refresh_token"]),
        refresh(tokens["refresh_token"], device="thief"),
        me(tokens["access_token"]),
    ):
        assert (answer.status, answer.code) == (401, "insufficient_user_authentication")
        assert answer.body["challenge_id"] == challenge
    assert estate.actions(known.tenant).count("STEP_UP_REQUIRED") == 1


def test_owner_answers_where_he_is_and_goes_on(estate: Estate, known: Person) -> None:
    token = login(known).body["refresh_token"]
    challenge = refresh(token, device="thief", place=NEXT_DOOR).body["challenge_id"]
    answered = verify(
        {
            "challenge_id": challenge,
            "code": code(estate, known),
            "refresh_token": token,
            "device_id": "device-1",
        }
    )
    assert answered.status == 200
    assert answered.body["session"]["acr"] == "urn:muniment:aal2"
    assert me(answered.body["access_token"]).body["session"]["amr"] == ["pwd", "otp"]
    assert refresh(answered.body["refresh_token"]).status == 200
    assert estate.actions(known.tenant)[-3:] == ["STEP_UP_VERIFIED", "AUTH_TOKEN_REFRESH", "AUTH_TOKEN_REFRESH"]


def test_without_a_device_the_session_moves_to_the_one_that_was_asked(estate: Estate, known: Person) -> None:
    token = login(known).body["refresh_token"]
    challenge = refresh(token, device="new phone", place=NEXT_DOOR).body["challenge_id"]
    answer: dict[str, object] = {
        "challenge_id": challenge,
        "code": code(estate, known),
        "refresh_token": token,
    }
    answered = verify(answer)
    assert answered.status == 200
    assert refresh(answered.body["refresh_token"], device="new phone").status == 200


def test_lost_answer_of_a_verified_challenge_is_given_again(estate: Estate, known: Person) -> None:
    token = login(known).body["refresh_token"]
    challenge = refresh(token, device="phone", place=NEXT_DOOR).body["challenge_id"]
    answer: dict[str, object] = {"challenge_id": challenge, "code": code(estate, known), "refresh_token": token}
    answered = verify(answer)
    again = refresh(token, device="phone")
    assert again.status == 200
    assert again.body["refresh_token"] == answered.body["refresh_token"]


@pytest.mark.parametrize("fault", ["wrong code", "other token", "no token", "wrong challenge"])
def test_answer_that_is_not_whole_opens_nothing(estate: Estate, known: Person, fault: str) -> None:
    token, other = login(known).body["refresh_token"], login(known).body["refresh_token"]
    challenge = refresh(token, device="thief", place=NEXT_DOOR).body["challenge_id"]
    answer: dict[str, object] = {"challenge_id": challenge, "code": code(estate, known), "refresh_token": token}
    if fault == "wrong code":
        answer["code"] = "000000"
    if fault == "other token":
        answer["refresh_token"] = other
    if fault == "no token":
        del answer["refresh_token"]
    if fault == "wrong challenge":
        answer["challenge_id"] = "another"
    assert verify(answer).status in {401, 410}
    assert refresh(token).code == "insufficient_user_authentication"
    assert estate.actions(known.tenant).count("STEP_UP_VERIFIED") == 0


def test_challenge_that_ran_out_is_followed_by_another_until_one_is_answered(
    estate: Estate, known: Person, clock: MovableClock
) -> None:
    token = login(known).body["refresh_token"]
    first = refresh(token, device="thief", place=NEXT_DOOR).body["challenge_id"]
    clock.offset = 301
    second = refresh(token, device="thief", place=NEXT_DOOR).body["challenge_id"]
    assert second != first
    answer: dict[str, object] = {"challenge_id": first, "code": code(estate, known), "refresh_token": token}
    assert verify(answer).code == "challenge_expired"
    assert verify(answer | {"challenge_id": second}).status == 200


def test_session_goes_on_waiting_when_its_challenge_ran_out_also_for_its_owner_at_home(
    estate: Estate, known: Person, clock: MovableClock
) -> None:
    tokens = login(known).body
    token = tokens["refresh_token"]
    first = refresh(token, device="thief", place=NEXT_DOOR).body["challenge_id"]
    clock.offset = 301
    guarded = me(tokens["access_token"])
    assert guarded.code == "insufficient_user_authentication"
    assert "challenge_id" not in guarded.body, "one that cannot be answered is not named"
    second = refresh(token)
    assert second.code == "insufficient_user_authentication"
    assert second.body["challenge_id"] != first
    assert me(tokens["access_token"]).body["challenge_id"] == second.body["challenge_id"]
    answer: dict[str, object] = {
        "challenge_id": second.body["challenge_id"],
        "code": code(estate, known),
        "refresh_token": token,
        "device_id": "device-1",
    }
    assert verify(answer).status == 200
    assert "pending_challenge" not in estate.session_rows(known)[0]
    asked = [line["reason"] for line in estate.events(known.tenant) if line["action"] == "STEP_UP_REQUIRED"]
    assert asked == ["STEP_UP", "UNANSWERED"]


def test_other_device_in_another_country_ends_everything(estate: Estate, known: Person) -> None:
    other = login(known, device="phone").body
    token = login(known).body["refresh_token"]
    response = refresh(token, device="thief", place=ABROAD)
    assert (response.status, response.code) == (401, "session_blocked")
    assert me(other["access_token"]).status == 401
    assert refresh(token).code == "invalid_grant"
    incident = estate.events(known.tenant)[-4:]
    assert [line["action"] for line in incident] == [
        "SESSION_BLOCKED",
        "SUSPICIOUS_LOGIN_DETECTED",
        "ANOMALY_SCORED",
        "SESSION_INVALIDATED",
    ]
    assert incident[0]["risk"]["score"] == 90
    assert incident[0]["pii"]
    assert len({line["context"]["correlation_id"] for line in incident}) == 1
    assert [row["kind"] for row in estate.partition("outbox", "tenant", known.tenant)].count("security_alert") == 1


def test_whoever_has_no_factor_keeps_his_session_where_it_is(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, "member")
    token = login(person).body["refresh_token"]
    response = refresh(token, device="thief", place=NEXT_DOOR)
    assert (response.status, response.code) == (401, "mfa_enrollment_required")
    assert refresh(token).status == 200


def test_another_kind_of_client_is_noticed(estate: Estate, known: Person) -> None:
    token = login(known).body["refresh_token"]
    firefox = Place(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    assert refresh(token, place=firefox).status == 200
    assert estate.events(known.tenant)[-1]["risk"]["reasons"] == ["DEVICE_MISMATCH"]


def test_late_retry_from_abroad_gets_its_answer_after_a_proof(
    estate: Estate, known: Person, clock: MovableClock
) -> None:
    token = login(known).body["refresh_token"]
    answered = refresh(token).body["refresh_token"]
    clock.offset = 60
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    response = refresh(token, place=Place(user_agent=firefox, address="192.0.2.10"))
    assert response.code == "insufficient_user_authentication"
    answer: dict[str, object] = {
        "challenge_id": response.body["challenge_id"],
        "code": code(estate, known),
        "refresh_token": token,
    }
    again = verify(answer)
    assert again.status == 200
    assert again.body["refresh_token"] == answered
    assert again.headers["X-Refresh-Replayed"] == "1"


def test_journey_of_a_session_is_measured_from_where_it_was_last_refreshed(estate: Estate, known: Person) -> None:
    berlin = {"cloudfront-viewer-latitude": "52.52", "cloudfront-viewer-longitude": "13.40"}
    paris = {"cloudfront-viewer-latitude": "48.86", "cloudfront-viewer-longitude": "2.35"}
    token = login(known, place=Place(extra=berlin)).body["refresh_token"]
    token = refresh(token, place=Place(extra=berlin)).body["refresh_token"]
    response = refresh(token, place=Place(country="FR", address="192.0.2.10", extra=paris))
    assert response.code == "insufficient_user_authentication"
    risk = estate.events(known.tenant)[-1]["risk"]
    assert (risk["score"], risk["reasons"]) == (60, ["IMPOSSIBLE_TRAVEL", "NEW_COUNTRY"])
    (session,) = estate.session_rows(known)
    assert (session["latitude"], session["longitude"]) == (53, 13)
