"""Whatever a browser sends, a ceremony gives an answer: the parsers of others meet hostile input here."""

import base64
from typing import Any

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.step_up.ceremonies import asserted, attested
from shared.domain.passkey import Passkey, RelyingParty
from tests.functions.software_authenticator import ORIGIN, RP_ID, SoftwareAuthenticator, base64url

PARTY = RelyingParty(RP_ID, (ORIGIN,))
KEY = SoftwareAuthenticator()
SIGNED = bytes(64)
OPTIONS = {"challenge": base64url(SIGNED)}

_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(max_size=20)
    | st.binary(max_size=40).map(base64url)
)
_json = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
_cbor = st.recursive(
    _leaves | st.binary(max_size=60),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(-5, 5), inner, max_size=4)
    ),
)


def registered() -> Passkey:
    passkey = attested(PARTY, KEY.created(OPTIONS), SIGNED, "key", 1)
    assert passkey is not None
    return passkey


PASSKEY = registered()


def judged(assertion: dict[str, Any]) -> object:
    return asserted(PARTY, [PASSKEY], "handle", assertion, SIGNED, 2)


def test_honest_answers_are_accepted() -> None:
    assert isinstance(judged(KEY.signed(OPTIONS)), Passkey)


@given(st.sampled_from(["id", "rawId", "type", "response", "clientExtensionResults"]), _json)
def test_any_member_may_be_anything(member: str, value: object) -> None:
    harmless = member == "clientExtensionResults"
    assert isinstance(judged({**KEY.signed(OPTIONS), member: value}), Passkey) is harmless
    assert (attested(PARTY, {**KEY.created(OPTIONS), member: value}, SIGNED, "key", 1) is not None) is harmless


@given(st.sampled_from(["clientDataJSON", "authenticatorData", "signature", "attestationObject"]), _json)
def test_any_member_of_the_response_may_be_anything(member: str, value: object) -> None:
    for credential in (KEY.signed(OPTIONS), KEY.created(OPTIONS)):
        known = member in credential["response"]
        credential["response"][member] = value
        if known:
            assert judged(credential) is None
            assert attested(PARTY, credential, SIGNED, "key", 1) is None


@given(_cbor)
@settings(max_examples=200)
def test_key_and_statement_may_be_any_cbor(value: object) -> None:
    octets = cbor2.dumps(value)
    assert attested(PARTY, KEY.created(OPTIONS, public_key=octets), SIGNED, "key", 1) is None
    credential = KEY.created(OPTIONS)
    credential["response"]["attestationObject"] = base64url(octets)
    assert attested(PARTY, credential, SIGNED, "key", 1) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_flipped_octet_of_an_assertion_proves_nothing(place: int, mask: int) -> None:
    credential = KEY.signed(OPTIONS)
    data = bytearray(base64.urlsafe_b64decode(credential["response"]["authenticatorData"] + "=="))
    data[place % len(data)] ^= mask
    credential["response"]["authenticatorData"] = base64url(bytes(data))
    assert judged(credential) is None


def test_deep_or_endless_cbor_is_a_wrong_answer() -> None:
    for octets in (b"\x9f" * 20_000, b"\xa1\x01" * 20_000, b"\x5b" + b"\xff" * 8, b"\xd8\x1d" * 20_000):
        credential = KEY.created(OPTIONS)
        credential["response"]["attestationObject"] = base64url(octets)
        assert attested(PARTY, credential, SIGNED, "key", 1) is None
