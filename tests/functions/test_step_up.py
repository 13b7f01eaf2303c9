"""Enrolment of an authenticator, challenges, and their answers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyotp
import pytest

from tests.functions.estate import Estate, MovableClock, Person, Response, login, me, step_up


def code_of(person: Person, now: float) -> str:
    assert person.totp_secret is not None
    return pyotp.TOTP(person.totp_secret).at(now)


@pytest.fixture
def enrolled(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, totp=True)


def challenge(bearer: str, purpose: str = "data_export") -> dict[str, Any]:
    response = step_up("step-up/challenges", {"purpose": purpose}, bearer)
    assert response.status == 201, response.text
    return response.body


def verify(bearer: str, challenge_id: str, **answer: str) -> Response:
    return step_up("step-up/verify", {"challenge_id": challenge_id, **answer}, bearer)


def enrol(bearer: str, now: float) -> tuple[str, list[str]]:
    secret = step_up("factors/totp", None, bearer).body["secret"]
    confirmed = step_up("factors/totp/confirm", {"code": pyotp.TOTP(secret).at(now)}, bearer)
    assert confirmed.status == 200, confirmed.text
    codes: list[str] = confirmed.body["recovery_codes"]
    return secret, codes


def test_enrolment_shows_secret_and_recovery_codes_once(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    begun = step_up("factors/totp", None, bearer)
    assert begun.status == 201
    assert begun.body["otpauth_uri"].startswith("otpauth://totp/")
    confirmed = step_up("factors/totp/confirm", {"code": pyotp.TOTP(begun.body["secret"]).at(estate.clock())}, bearer)
    codes = confirmed.body["recovery_codes"]
    assert len(codes) == 10
    assert all(len(code) == 14 and code[:3] == f"{number:02d}-" for number, code in enumerate(codes, start=1))
    assert estate.actions(person.tenant)[-1] == "MFA_ENROLLED"
    stored = str(estate.everything())
    assert begun.body["secret"] not in stored
    assert not any(code[3:] in stored for code in codes)
    assert step_up("factors/totp", None, bearer).code == "insufficient_user_authentication"
    assert step_up("factors/totp/confirm", {"code": "123456"}, bearer).code == "already_used"


def test_code_that_enrolled_the_authenticator_is_spent(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    enrolled_at = estate.clock()
    secret, _ = enrol(bearer, enrolled_at)
    asked = challenge(bearer)
    assert verify(bearer, asked["challenge_id"], code=pyotp.TOTP(secret).at(enrolled_at)).status == 401


def test_wrong_codes_do_not_enrol_and_run_out(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    step_up("factors/totp", None, bearer)
    answers = [step_up("factors/totp/confirm", {"code": "abc"}, bearer).status for _ in range(6)]
    assert answers == [401, 401, 401, 401, 401, 423]
    assert not [row for row in estate.rows("tenant_staff") if row["item"] == f"{person.staff_id}#factor#totp"]


def test_confirmation_without_a_beginning_is_410(person: Person) -> None:
    bearer = login(person).body["access_token"]
    assert step_up("factors/totp/confirm", {"code": "123456"}, bearer).code == "challenge_expired"


def test_right_code_grants_the_purpose_raises_the_session_and_keeps_the_refresh_token(
    estate: Estate, enrolled: Person
) -> None:
    bearer = login(enrolled).body["access_token"]
    asked = challenge(bearer)
    assert asked["methods"] == ["totp"]
    hash_before = estate.session_rows(enrolled)[0]["current_hash"]
    response = verify(bearer, asked["challenge_id"], code=code_of(enrolled, estate.clock()))
    assert response.status == 200
    assert set(response.body) == {"purpose", "granted_until", "access_token", "expires_in"}
    assert me(response.body["access_token"]).body["session"]["acr"] == "urn:muniment:aal2"
    (session,) = estate.session_rows(enrolled)
    assert session["grants"]["data_export"]["factor"] == "totp"
    assert session["current_hash"] == hash_before
    assert estate.actions(enrolled.tenant)[-2:] == ["STEP_UP_REQUIRED", "STEP_UP_VERIFIED"]


def test_code_is_accepted_once(estate: Estate, enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    code = code_of(enrolled, estate.clock())
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code).status == 200
    again = verify(bearer, challenge(bearer)["challenge_id"], code=code)
    assert (again.status, again.code) == (401, "invalid_credentials")
    line = estate.events(enrolled.tenant)[-1]
    assert (line["action"], line["reason"]) == ("STEP_UP_FAILED", "CODE_REPLAYED")


def test_previous_step_is_accepted_and_older_ones_are_not(estate: Estate, enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    assert verify(bearer, asked, code=code_of(enrolled, estate.clock() - 60)).status == 401
    assert verify(bearer, asked, code=code_of(enrolled, estate.clock() - 30)).status == 200


def test_of_one_code_twenty_times_at_once_one_wins(estate: Estate, enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    code = code_of(enrolled, estate.clock())
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: verify(bearer, asked, code=code).status, range(20)))
    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 410, 503}
    assert estate.actions(enrolled.tenant).count("STEP_UP_VERIFIED") == 1


def test_of_one_code_in_two_sessions_at_once_one_wins(estate: Estate, enrolled: Person) -> None:
    bearers = [login(enrolled, device=device).body["access_token"] for device in ("one", "two", "three", "four")]
    asked = [challenge(bearer)["challenge_id"] for bearer in bearers]
    code = code_of(enrolled, estate.clock())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda pair: verify(*pair, code=code).status, zip(bearers, asked, strict=True)))
    assert sorted(answers) == [200, 401, 401, 401]


def test_parallel_guesses_are_counted_one_at_a_time(estate: Estate, enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda guess: verify(bearer, asked, code=f"{guess:06d}x").status, range(12)))
    assert answers.count(401) <= 5
    assert set(answers) <= {401, 423, 503}
    assert estate.actions(enrolled.tenant).count("STEP_UP_FAILED") == answers.count(401)


def test_five_wrong_codes_close_the_challenge_even_for_the_right_one(estate: Estate, enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    for _ in range(5):
        assert verify(bearer, asked, code="000000x").code == "invalid_credentials"
    locked = verify(bearer, asked, code=code_of(enrolled, estate.clock()))
    assert (locked.status, locked.code) == (423, "factor_locked")
    assert int(locked.headers["Retry-After"]) > 0


def test_new_challenges_buy_no_guesses(enrolled: Person, clock: MovableClock) -> None:
    bearer = login(enrolled).body["access_token"]
    for _ in range(2):
        asked = challenge(bearer)["challenge_id"]
        for _ in range(5):
            assert verify(bearer, asked, code="000000x").status == 401
    refused = step_up("step-up/challenges", {"purpose": "data_export"}, bearer)
    assert (refused.status, refused.code) == (423, "factor_locked")
    clock.offset = 3601
    fresh = login(enrolled).body["access_token"]
    assert verify(fresh, challenge(fresh)["challenge_id"], code=code_of(enrolled, clock())).status == 200


def test_new_challenge_voids_the_old_one(estate: Estate, enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    old, new = challenge(bearer)["challenge_id"], challenge(bearer, "rbac_admin")["challenge_id"]
    code = code_of(enrolled, estate.clock())
    assert verify(bearer, old, code=code).code == "challenge_expired"
    assert verify(bearer, new, code=code).body["purpose"] == "rbac_admin"


def test_challenge_of_another_session_is_as_good_as_none(estate: Estate, enrolled: Person) -> None:
    theirs = challenge(login(enrolled, device="phone").body["access_token"])["challenge_id"]
    bearer = login(enrolled).body["access_token"]
    challenge(bearer)
    answers = [verify(bearer, id_, code=code_of(enrolled, estate.clock())) for id_ in (theirs, "never-was")]
    assert [answer.code for answer in answers] == ["challenge_expired", "challenge_expired"]


def test_challenge_expires_after_five_minutes(enrolled: Person, clock: MovableClock) -> None:
    bearer = login(enrolled).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    clock.offset = 301
    assert verify(bearer, asked, code=code_of(enrolled, clock())).code == "challenge_expired"


def test_recovery_code_stands_in_once(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    _, codes = enrol(bearer, estate.clock())
    asked = challenge(bearer)
    assert asked["methods"] == ["totp", "recovery_code"]
    typed = codes[3].lower().replace("-", "").replace("0", "o")
    assert verify(bearer, asked["challenge_id"], recovery_code=typed).status == 200
    assert estate.events(person.tenant)[-1]["meta"]["method"] == "recovery_code"
    again = challenge(bearer)["challenge_id"]
    assert verify(bearer, again, recovery_code=codes[3]).status == 401
    assert verify(bearer, again, recovery_code="99-AAAAA-AAAAA").status == 401
    assert verify(bearer, again, recovery_code=codes[4]).status == 200


def test_staff_without_a_factor_is_told_to_enrol(person: Person) -> None:
    bearer = login(person).body["access_token"]
    response = step_up("step-up/challenges", {"purpose": "data_export"}, bearer)
    assert (response.status, response.code) == (401, "mfa_enrollment_required")


def test_deactivation_before_the_answer_wins(estate: Estate, enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    estate.change_gate(enrolled, "status", "DEACTIVATED")
    assert verify(bearer, asked, code=code_of(enrolled, estate.clock())).code == "invalid_token"


@pytest.mark.parametrize(
    "answer",
    [{}, {"code": "1", "recovery_code": "2"}, {"code": 123456}, {"code": "1", "remember": "yes"}],
)
def test_answer_is_exactly_one_code(enrolled: Person, answer: dict[str, str]) -> None:
    bearer = login(enrolled).body["access_token"]
    assert verify(bearer, challenge(bearer)["challenge_id"], **answer).status == 400


def test_unknown_purpose_is_400(enrolled: Person) -> None:
    bearer = login(enrolled).body["access_token"]
    assert step_up("step-up/challenges", {"purpose": "anything"}, bearer).status == 400
