"""From the answer of a token endpoint to who signed in: signature first, claims afterwards.

Rules of this module (RFC 8725, ASVS 6.8.2, 9.1)
- The algorithm is one of the connection's, its key is of that algorithm's type and, where it says so, of that very
  algorithm. An RSA key has 2048 bits at least.
- The signature is checked by PyJWT; the claims by `domain.federation`, with the clock of the request.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from functions.sso.distrust import Distrusted
from functions.sso.provider import Jwk, Providers
from shared.domain.federation import ALGORITHMS, Expected, claim_fault, mail_domain, of_access_token
from shared.edge.fields import is_line
from shared.store.sso_connections import Connection

MAX_TOKEN: Final = 16_384  # characters
_RSA_BITS: Final = 2_048
_MAX_NAME: Final = 128
_MAX_EMAIL: Final = 254  # RFC 5321 section 4.5.3.1.3
_CURVE: Final = "Ed25519"  # of EdDSA; its hash is SHA-512, which `at_hash` goes by
_SIGNATURES: Final = jwt.PyJWS()


@dataclass(frozen=True, slots=True)
class Asserted:
    """Who a provider says has signed in. `email` None: it says none, or does not say that it has verified it."""

    subject: str
    email: str | None
    name: str


def asserted(
    answer: Mapping[str, Any], connection: Connection, providers: Providers, expected: Expected, now: float
) -> Asserted:
    """Verify the ID token of a token endpoint's `answer`; raises `Distrusted`."""
    token, access_token = answer.get("id_token"), answer.get("access_token")
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN or not token.isascii():
        raise Distrusted("SSO_TOKEN_MISSING")
    algorithm, key_id = _header(token, connection.algorithms)
    keys = [key for key in providers.keys(connection, key_id) if _fits(key, algorithm)]
    claims = _signed_claims(token, keys, algorithm)
    fault = claim_fault(claims, expected, now)
    if fault is not None:
        raise Distrusted(fault)
    if "at_hash" in claims and not of_access_token(claims["at_hash"], str(access_token), algorithm):
        raise Distrusted("SSO_AT_HASH")
    return Asserted(str(claims["sub"]), _email(claims), _name(claims))


def _header(token: str, allowed: Sequence[str]) -> tuple[str, str | None]:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as fault:
        raise Distrusted("SSO_TOKEN_FORM") from fault
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in allowed or algorithm not in ALGORITHMS:
        raise Distrusted("SSO_ALGORITHM")
    if "crit" in header:
        raise Distrusted("SSO_TOKEN_FORM")
    return str(algorithm), key_id if isinstance(key_id, str) else None


def _fits(key: Jwk, algorithm: str) -> bool:
    if algorithm == "EdDSA" and key.get("crv") != _CURVE:
        return False
    return key.get("kty") == ALGORITHMS[algorithm] and key.get("alg", algorithm) == algorithm


def _signed_claims(token: str, keys: Sequence[Jwk], algorithm: str) -> Mapping[str, Any]:
    if not keys:
        raise Distrusted("SSO_KEY_UNKNOWN")
    for key in keys:
        try:
            public = jwt.PyJWK(dict(key), algorithm=algorithm).key
            if isinstance(public, RSAPublicKey) and public.key_size < _RSA_BITS:
                continue
            signed = _SIGNATURES.decode(token, public, algorithms=[algorithm])
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return _claims(signed)
    raise Distrusted("SSO_SIGNATURE")


def _claims(signed: bytes) -> Mapping[str, Any]:
    try:
        claims = json.loads(signed)
    except (ValueError, RecursionError) as fault:
        raise Distrusted("SSO_TOKEN_FORM") from fault
    if not isinstance(claims, dict):
        raise Distrusted("SSO_TOKEN_FORM")
    return claims


def _email(claims: Mapping[str, Any]) -> str | None:
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str) or len(email) > _MAX_EMAIL:
        return None
    return email if email.isascii() and email.isprintable() and mail_domain(email) else None


def _name(claims: Mapping[str, Any]) -> str:
    name = claims.get("name")
    if not isinstance(name, str) or not is_line(name[:_MAX_NAME]):
        return ""
    return name[:_MAX_NAME]
