"""Passkeys as a second method of step-up, their list and their removal."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.functions.estate import Estate, MovableClock, Person, login, me
from tests.functions.passkey_calls import answered, listed, mails, registered, removed, secured
from tests.functions.software_authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    PRESENT,
    VERIFIED,
    SoftwareAuthenticator,
    base64url,
)
from tests.functions.test_step_up import challenge, code_of, verify


@pytest.fixture
def holder(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, "member", totp=True)


@pytest.fixture
def bearer(estate: Estate, holder: Person) -> str:
    return secured(estate, holder, login(holder).body["access_token"])


@pytest.fixture
def key(bearer: str) -> SoftwareAuthenticator:
    return registered(bearer)


def test_challenge_offers_the_passkey_beside_the_code(bearer: str, key: SoftwareAuthenticator) -> None:
    asked = challenge(bearer)
    assert asked["methods"] == ["totp", "passkey"]
    options = asked["passkey"]["publicKey"]
    assert options["allowCredentials"] == [{"type": "public-key", "id": key.passkey_id}]
    assert (options["rpId"], options["userVerification"]) == ("muniment.example", "required")
    assert options["challenge"] != challenge(bearer)["passkey"]["publicKey"]["challenge"]


def test_passkey_grants_the_purpose_and_opens_no_session(
    estate: Estate, bearer: str, holder: Person, key: SoftwareAuthenticator
) -> None:
    fresh = login(holder, device="phone").body["access_token"]
    before = len(estate.session_rows(holder))
    asked = challenge(fresh, "rbac_admin")
    response = answered(fresh, asked, key.signed(asked["passkey"]["publicKey"]))
    assert set(response.body) == {"purpose", "granted_until", "access_token", "expires_in"}
    assert response.body["purpose"] == "rbac_admin"
    assert me(response.body["access_token"]).body["session"]["acr"] == "urn:muniment:aal2"
    session = next(row for row in estate.session_rows(holder) if "rbac_admin" in row["grants"])
    assert session["amr"] == ["pwd", "pop"]
    assert session["grants"]["rbac_admin"]["factor"] == "passkey"
    assert len(estate.session_rows(holder)) == before
    assert estate.events(holder.tenant)[-1]["meta"] == {"purpose": "rbac_admin", "method": "passkey"}
    assert listed(bearer)[0]["last_used_at"] is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": 7},
        {"rp_id": "evil.example"},
        {"challenge": base64url(bytes(64))},
        {"challenge": 7},
        {"kind": "webauthn.create"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": PRESENT | VERIFIED | BACKED_UP},
        {"cross_origin": True},
        {"signature": b""},
        {"signature": b"x" * 70},
        {"user_handle": base64url(b"somebody else")},
        {"user_handle": 7},
    ],
    ids=str,
)
def test_wrong_assertion_grants_nothing(
    estate: Estate, bearer: str, holder: Person, key: SoftwareAuthenticator, wrong: dict[str, Any]
) -> None:
    asked = challenge(bearer, "rbac_admin")
    response = answered(bearer, asked, key.signed(asked["passkey"]["publicKey"], **wrong))
    assert (response.status, response.code) == (401, "invalid_credentials")
    line = estate.events(holder.tenant)[-1]
    assert (line["action"], line["reason"]) == ("STEP_UP_FAILED", "WRONG_ASSERTION")
    assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"])).status == 200


def test_backed_up_key_is_shown_as_one(bearer: str, key: SoftwareAuthenticator) -> None:
    asked = challenge(bearer)
    flags = PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP
    assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"], flags=flags)).status == 200
    assert listed(bearer)[0]["backed_up"]


def test_replayed_assertion_is_refused_in_its_own_and_in_any_other_challenge(
    bearer: str, key: SoftwareAuthenticator
) -> None:
    asked = challenge(bearer)
    assertion = key.signed(asked["passkey"]["publicKey"])
    assert answered(bearer, asked, assertion).status == 200
    assert answered(bearer, asked, assertion).code == "already_used"
    assert answered(bearer, challenge(bearer), assertion).code == "invalid_credentials"


def test_assertion_for_one_purpose_answers_no_other(bearer: str, key: SoftwareAuthenticator) -> None:
    first = challenge(bearer, "data_export")
    assertion = key.signed(first["passkey"]["publicKey"])
    second = challenge(bearer, "impersonate")
    assert answered(bearer, first, assertion).code == "challenge_expired"
    assert answered(bearer, second, assertion).code == "invalid_credentials"


def test_key_of_another_person_proves_nothing(
    estate: Estate, tenant: str, bearer: str, key: SoftwareAuthenticator
) -> None:
    other = estate.new_person(tenant, "member", totp=True)
    theirs = secured(estate, other, login(other).body["access_token"])
    registered(theirs)
    asked = challenge(theirs)
    assert answered(theirs, asked, key.signed(asked["passkey"]["publicKey"])).code == "invalid_credentials"
    mine = challenge(bearer)
    assert answered(theirs, mine, key.signed(mine["passkey"]["publicKey"])).code == "challenge_expired"


def test_another_key_under_a_known_id_proves_nothing(bearer: str, key: SoftwareAuthenticator) -> None:
    impostor = SoftwareAuthenticator(credential_id=key.credential_id, counter=100)
    asked = challenge(bearer)
    assert answered(bearer, asked, impostor.signed(asked["passkey"]["publicKey"])).code == "invalid_credentials"


def test_counter_that_does_not_go_up_is_refused_and_told(
    estate: Estate, bearer: str, holder: Person, key: SoftwareAuthenticator
) -> None:
    clone = SoftwareAuthenticator(key.key, key.credential_id, key.counter)
    asked = challenge(bearer)
    assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"])).status == 200
    asked = challenge(bearer)
    assert answered(bearer, asked, clone.signed(asked["passkey"]["publicKey"])).code == "invalid_credentials"
    line = estate.events(holder.tenant)[-1]
    assert (line["action"], line["reason"]) == ("STEP_UP_FAILED", "CLONED_AUTHENTICATOR")
    assert mails(estate, holder)[-1]["values"] == {"kind": "cloned"}
    assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"])).status == 200


def test_who_has_not_the_key_raises_no_alarm_of_a_clone(
    estate: Estate, bearer: str, holder: Person, key: SoftwareAuthenticator
) -> None:
    impostor = SoftwareAuthenticator(credential_id=key.credential_id, counting=False)
    asked = challenge(bearer)
    answered(bearer, asked, impostor.signed(asked["passkey"]["publicKey"]))
    assert estate.events(holder.tenant)[-1]["reason"] == "WRONG_ASSERTION"


def test_authenticator_that_does_not_count_is_accepted_again_and_again(bearer: str) -> None:
    key = registered(bearer, SoftwareAuthenticator(counting=False))
    for _ in range(2):
        asked = challenge(bearer)
        assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"])).status == 200


def test_of_one_assertion_twenty_times_at_once_one_wins(
    estate: Estate, bearer: str, holder: Person, key: SoftwareAuthenticator
) -> None:
    asked = challenge(bearer, "rbac_admin")
    assertion = key.signed(asked["passkey"]["publicKey"])
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: answered(bearer, asked, assertion).status, range(20)))
    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 410, 503}
    verified = [line for line in estate.events(holder.tenant) if line["action"] == "STEP_UP_VERIFIED"]
    assert [line["meta"]["method"] for line in verified] == ["totp", "passkey"]


def test_five_wrong_assertions_close_the_challenge_and_lock_no_code(
    bearer: str, holder: Person, key: SoftwareAuthenticator, clock: MovableClock
) -> None:
    for _ in range(3):
        asked = challenge(bearer)
        for _ in range(5):
            assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"], signature=b"x")).status == 401
        assert answered(bearer, asked, key.signed(asked["passkey"]["publicKey"])).code == "factor_locked"
    clock.offset = 30
    assert verify(bearer, challenge(bearer)["challenge_id"], code=code_of(holder, clock())).status == 200


def test_list_shows_no_key_material(bearer: str, key: SoftwareAuthenticator) -> None:
    (passkey,) = listed(bearer)
    assert set(passkey) == {"passkey_id", "name", "created_at", "last_used_at", "backed_up"}
    assert (passkey["passkey_id"], passkey["name"]) == (key.passkey_id, "Passkey 1")


def test_removal_ends_the_other_sessions_and_takes_the_passkey_away(
    estate: Estate, bearer: str, holder: Person, key: SoftwareAuthenticator
) -> None:
    other = login(holder, device="phone").body["access_token"]
    response = removed(bearer, key.passkey_id)
    assert (response.status, response.text) == (204, "")
    assert listed(bearer) == []
    assert [me(token).status for token in (bearer, other)] == [200, 401]
    assert challenge(bearer)["methods"] == ["totp"]
    assert estate.actions(holder.tenant)[-3:] == ["MFA_REMOVED", "SESSION_INVALIDATED", "STEP_UP_REQUIRED"]
    assert mails(estate, holder)[-1]["template"] == "factor_removed"


def test_removal_of_what_is_not_there_is_404(bearer: str, key: SoftwareAuthenticator) -> None:
    assert removed(bearer, key.passkey_id[:-1]).code == "not_found"
    assert len(listed(bearer)) == 1


def test_removed_passkey_answers_no_challenge(bearer: str, key: SoftwareAuthenticator) -> None:
    asked = challenge(bearer)
    assertion = key.signed(asked["passkey"]["publicKey"])
    assert removed(bearer, key.passkey_id).status == 204
    assert answered(bearer, asked, assertion).code == "invalid_credentials"
