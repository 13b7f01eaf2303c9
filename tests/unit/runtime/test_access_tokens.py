"""Access tokens: ours are believed, and nothing that resembles them. PyJWT is the oracle, both ways."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.session import AAL2, Standing
from shared.runtime.access_token import AccessToken, Bearer, Invalid, TokenIssuer, TokenVerifier

NOW = 1_800_000_000
ISSUER, AUDIENCE, KID = "https://muniment.example", "muniment", "k1"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
STANDING = Standing("admin", AAL2, ("pwd", "otp"), NOW - 5, NOW - 60, NOW + 86_400, 28_800)
BEARER = Bearer("acme", "u_1", "s_1", 3, 7, STANDING)


class OneKey:
    def find(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        return KEY.public_key() if kid == KID else None


class LocalSigner:
    def sign(self, make_input: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        signed = make_input(KID)
        return signed, KEY.sign(signed, ec.ECDSA(hashes.SHA256()))


VERIFIER = TokenVerifier(OneKey(), ISSUER, AUDIENCE)
MINT = TokenIssuer(LocalSigner(), ISSUER, AUDIENCE, 600)  # type: ignore[arg-type]  # the signer's one method
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "u_1",
    "tid": "acme",
    "sid": "s_1",
    "sv": 3,
    "rgen": 7,
    "acr": AAL2,
    "amr": ["pwd", "otp"],
    "auth_time": NOW - 5,
    "jti": "j1",
    "iat": NOW,
    "exp": NOW + 600,
}
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": KID}


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def token(
    header: dict[str, Any] | None = None,
    claims: dict[str, Any] | None = None,
    key: ec.EllipticCurvePrivateKey = KEY,
) -> str:
    """Sign whatever is given, rightly."""
    parts = [encoded(json.dumps(part).encode()) for part in (header or HEADER, claims or CLAIMS)]
    signed = ".".join(parts)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def without(name: str) -> dict[str, Any]:
    return {claim: value for claim, value in CLAIMS.items() if claim != name}


def test_what_is_minted_is_believed() -> None:
    verified = VERIFIER.verify(MINT.mint(BEARER, NOW), NOW)
    assert isinstance(verified, AccessToken)
    assert (verified.tenant, verified.staff_id, verified.session_id) == ("acme", "u_1", "s_1")
    assert (verified.session_version, verified.generation, verified.amr) == (3, 7, ("pwd", "otp"))
    assert verified.expires_at == NOW + 600


def test_pyjwt_believes_what_is_minted() -> None:
    text = MINT.mint(BEARER, NOW)
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(text, PEM, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER, options=options)
    assert claims["sub"] == "u_1"
    assert jwt.get_unverified_header(text) == HEADER


def test_what_pyjwt_mints_with_our_key_is_believed() -> None:
    text = jwt.encode(CLAIMS, KEY, algorithm="ES256", headers={"typ": "at+jwt", "kid": KID})
    assert isinstance(VERIFIER.verify(text, NOW), AccessToken)


def test_token_never_outlives_its_session() -> None:
    late = STANDING.absolute_expires_at - 100
    assert MINT.expires_at(STANDING, late) == STANDING.absolute_expires_at
    assert isinstance(VERIFIER.verify(MINT.mint(BEARER, late), late + 99), AccessToken)


def test_signing_with_the_public_key_as_a_secret_is_refused() -> None:
    head = encoded(json.dumps({**HEADER, "alg": "HS256"}).encode())
    signed = f"{head}.{encoded(json.dumps(CLAIMS).encode())}"
    mac = hmac.new(PEM, signed.encode(), hashlib.sha256).digest()
    assert VERIFIER.verify(f"{signed}.{encoded(mac)}", NOW) == Invalid("form")
    assert VERIFIER.verify(f"{signed}.{encoded(mac + mac)}", NOW) == Invalid("header")


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS256"},
        {**HEADER, "alg": "ES384"},
        {**HEADER, "alg": "es256"},
        {**HEADER, "alg": ["ES256"]},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "typ": "rt+jwt"},
        {**HEADER, "kid": 1},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "jwk": {}},
        {**HEADER, "jku": "https://evil.example"},
        {"alg": "ES256", "kid": KID},
        {"alg": "ES256", "typ": "at+jwt"},
    ],
)
def test_other_headers_are_refused_although_the_signature_fits(header: dict[str, Any]) -> None:
    assert VERIFIER.verify(token(header), NOW) == Invalid("header")


def test_unknown_key_and_foreign_signature_are_refused() -> None:
    assert VERIFIER.verify(token({**HEADER, "kid": "k2"}), NOW) == Invalid("kid")
    assert VERIFIER.verify(token(key=OTHER), NOW) == Invalid("signature")


def test_unsigned_token_is_refused() -> None:
    head, payload, _ = token({**HEADER, "alg": "none"}).split(".")
    assert VERIFIER.verify(f"{head}.{payload}.", NOW) == Invalid("form")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"aud": "other"}, "aud"),
        ({"exp": NOW - 5}, "exp"),
        ({"iat": NOW + 6}, "iat"),
        ({"nbf": NOW + 6}, "iat"),
        ({"aud": [AUDIENCE]}, "claims"),
        ({"sv": "3"}, "claims"),
        ({"sv": True}, "claims"),
        ({"exp": NOW + 600.5}, "claims"),
        ({"amr": "pwd"}, "claims"),
        ({"amr": [1]}, "claims"),
        ({"sub": None}, "claims"),
        ({"nbf": "0"}, "claims"),
        ({"act": {"sub": "u_2"}}, "claims"),
        ({"role": "owner"}, "claims"),
    ],
)
def test_other_claims_are_refused_although_the_signature_fits(changes: dict[str, Any], reason: str) -> None:
    assert VERIFIER.verify(token(claims={**CLAIMS, **changes}), NOW) == Invalid(reason)


@pytest.mark.parametrize("name", list(CLAIMS))
def test_every_claim_is_needed(name: str) -> None:
    assert VERIFIER.verify(token(claims=without(name)), NOW) == Invalid("claims")


def test_skew_is_small_and_on_both_sides() -> None:
    assert isinstance(VERIFIER.verify(token(), NOW - 5), AccessToken)
    assert VERIFIER.verify(token(), NOW - 6) == Invalid("iat")
    assert isinstance(VERIFIER.verify(token(), NOW + 604), AccessToken)
    assert VERIFIER.verify(token(), NOW + 605) == Invalid("exp")


def test_member_given_twice_is_refused() -> None:
    payload = json.dumps(CLAIMS)[:-1] + ', "sub": "u_2"}'
    signed = f"{encoded(json.dumps(HEADER).encode())}.{encoded(payload.encode())}"
    r, s = decode_dss_signature(KEY.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    text = f"{signed}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    assert VERIFIER.verify(text, NOW) == Invalid("claims")


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "a.b.c.d", " ", "Bearer x", "x" * 5_000, "\u00e9.\u00e9.\u00e9"]
)
def test_what_is_no_token_is_refused_by_its_form(text: str) -> None:
    assert VERIFIER.verify(text, NOW) == Invalid("form")


@given(st.integers(0, 2_000), st.integers(1, 255))
def test_no_changed_byte_passes(position: int, mask: int) -> None:
    text = token()
    index = position % len(text)
    changed = text[:index] + chr(ord(text[index]) ^ mask) + text[index + 1 :]
    assert isinstance(VERIFIER.verify(changed, NOW), Invalid)


@given(st.text(max_size=300))
def test_hostile_text_is_refused_and_raises_nothing(text: str) -> None:
    assert isinstance(VERIFIER.verify(text, NOW), Invalid)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_hostile_parts_with_a_well_formed_signature_are_refused(header: bytes, payload: bytes) -> None:
    text = f"{encoded(header)}.{encoded(payload)}.{encoded(bytes(64))}"
    assert isinstance(VERIFIER.verify(text, NOW), Invalid)
