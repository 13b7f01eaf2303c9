"""Access tokens: ES256 signatures over `at+jwt` (RFC 7515, RFC 7519, RFC 9068), and nothing else.

Rules of this module
- The algorithm is ours, not the token's: any `alg` but ES256 is refused before a key is looked for (RFC 8725 3.1).
- A header holds exactly `alg`, `typ`, `kid`. No embedded keys, no addresses, no critical extensions.
- Every claim has one type, and a claim that this module does not know makes the token invalid: a token that means more
  than it is read for must not pass.
- The token says who and which session. Roles and permissions are read with each request (ASVS 8.3.2).
- `act` stands in the token of an impersonation and in no other: whose hand it is, and his session (RFC 8693 section
  4.1). It is never nested.
"""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from shared.domain.impersonation import Impersonator
from shared.domain.session import Standing
from shared.runtime.signing_keys import PublicKeys, Signer

ALGORITHM: Final = "ES256"
TYPE: Final = "at+jwt"
SKEW_SECONDS: Final = 5  # clocks of two environments; RFC 7519 section 4.1.4 allows "no more than a few minutes"
MAX_CHARACTERS: Final = 4_096

_COORDINATE: Final = 32  # bytes of r and of s on P-256 (RFC 7518 section 3.4)
_FORM: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})")
_ACT: Final = frozenset({"sub", "sid"})
_CLAIMS: Final[Mapping[str, type]] = {
    "iss": str,
    "aud": str,
    "sub": str,
    "tid": str,
    "sid": str,
    "sv": int,
    "rgen": int,
    "acr": str,
    "amr": list,
    "auth_time": int,
    "jti": str,
    "iat": int,
    "exp": int,
}


class AccessToken(NamedTuple):
    """The claims of a verified token; instants are Unix seconds. `act` None: nobody acts in another's name."""

    tenant: str
    staff_id: str
    session_id: str
    session_version: int
    generation: int
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    token_id: str
    issued_at: int
    expires_at: int
    act: Impersonator | None = None


class Invalid(NamedTuple):
    """`reason` is for the operator's log; the caller gets the one uniform refusal."""

    reason: str


class Bearer(NamedTuple):
    """Whom a token is for, and who acts in his name, if anybody does."""

    tenant: str
    staff_id: str
    session_id: str
    session_version: int
    generation: int
    standing: Standing
    act: Impersonator | None = None


class TokenIssuer:
    """Mints access tokens of `lifetime_seconds` for one audience."""

    def __init__(self, signer: Signer, issuer: str, audience: str, lifetime_seconds: int) -> None:
        self._signer = signer
        self._issuer = issuer
        self._audience = audience
        self._lifetime_seconds = lifetime_seconds

    def mint(self, bearer: Bearer, issued_at: int) -> str:
        """Write a token; raises `Unavailable` while there is no key or KMS cannot be reached."""
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": bearer.staff_id,
            "tid": bearer.tenant,
            "sid": bearer.session_id,
            "sv": bearer.session_version,
            "rgen": bearer.generation,
            "acr": bearer.standing.acr,
            "amr": list(bearer.standing.amr),
            "auth_time": bearer.standing.auth_time,
            "jti": secrets.token_urlsafe(16),
            "iat": issued_at,
            "exp": self.expires_at(bearer.standing, issued_at),
        }
        if bearer.act is not None:
            claims["act"] = {"sub": bearer.act.staff_id, "sid": bearer.act.session_id}
        signed, der = self._signer.sign(lambda kid: _signing_input(kid, claims))
        r, s = decode_dss_signature(der)
        raw = r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
        return f"{signed.decode()}.{_encoded(raw)}"

    def expires_at(self, standing: Standing, issued_at: int) -> int:
        """Give the end of a token's life: it never outlives the session's absolute limit."""
        return min(issued_at + self._lifetime_seconds, standing.absolute_expires_at)


class TokenVerifier:
    """Reads hostile text and tells whether we said it, to this audience, and lately."""

    def __init__(self, keys: PublicKeys, issuer: str, audience: str) -> None:
        self._keys = keys
        self._expected = {"iss": issuer, "aud": audience}

    def verify(self, text: str, now: float) -> AccessToken | Invalid:
        """Verify a compact token; raises `Unavailable` when the keys cannot be read, and nothing else."""
        # 1. Form, before anything is decoded.
        match = _FORM.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
        if match is None:
            return Invalid("form")
        # 2. Header: the algorithm and type that are ours, and one of our keys.
        header = _object(match[1])
        if header is None or set(header) != {"alg", "typ", "kid"}:
            return Invalid("header")
        if header["alg"] != ALGORITHM or header["typ"] != TYPE or not isinstance(header["kid"], str):
            return Invalid("header")
        key = self._keys.find(header["kid"])
        if key is None:
            return Invalid("kid")
        # 3. Signature over the text as it came.
        if not _signed(key, f"{match[1]}.{match[2]}".encode(), match[3]):
            return Invalid("signature")
        # 4. Claims.
        return self._claims(_object(match[2]), now)

    def _claims(self, claims: dict[str, Any] | None, now: float) -> AccessToken | Invalid:
        if claims is None or not _well_typed(claims):
            return Invalid("claims")
        for name, value in self._expected.items():
            if claims[name] != value:
                return Invalid(name)
        if now >= claims["exp"] + SKEW_SECONDS:
            return Invalid("exp")
        if now < max(claims["iat"], claims.get("nbf", 0)) - SKEW_SECONDS:
            return Invalid("iat")
        return AccessToken(
            tenant=claims["tid"],
            staff_id=claims["sub"],
            session_id=claims["sid"],
            session_version=claims["sv"],
            generation=claims["rgen"],
            acr=claims["acr"],
            amr=tuple(claims["amr"]),
            auth_time=claims["auth_time"],
            token_id=claims["jti"],
            issued_at=claims["iat"],
            expires_at=claims["exp"],
            act=Impersonator(claims["act"]["sub"], claims["act"]["sid"]) if "act" in claims else None,
        )


def _well_typed(claims: Mapping[str, Any]) -> bool:
    if set(claims) - {"nbf", "act"} != set(_CLAIMS) or type(claims.get("nbf", 0)) is not int:
        return False
    if "act" in claims and not _actor(claims["act"]):
        return False
    if any(type(claims[name]) is not kind for name, kind in _CLAIMS.items()):
        return False
    return all(isinstance(method, str) for method in claims["amr"])


def _actor(value: object) -> bool:
    return isinstance(value, dict) and set(value) == _ACT and all(isinstance(text, str) for text in value.values())


def _signing_input(kid: str, claims: Mapping[str, Any]) -> bytes:
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": kid}
    return f"{_encoded(_compact(header))}.{_encoded(_compact(claims))}".encode()


def _signed(key: ec.EllipticCurvePublicKey, signed: bytes, signature: str) -> bool:
    raw = _decoded(signature)
    if raw is None or len(raw) != 2 * _COORDINATE:
        return False
    r, s = int.from_bytes(raw[:_COORDINATE], "big"), int.from_bytes(raw[_COORDINATE:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    """Decode base64url without padding; None for a spelling that an encoder would not have chosen."""
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    return octets if _encoded(octets) == text else None


def _object(part: str) -> dict[str, Any] | None:
    octets = _decoded(part)
    if octets is None:
        return None
    try:
        document = json.loads(octets.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members
