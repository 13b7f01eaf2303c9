"""Wrong codes of a person over all challenges: the warning, the lock that grows, the authenticator that is disabled."""

from typing import Any

import pytest

from shared.domain.step_up import Failures
from shared.store.second_factors import failed_factor
from shared.store.tenant_staff import factor_key
from tests.functions.estate import Estate, MovableClock, Person, login, step_up
from tests.functions.passkey_calls import answered, mails, registered, secured
from tests.functions.test_step_up import challenge, code_of, enrol, verify


@pytest.fixture
def holder(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, "member", totp=True)


def wrong_codes(bearer: str, number: int) -> list[int]:
    statuses: list[int] = []
    while len(statuses) < number:
        asked = challenge(bearer)["challenge_id"]
        statuses += [verify(bearer, asked, code="000000x").status for _ in range(min(5, number - len(statuses)))]
    return statuses


def stored(estate: Estate, person: Person) -> dict[str, Any] | None:
    key = factor_key(person.tenant, person.staff_id, "failures")["item"]
    rows = [row for row in estate.rows("tenant_staff") if row["tenant"] == person.tenant and row["item"] == key]
    return rows[0] if rows else None


def with_failures(estate: Estate, person: Person, failures: Failures) -> None:
    item = failed_factor(estate.prefix + "tenant_staff", person.tenant, person.staff_id, Failures(), failures)
    estate._commit(person.tenant, [item], "STEP_UP_FAILED")


def test_lock_is_recorded_once_and_told_before_it_falls_and_when_it_does(estate: Estate, holder: Person) -> None:
    bearer = login(holder).body["access_token"]
    wrong_codes(bearer, 4)
    assert mails(estate, holder) == []
    wrong_codes(bearer, 5)
    (early,) = mails(estate, holder)
    assert (early["template"], early["values"]) == ("second_factor_failures", {"kind": "failures"})
    wrong_codes(bearer, 1)
    kinds = [mail["values"]["kind"] for mail in mails(estate, holder)]
    assert sorted(kinds) == ["failures", "locked"]
    refused = [step_up("step-up/challenges", {"purpose": "data_export"}, bearer) for _ in range(3)]
    assert {answer.code for answer in refused} == {"factor_locked"}
    assert 3_590 < int(refused[0].headers["Retry-After"]) <= 3_600
    (locked,) = [line for line in estate.events(holder.tenant) if line["action"] == "STEP_UP_LOCKED"]
    assert (locked["reason"], locked["outcome"]) == ("BUDGET_SPENT", "failure")


def test_right_code_is_refused_while_the_lock_lasts_and_the_next_lock_is_longer(
    estate: Estate, holder: Person, clock: MovableClock
) -> None:
    bearer = login(holder).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    wrong_codes(bearer, 5)
    for _ in range(4):
        verify(bearer, challenge(bearer)["challenge_id"], code="000000x")
    asked = challenge(bearer)["challenge_id"]
    assert verify(bearer, asked, code="000000x").status == 401
    locked = verify(bearer, asked, code=code_of(holder, clock()))
    assert (locked.status, locked.code) == (423, "factor_locked")
    clock.offset = 3_601
    bearer = login(holder).body["access_token"]
    wrong_codes(bearer, 10)
    refused = step_up("step-up/challenges", {"purpose": "data_export"}, bearer)
    assert 7_190 < int(refused.headers["Retry-After"]) <= 7_200
    assert estate.actions(holder.tenant).count("STEP_UP_LOCKED") == 2


def test_right_code_forgets_the_wrong_ones(estate: Estate, holder: Person) -> None:
    bearer = login(holder).body["access_token"]
    wrong_codes(bearer, 9)
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code_of(holder, estate.clock())).status == 200
    assert stored(estate, holder) is None
    assert wrong_codes(bearer, 9) == [401] * 9


def test_recovery_codes_and_codes_of_the_authenticator_share_the_budget(estate: Estate, person: Person) -> None:
    bearer = login(person).body["access_token"]
    _, codes = enrol(bearer, estate.clock())
    wrong_codes(bearer, 5)
    asked = challenge(bearer)["challenge_id"]
    assert [verify(bearer, asked, recovery_code="01-AAAAA-AAAAA").status for _ in range(5)] == [401] * 5
    assert step_up("step-up/challenges", {"purpose": "data_export"}, bearer).code == "factor_locked"
    assert verify(bearer, asked, recovery_code=codes[0]).code == "factor_locked"


def test_lock_of_codes_leaves_passkeys_alone_and_a_passkey_ends_it(
    estate: Estate, holder: Person, clock: MovableClock
) -> None:
    bearer = secured(estate, holder, login(holder).body["access_token"])
    key = registered(bearer)
    wrong_codes(bearer, 10)
    asked = challenge(bearer)
    assert asked["methods"] == ["passkey"]
    clock.offset = 30
    assert verify(bearer, asked["challenge_id"], code=code_of(holder, clock())).code == "factor_locked"
    assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"])).status == 200
    assert challenge(bearer)["methods"] == ["totp", "passkey"]


def test_hundredth_wrong_code_disables_the_authenticator_for_good(
    estate: Estate, holder: Person, clock: MovableClock
) -> None:
    with_failures(estate, holder, Failures(streak=99))
    bearer = login(holder).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    assert verify(bearer, asked, code="000000x").status == 401
    assert estate.events(holder.tenant)[-1]["reason"] == "DISABLED"
    assert mails(estate, holder)[-1]["values"] == {"kind": "disabled"}
    assert verify(bearer, asked, code=code_of(holder, clock())).code == "factor_locked"
    clock.offset = 7 * 3_600
    bearer = login(holder).body["access_token"]
    refused = step_up("step-up/challenges", {"purpose": "data_export"}, bearer)
    assert (refused.code, "Retry-After" in refused.headers) == ("factor_locked", False)


def test_recovery_code_enables_the_authenticator_again(estate: Estate, person: Person, clock: MovableClock) -> None:
    bearer = login(person).body["access_token"]
    _, codes = enrol(bearer, clock())
    with_failures(estate, person, Failures(streak=100))
    asked = challenge(bearer)
    assert asked["methods"] == ["recovery_code"]
    assert verify(bearer, asked["challenge_id"], recovery_code=codes[0]).status == 200
    assert challenge(bearer)["methods"] == ["totp", "recovery_code"]


def test_replayed_code_is_told(estate: Estate, holder: Person) -> None:
    bearer = login(holder).body["access_token"]
    code = code_of(holder, estate.clock())
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code).status == 200
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code).code == "invalid_credentials"
    assert [mail["values"] for mail in mails(estate, holder)] == [{"kind": "replay"}]


def test_nobody_without_a_session_locks_anybody(estate: Estate, holder: Person) -> None:
    bearer = login(holder).body["access_token"]
    asked = challenge(bearer)["challenge_id"]
    for _ in range(12):
        assert verify("not.a.token", asked, code="000000x").code == "invalid_token"
    assert stored(estate, holder) is None
    assert verify(bearer, asked, code=code_of(holder, estate.clock())).status == 200
