"""Registration of a passkey: options, attestation, and what is kept of it."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cbor2
import pytest

from tests.functions.estate import Estate, MovableClock, Person, login, step_up
from tests.functions.passkey_calls import answered, begun, confirmed, listed, mails, registered, removed, secured
from tests.functions.software_authenticator import (
    BACKED_UP,
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


def test_registration_asks_for_a_user_verified_key_that_is_not_held_yet(bearer: str, holder: Person) -> None:
    key = registered(bearer)
    options = begun(bearer)
    assert options["rp"]["id"] == "muniment.example"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert options["excludeCredentials"] == [{"type": "public-key", "id": key.passkey_id}]
    assert options["user"]["name"] == holder.email
    assert holder.staff_id not in base64.urlsafe_b64decode(options["user"]["id"] + "==").decode("latin-1")
    assert len(base64.urlsafe_b64decode(options["challenge"] + "==")) == 64


def test_registration_keeps_one_public_key_and_says_so(estate: Estate, bearer: str, holder: Person) -> None:
    key = SoftwareAuthenticator()
    response = confirmed(bearer, key.created(begun(bearer)), name="Yubi")
    assert response.body["passkey"] == {
        "passkey_id": key.passkey_id,
        "name": "Yubi",
        "created_at": response.body["passkey"]["created_at"],
        "last_used_at": None,
        "backed_up": False,
    }
    line = estate.events(holder.tenant)[-1]
    assert (line["action"], line["meta"]["factor"]) == ("MFA_ENROLLED", "passkey")
    assert line["actor"]["step_up"], "the fresh proof that it relied on"
    assert line["pii"], "where from, sealed"
    assert [passkey["name"] for passkey in listed(bearer)] == ["Yubi"]
    (mail,) = mails(estate, holder)
    assert (mail["template"], mail["values"]) == ("factor_added", {"factor": "passkey"})


def test_registration_needs_a_fresh_proof_of_account_security(estate: Estate, holder: Person) -> None:
    bearer = login(holder).body["access_token"]
    for path, body in (("factors/passkeys", None), ("factors/passkeys/confirm", {"passkey": {}})):
        response = step_up(path, body, bearer)
        assert (response.status, response.body["purpose"]) == (401, "account_security")
    assert removed(bearer, "x").body["purpose"] == "account_security"
    other = challenge(bearer, "rbac_admin")["challenge_id"]
    verify(bearer, other, code=code_of(holder, estate.clock()))
    assert step_up("factors/passkeys", None, bearer).body["purpose"] == "account_security"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://muniment.example.evil.example"},
        {"origin": "http://muniment.example"},
        {"rp_id": "evil.example"},
        {"challenge": base64url(bytes(64))},
        {"kind": "webauthn.get"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": PRESENT | VERIFIED | BACKED_UP},
        {"cross_origin": True},
        {"fmt": "fido-u2f", "statement": {"sig": b"x", "x5c": [b"x"]}},
        {"fmt": "packed", "statement": {"alg": -7, "sig": b"x"}},
        {"fmt": "packed", "statement": {"alg": -7, "sig": b"x", "x5c": [b"x"]}},
        {"fmt": "tpm"},
        {"fmt": 7},
        {"public_key": b""},
        {"public_key": b"\xff\xff"},
        {"public_key": cbor2.dumps({1: 2, 3: -7, -1: 1, -2: bytes(32)})},
        {"public_key": cbor2.dumps({1: 2, 3: -65535, -1: 1, -2: bytes(32), -3: bytes(32)})},
    ],
    ids=str,
)
def test_wrong_attestation_registers_nothing(
    estate: Estate, bearer: str, holder: Person, wrong: dict[str, Any]
) -> None:
    response = confirmed(bearer, SoftwareAuthenticator().created(begun(bearer), **wrong))
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert listed(bearer) == []
    line = estate.events(holder.tenant)[-1]
    assert (line["action"], line["reason"]) == ("STEP_UP_FAILED", "WRONG_ATTESTATION")


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": 7},
        {"id": "AA", "rawId": "AA", "type": "public-key", "response": {}},
        {"id": "AA", "rawId": "AA", "type": "password", "response": []},
        {"response": {"clientDataJSON": "\u00e4", "attestationObject": "\u00e4"}},
        {"response": {"clientDataJSON": "W10", "attestationObject": base64url(b"\x9f" * 2_000)}},
    ],
)
def test_what_is_no_attestation_or_assertion_is_a_wrong_answer(bearer: str, credential: dict[str, Any]) -> None:
    begun(bearer)
    assert confirmed(bearer, credential).status == 401
    registered(bearer)
    assert answered(bearer, challenge(bearer), credential).status == 401


def test_key_that_vouches_for_itself_is_taken_and_one_with_a_certificate_is_not(bearer: str) -> None:
    key = SoftwareAuthenticator()
    with_certificate = key.created(begun(bearer), vouched_by=[key.certificate()])
    assert confirmed(bearer, with_certificate).code == "invalid_credentials"
    assert confirmed(bearer, key.created(begun(bearer), vouched_by=[])).status == 200


def test_registration_is_answered_once_and_within_five_minutes(
    estate: Estate, bearer: str, holder: Person, clock: MovableClock
) -> None:
    options = begun(bearer)
    credential = SoftwareAuthenticator().created(options)
    assert confirmed(bearer, credential).status == 200
    assert confirmed(bearer, credential).code == "already_used"
    options = begun(bearer)
    clock.offset = 301
    late = secured(estate, holder, login(holder).body["access_token"])
    assert confirmed(late, SoftwareAuthenticator().created(options)).code == "challenge_expired"
    assert len(listed(late)) == 1


def test_registration_begun_in_another_session_is_as_good_as_none(
    estate: Estate, bearer: str, holder: Person, clock: MovableClock
) -> None:
    credential = SoftwareAuthenticator().created(begun(bearer))
    clock.offset = 30
    other = secured(estate, holder, login(holder, device="phone").body["access_token"])
    assert confirmed(other, credential).code == "challenge_expired"
    begun(other)
    assert confirmed(other, credential).code == "invalid_credentials"


def test_same_key_is_registered_once(bearer: str, key: SoftwareAuthenticator) -> None:
    assert confirmed(bearer, key.created(begun(bearer))).code == "already_used"


def test_of_twenty_registrations_at_once_one_is_kept(estate: Estate, bearer: str, holder: Person) -> None:
    credential = SoftwareAuthenticator().created(begun(bearer))
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: confirmed(bearer, credential).status, range(20)))
    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 503}
    assert len(listed(bearer)) == 1
    assert estate.actions(holder.tenant).count("MFA_ENROLLED") == 1


def test_ten_passkeys_are_enough(bearer: str) -> None:
    for _ in range(10):
        registered(bearer)
    assert step_up("factors/passkeys", None, bearer).code == "factor_limit"
    assert len(listed(bearer)) == 10
