"""Changes of factors: another authenticator, new recovery codes, removal."""

from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from functions.step_up.handler import handler as step_up_handler
from tests.functions.estate import Estate, MovableClock, Person, Response, call, event, login, me, refresh, step_up
from tests.functions.passkey_calls import answered, mails, registered, removed, secured
from tests.functions.test_step_up import challenge, code_of, enrol, verify

REMOVE_TOTP = "DELETE /api/auth/factors/totp"


@pytest.fixture
def member(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, "member", totp=True)


@pytest.fixture
def bearer(estate: Estate, member: Person) -> str:
    return secured(estate, member, login(member).body["access_token"])


def without_totp(bearer: str) -> Response:
    return call(step_up_handler, event(REMOVE_TOTP, bearer=bearer))


def new_codes(bearer: str) -> Response:
    return step_up("factors/recovery-codes", None, bearer)


def code(secret: str, now: float) -> str:
    return pyotp.TOTP(secret).at(now)


def methods(bearer: str) -> list[str]:
    offered: list[str] = challenge(bearer)["methods"]
    return offered


def test_another_authenticator_needs_a_fresh_proof(member: Person) -> None:
    response = step_up("factors/totp", None, login(member).body["access_token"])
    assert (response.status, response.code) == (401, "insufficient_user_authentication")
    assert response.body["purpose"] == "account_security"
    assert "acr_values" in response.headers["WWW-Authenticate"]


def test_proof_for_another_purpose_is_none(estate: Estate, member: Person) -> None:
    bearer = login(member).body["access_token"]
    verify(bearer, challenge(bearer, "rbac_admin")["challenge_id"], code=code_of(member, estate.clock()))
    for response in (step_up("factors/totp", None, bearer), new_codes(bearer), without_totp(bearer)):
        assert (response.status, response.body["purpose"]) == (401, "account_security")


def test_old_authenticator_works_until_the_new_one_is_confirmed(
    member: Person, bearer: str, clock: MovableClock
) -> None:
    secret = step_up("factors/totp", None, bearer).body["secret"]
    clock.offset = 30
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code_of(member, clock())).status == 200
    clock.offset = 60
    replaced = step_up("factors/totp/confirm", {"code": code(secret, clock())}, bearer)
    assert replaced.status == 200
    assert len(replaced.body["recovery_codes"]) == 10
    clock.offset = 90
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code_of(member, clock())).status == 401
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code(secret, clock())).status == 200


def test_replaced_authenticator_ends_all_other_sessions(estate: Estate, member: Person, bearer: str) -> None:
    other = login(member, device="phone")
    secret = step_up("factors/totp", None, bearer).body["secret"]
    replaced = step_up("factors/totp/confirm", {"code": code(secret, estate.clock())}, bearer)
    assert set(replaced.body) == {"recovery_codes"}
    assert [me(token).status for token in (bearer, other.body["access_token"])] == [200, 401]
    assert refresh(other.body["refresh_token"], device="phone").code == "invalid_grant"
    enrolled, ended = estate.events(member.tenant)[-2:]
    assert (enrolled["action"], enrolled["meta"]["replaced"]) == ("MFA_ENROLLED", True)
    assert (ended["action"], ended["reason"]) == ("SESSION_INVALIDATED", "factor_changed")


def test_wrong_codes_do_not_replace_and_run_out(estate: Estate, member: Person, bearer: str) -> None:
    step_up("factors/totp", None, bearer)
    answers = [step_up("factors/totp/confirm", {"code": "abc"}, bearer).status for _ in range(6)]
    assert answers == [401, 401, 401, 401, 401, 423]
    assert estate.actions(member.tenant).count("MFA_ENROLLED") == 0


def test_enrolment_that_was_begun_before_another_one_is_void(estate: Estate, person: Person) -> None:
    first, second = (login(person, device=device).body["access_token"] for device in ("one", "two"))
    begun = step_up("factors/totp", None, first).body["secret"]
    enrol(second, estate.clock())
    refused = step_up("factors/totp/confirm", {"code": code(begun, estate.clock())}, first)
    assert (refused.status, refused.code) == (409, "already_used")


def test_of_one_confirmation_six_times_at_once_one_enrols(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    secret = step_up("factors/totp", None, bearer).body["secret"]
    right = {"code": code(secret, estate.clock())}
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: step_up("factors/totp/confirm", right, bearer).status, range(6)))
    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 503}
    assert estate.actions(person.tenant).count("MFA_ENROLLED") == 1


def test_new_recovery_codes_take_the_place_of_the_old_ones(estate: Estate, person: Person, clock: MovableClock) -> None:
    bearer = login(person).body["access_token"]
    secret, old = enrol(bearer, clock())
    clock.offset = 30
    asked = challenge(bearer, "account_security")["challenge_id"]
    verify(bearer, asked, code=code(secret, clock()))
    replaced = new_codes(bearer)
    assert replaced.status == 200
    fresh = replaced.body["recovery_codes"]
    assert len(fresh) == 10
    assert not set(fresh) & set(old)
    stored = str(estate.rows("tenant_staff"))
    assert not any(shown[3:] in stored for shown in fresh)
    assert set(replaced.body) == {"recovery_codes"}
    asked = challenge(bearer)["challenge_id"]
    assert verify(bearer, asked, recovery_code=old[5]).status == 401
    assert verify(bearer, asked, recovery_code=fresh[5]).status == 200
    events = estate.events(person.tenant)
    (line,) = [line for line in events if line["action"] == "RECOVERY_CODES_REPLACED"]
    assert line["actor"]["step_up"] is not None


def test_used_recovery_code_is_told_and_advises_to_enrol(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    _, codes = enrol(bearer, estate.clock())
    verified = verify(bearer, challenge(bearer)["challenge_id"], recovery_code=codes[0])
    assert verified.body["enrolment_advised"] is True
    told = mails(estate, person)[-1]
    assert (told["template"], told["values"]) == ("recovery_code_used", {"left": 9})


def test_recovery_code_after_another_factor_advises_nothing(
    estate: Estate, person: Person, clock: MovableClock
) -> None:
    bearer = login(person).body["access_token"]
    secret, codes = enrol(bearer, clock())
    clock.offset = 30
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code(secret, clock())).status == 200
    verified = verify(bearer, challenge(bearer)["challenge_id"], recovery_code=codes[0])
    assert "enrolment_advised" not in verified.body
    assert estate.actions(person.tenant).count("STEP_UP_VERIFIED") == 2


def test_of_one_recovery_code_twenty_times_at_once_one_is_accepted(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    _, codes = enrol(bearer, estate.clock())
    asked = challenge(bearer)["challenge_id"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: verify(bearer, asked, recovery_code=codes[7]).status, range(20)))
    assert answers.count(200) == 1
    assert set(answers) <= {200, 401, 409, 410, 503}
    assert estate.actions(person.tenant).count("STEP_UP_VERIFIED") == 1


def test_of_one_recovery_code_in_four_sessions_at_once_one_is_accepted(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    _, codes = enrol(bearer, estate.clock())
    bearers = [login(person, device=f"device-{number}").body["access_token"] for number in range(4)]
    asked = [challenge(each)["challenge_id"] for each in bearers]
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda pair: verify(*pair, recovery_code=codes[7]).status, zip(bearers, asked, strict=True))
        )
    assert sorted(answers) == [200, 401, 401, 401]


def test_member_removes_his_authenticator_and_with_it_the_recovery_codes(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    member = estate.new_person(tenant, "member")
    bearer = login(member).body["access_token"]
    secret, codes = enrol(bearer, clock())
    clock.offset = 30
    verify(bearer, challenge(bearer, "account_security")["challenge_id"], code=code(secret, clock()))
    other = login(member, device="phone").body["access_token"]
    gone = without_totp(bearer)
    assert (gone.status, gone.text) == (204, "")
    assert [me(token).status for token in (bearer, other)] == [200, 401]
    refused = step_up("step-up/challenges", {"purpose": "data_export"}, bearer)
    assert (refused.status, refused.code) == (401, "mfa_enrollment_required")
    assert estate.actions(tenant)[-2:] == ["MFA_REMOVED", "SESSION_INVALIDATED"]
    assert [line["pii"] != [] for line in estate.events(tenant)[-2:]] == [True, False]
    (left,) = [row for row in estate.rows("tenant_staff") if row["item"] == f"{member.staff_id}#factor#recovery"]
    assert left["codes"] == []
    assert mails(estate, member)[-1]["template"] == "factor_removed"
    secret, fresh = enrol(bearer, clock())
    asked = challenge(bearer)["challenge_id"]
    assert verify(bearer, asked, recovery_code=codes[0]).status == 401
    assert verify(bearer, asked, recovery_code=fresh[0]).status == 200


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_administrator_keeps_his_last_factor(estate: Estate, tenant: str, role: str) -> None:
    person = estate.new_person(tenant, role, totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    refused = without_totp(bearer)
    assert (refused.status, refused.code) == (409, "last_factor")
    assert "MFA_REMOVED" not in estate.actions(tenant)


def test_administrator_with_a_passkey_removes_the_authenticator_but_not_both(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    key = registered(bearer)
    assert without_totp(bearer).status == 204
    assert methods(bearer) == ["passkey"]
    assert removed(bearer, key.passkey_id).code == "last_factor"
    asked = challenge(bearer)
    assert verify(bearer, asked["challenge_id"], code="123456").code == "invalid_credentials"
    assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"])).status == 200


def test_of_both_factors_removed_at_once_one_stays(estate: Estate, tenant: str, clock: MovableClock) -> None:
    for _ in range(3):
        person = estate.new_person(tenant, "admin", totp=True)
        first = secured(estate, person, login(person).body["access_token"])
        key = registered(first)
        clock.offset += 30
        second = secured(estate, person, login(person, device="phone").body["access_token"])
        with ThreadPoolExecutor(2) as pool:
            one, two = pool.submit(without_totp, first), pool.submit(removed, second, key.passkey_id)
            answers = sorted((one.result().status, two.result().status))
        assert answers in ([204, 401], [204, 409]), answers


def test_what_is_not_enrolled_cannot_be_removed(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    registered(bearer)
    assert without_totp(bearer).status == 204
    assert without_totp(bearer).code == "not_found"


def test_second_factor_beside_a_passkey_needs_a_fresh_proof_too(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    registered(bearer)
    assert without_totp(bearer).status == 204
    assert step_up("factors/totp", None, bearer).status == 201
    clock.offset = 301
    bearer = login(person).body["access_token"]
    assert step_up("factors/totp", None, bearer).code == "insufficient_user_authentication"


def test_answer_to_what_is_not_asked_is_recorded(estate: Estate, member: Person) -> None:
    bearer = login(member).body["access_token"]
    theirs = challenge(login(member, device="phone").body["access_token"])["challenge_id"]
    for asked in ("never-was", theirs):
        assert verify(bearer, asked, code=code_of(member, estate.clock())).code == "challenge_expired"
        line = estate.events(member.tenant)[-1]
        assert (line["action"], line["reason"]) == ("STEP_UP_FAILED", "CHALLENGE_GONE")
    assert "never-was" not in str(estate.events(member.tenant))


def test_session_that_rises_lives_no_longer_than_one_that_opens_with_the_factor(
    estate: Estate, member: Person, clock: MovableClock
) -> None:
    settings = {"single_factor_absolute_seconds": 30 * 86_400, "refresh_absolute_seconds": 3_600}
    estate.change_settings(member.tenant, settings)
    bearer = login(member).body["access_token"]
    (row,) = estate.session_rows(member)
    assert row["absolute_expires_at"] > clock() + 86_400
    for offset in (60, 90):
        clock.offset = offset
        verify(bearer, challenge(bearer)["challenge_id"], code=code_of(member, clock()))
    (risen,) = estate.session_rows(member)
    assert risen["acr"] == "urn:muniment:aal2"
    assert clock() - 30 + 3_590 < risen["absolute_expires_at"] <= clock() - 30 + 3_600, "the first proof counts"
