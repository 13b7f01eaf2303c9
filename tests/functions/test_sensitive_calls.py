"""A session is judged once more before everything sensitive: where its step-up is asked for."""

from functions.step_up.handler import handler
from tests.functions.estate import Estate, Person, Place, Response, call, event, login, me, refresh, step_up
from tests.functions.test_step_up import code_of

ROUTE = "POST /api/auth/step-up/challenges"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def asked(bearer: str, place: Place) -> Response:
    return call(handler, event(ROUTE, {"purpose": "data_export"}, bearer=bearer, place=place))


def test_step_up_where_the_session_is_used_is_not_scored(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, totp=True)
    token = login(person).body["access_token"]
    assert asked(token, Place(address="192.0.2.1")).status == 201
    assert estate.actions(tenant)[-1] == "STEP_UP_REQUIRED"


def test_step_up_from_another_country_is_scored_and_asked_for(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, totp=True)
    token = login(person).body["access_token"]
    assert asked(token, Place(country="FR", address="192.0.2.1")).status == 201
    scored = estate.events(tenant)[-1]
    assert (scored["action"], scored["reason"], scored["risk"]["reasons"]) == (
        "ANOMALY_SCORED",
        "STEP_UP",
        ["NEW_COUNTRY"],
    )


def test_stolen_access_token_in_another_client_abroad_ends_everything(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, totp=True)
    tokens = login(person).body
    other = login(person).body
    response = asked(tokens["access_token"], Place(country="FR", address="192.0.2.1", user_agent=FIREFOX))
    assert (response.status, response.code) == (401, "session_blocked")
    assert me(other["access_token"]).status == 401
    assert refresh(tokens["refresh_token"]).code == "invalid_grant"
    incident = estate.events(tenant)[-4:]
    assert [line["action"] for line in incident] == [
        "SESSION_BLOCKED",
        "SUSPICIOUS_LOGIN_DETECTED",
        "ANOMALY_SCORED",
        "SESSION_INVALIDATED",
    ]
    assert incident[0]["risk"]["score"] == 90
    assert incident[0]["pii"]
    assert "step_up_challenge" not in next(
        row for row in estate.session_rows(person) if row["revoke_reason"] == "high_risk"
    )


def test_whoever_has_no_factor_is_told_so_before_anything_is_judged(person: Person) -> None:
    token = login(person).body["access_token"]
    response = asked(token, Place(country="FR", address="192.0.2.1", user_agent=FIREFOX))
    assert response.code == "mfa_enrollment_required"
    assert me(token).status == 200


def test_proof_earns_its_device_trust_at_the_next_sign_in(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, totp=True)
    token = login(person).body["access_token"]
    challenge = asked(token, Place()).body["challenge_id"]
    answer = {"challenge_id": challenge, "code": code_of(person, estate.clock())}
    assert step_up("step-up/verify", answer, token).status == 200
    assert login(person, place=Place(country="FR")).status == 200
    risk = next(line["risk"] for line in reversed(estate.events(tenant)) if line["action"] == "ANOMALY_SCORED")
    assert (risk["reasons"], risk["score"]) == (["NEW_COUNTRY", "RECENT_STEP_UP"], 20)
