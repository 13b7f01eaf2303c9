"""Providers that are not what they say, and browsers that are not where they were: nobody ever gets a session."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

import functions.sso.handler
from shared.domain.federation import OLDEST_TOKEN_SECONDS, SKEW_SECONDS
from tests.functions.estate import MovableClock
from tests.functions.identity_provider import (
    EC_KEY,
    RSA_KEY,
    STRANGER_KEY,
    Account,
    IdentityProvider,
    ec_jwk,
    public_jwk,
    sign,
)
from tests.functions.single_sign_on import Browser, Federation, federation, provider, refused

__all__ = ["federation", "provider"]

ADA = Account("ada-1", "ada@acme.example")
SLOW_SECONDS = 0.4
SHORT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - refused, as it must be


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin an execution environment that waits for providers only a moment."""
    monkeypatch.setattr(functions.sso.handler, "OUTBOUND_SECONDS", SLOW_SECONDS)
    functions.sso.handler._wiring.cache_clear()
    yield
    functions.sso.handler._wiring.cache_clear()


def saying(**claims: Any) -> Callable[[IdentityProvider], None]:
    """Let tokens say something else; what is None is left out, what is callable is made of the instant."""

    def changed(before: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        after = {**before, **{name: value(now) if callable(value) else value for name, value in claims.items()}}
        return {name: value for name, value in after.items() if value is not None}

    return lambda provider: setattr(provider, "claims", changed)


def signing(signed: Callable[[dict[str, Any]], str], **fields: Any) -> Callable[[IdentityProvider], None]:
    def apply(provider: IdentityProvider) -> None:
        provider.signed = signed
        for name, value in fields.items():
            setattr(provider, name, value)

    return apply


def message_of(header: dict[str, Any], claims: dict[str, Any]) -> bytes:
    """Give what is signed, where PyJWT refuses to sign it; an attacker does not ask it."""
    parts = (base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (header, claims))
    return b".".join(parts)


def signed_with(message: bytes, signature: bytes) -> str:
    return (message + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def hs256_with_the_public_key(claims: dict[str, Any]) -> str:
    secret = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    message = message_of({"alg": "HS256", "typ": "JWT", "kid": "rsa"}, claims)
    return signed_with(message, hmac.digest(secret, message, hashlib.sha256))


def with_a_short_key(claims: dict[str, Any]) -> str:
    message = message_of({"alg": "RS256", "kid": "short"}, claims)
    return signed_with(message, SHORT_KEY.sign(message, PKCS1v15(), SHA256()))


def foreign_key_in_the_header(claims: dict[str, Any]) -> str:
    jwk = RSAAlgorithm.to_jwk(STRANGER_KEY.public_key(), as_dict=True)
    headers = {"kid": "rsa", "jwk": jwk, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u"}
    return jwt.encode(claims, STRANGER_KEY, algorithm="RS256", headers=headers)


def with_a_critical_header(claims: dict[str, Any]) -> str:
    """RFC 7515 section 4.1.11: what is critical and not understood makes a token count for nothing."""
    # PyJWT itself would take this one.
    message = message_of({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": True}, claims)
    return signed_with(message, RSA_KEY.sign(message, PKCS1v15(), SHA256()))


def answering(path: str, answer: Callable[[Any], None]) -> Callable[[IdentityProvider], None]:
    return lambda provider: provider.answers.update({path: answer})


def discovering(**members: Any) -> Callable[[IdentityProvider], None]:
    return lambda provider: provider.discovery.update(members)


LIES: dict[str, tuple[Callable[[IdentityProvider], None], str]] = {
    "another issuer": (saying(iss="http://127.0.0.1:1"), "SSO_ISSUER"),
    "an issuer with a slash": (saying(iss=lambda _: "SLASH"), "SSO_ISSUER"),
    "another audience": (saying(aud="somebody-else"), "SSO_AUDIENCE"),
    "two audiences and no party": (saying(aud=["muniment", "other"]), "SSO_AUDIENCE"),
    "another party": (saying(aud=["muniment", "other"], azp="other"), "SSO_AUDIENCE"),
    "another party for one audience": (saying(azp="other"), "SSO_AUDIENCE"),
    "no audience": (saying(aud=None), "SSO_AUDIENCE"),
    "another nonce": (saying(nonce="another"), "SSO_NONCE"),
    "no nonce": (saying(nonce=None), "SSO_NONCE"),
    "no subject": (saying(sub=None), "SSO_SUBJECT"),
    "an empty subject": (saying(sub=""), "SSO_SUBJECT"),
    "expired": (saying(exp=lambda now: now - SKEW_SECONDS - 1), "SSO_EXPIRED"),
    "issued long ago": (saying(iat=lambda now: now - 700, exp=lambda now: now + 700), "SSO_EXPIRED"),
    "issued ten minutes and a second ago": (
        saying(iat=lambda now: now - OLDEST_TOKEN_SECONDS - 1, exp=lambda now: now + 60),
        "SSO_EXPIRED",
    ),
    "issued in the future": (saying(iat=lambda now: now + 120), "SSO_NOT_YET"),
    "not before the future": (saying(nbf=lambda now: now + 120), "SSO_NOT_YET"),
    "no expiry": (saying(exp=None), "SSO_TIMES"),
    "an expiry that is no number": (saying(exp="never"), "SSO_TIMES"),
    "an at_hash of another token": (saying(at_hash="bm90LXRoaXMtb25l"), "SSO_AT_HASH"),
    "no signature": (signing(lambda claims: jwt.encode(claims, "", algorithm="none")), "SSO_ALGORITHM"),
    "HS256 with the public key": (signing(hs256_with_the_public_key), "SSO_ALGORITHM"),
    "a stranger's key": (signing(lambda claims: sign(claims, key=STRANGER_KEY)), "SSO_SIGNATURE"),
    "a key in the header": (signing(foreign_key_in_the_header), "SSO_SIGNATURE"),
    "an algorithm that is not allowed": (
        signing(lambda claims: sign(claims, key=EC_KEY, algorithm="ES256", kid="ec"), jwks=[ec_jwk()]),
        "SSO_ALGORITHM",
    ),
    "PS256 where RS256 is allowed": (
        signing(lambda claims: sign(claims, algorithm="PS256")),
        "SSO_ALGORITHM",
    ),
    "a key of another algorithm": (
        signing(sign, jwks=[{**public_jwk(), "alg": "PS256"}]),
        "SSO_KEY_UNKNOWN",
    ),
    "a key for encryption": (signing(sign, jwks=[{**public_jwk(), "use": "enc"}]), "SSO_KEY_UNKNOWN"),
    "a critical header": (signing(with_a_critical_header), "SSO_TOKEN_FORM"),
    "a key of 1024 bits": (
        signing(
            with_a_short_key,
            jwks=[{**RSAAlgorithm.to_jwk(SHORT_KEY.public_key(), as_dict=True), "kid": "short"}],
        ),
        "SSO_SIGNATURE",
    ),
    "an unknown key": (signing(lambda claims: sign(claims, kid="other")), "SSO_KEY_UNKNOWN"),
    "a cut signature": (signing(lambda claims: sign(claims)[:-6]), "SSO_SIGNATURE"),
    "no token but junk": (signing(lambda _: "a.b.c"), "SSO_TOKEN_FORM"),
    "an empty token": (signing(lambda _: ""), "SSO_TOKEN_MISSING"),
    "an endless token": (signing(lambda _: "a" * 20_000), "SSO_TOKEN_MISSING"),
    "junk of the token endpoint": (answering("/token", lambda call: call.raw(b"<html>")), "SSO_PROVIDER_JUNK"),
    "a list of the token endpoint": (answering("/token", lambda call: call.json([])), "SSO_PROVIDER_JUNK"),
    "nesting of the token endpoint": (
        answering("/token", lambda call: call.raw(b'{"a":' * 50_000)),
        "SSO_PROVIDER_JUNK",
    ),
    "no bearer": (answering("/token", lambda call: call.json({"id_token": "x"})), "SSO_TOKEN_MISSING"),
    "a refusal of the token endpoint": (answering("/token", lambda call: call.json({}, 400)), "SSO_PROVIDER_REFUSED"),
    "a redirecting token endpoint": (
        answering("/token", lambda call: call.raw(b"", 307, location="/elsewhere")),
        "SSO_PROVIDER_REDIRECTED",
    ),
    "redirecting keys": (
        answering("/jwks", lambda call: call.raw(b"", 302, location="/elsewhere")),
        "SSO_PROVIDER_REDIRECTED",
    ),
    "huge keys": (answering("/jwks", lambda call: call.raw(b" " * 300_000)), "SSO_PROVIDER_VERBOSE"),
    "compressed keys": (
        answering("/jwks", lambda call: call.raw(b"{}", **{"content-encoding": "gzip"})),
        "SSO_PROVIDER_JUNK",
    ),
    "keys that are no list": (answering("/jwks", lambda call: call.json({"keys": {}})), "SSO_PROVIDER_JUNK"),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_of_a_provider_opens_a_session(federation: Federation, provider: IdentityProvider, lie: str) -> None:
    tell, reason = LIES[lie]
    tell(provider)
    refused(federation, Browser(federation).arrive(ADA), reason)
    assert "/elsewhere" not in provider.paths


MISPLACED: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"issuer": "http://127.0.0.1:1"}, "SSO_ISSUER"),
    "endpoints in the private network": ({"token_endpoint": "http://10.0.0.1/token"}, "SSO_PROVIDER_ADDRESS"),
    "keys of the machine's own role": ({"jwks_uri": "http://169.254.169.254/latest"}, "SSO_PROVIDER_ADDRESS"),
    "a file": ({"jwks_uri": "file:///etc/passwd"}, "SSO_PROVIDER_ADDRESS"),
    "a page that runs": ({"authorization_endpoint": "javascript:alert(1)"}, "SSO_PROVIDER_ADDRESS"),
    "a header of ours": ({"authorization_endpoint": "https://idp.example/\r\nSet-Cookie: a=b"}, "SSO_PROVIDER_ADDRESS"),
    "no PKCE": ({"code_challenge_methods_supported": ["plain"]}, "SSO_PROVIDER_WITHOUT_PKCE"),
}


@pytest.mark.parametrize("place", MISPLACED)
def test_nobody_is_sent_to_a_provider_that_is_not_where_it_should_be(
    federation: Federation, provider: IdentityProvider, place: str
) -> None:
    members, reason = MISPLACED[place]
    provider.discovery |= members
    refused(federation, Browser(federation).start(), reason)


@pytest.mark.usefixtures("impatient")
def test_slow_keys_do_not_hang(federation: Federation, provider: IdentityProvider) -> None:
    provider.answers["/jwks"] = lambda call: drip(call, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    refused(federation, Browser(federation).arrive(ADA), "SSO_PROVIDER_SLOW")


@pytest.mark.usefixtures("impatient")
def test_headers_that_drip_do_not_hang(federation: Federation, provider: IdentityProvider) -> None:
    provider.answers["/jwks"] = lambda call: drip(call, b"HTTP/1.1 200 OK\r\n")
    refused(federation, Browser(federation).arrive(ADA), "SSO_PROVIDER_SLOW")


def drip(call: Any, beginning: bytes) -> None:
    """Keep the caller busy with one line after the other, each well within any time between two."""
    call.wfile.write(beginning)
    for _ in range(60):
        call.wfile.write(b"x: y\r\n")
        call.wfile.flush()
        time.sleep(SLOW_SECONDS / 20)


def test_unknown_keys_have_the_keys_read_again_once_a_minute(
    federation: Federation, provider: IdentityProvider, clock: MovableClock
) -> None:
    assert Browser(federation).sign_in(ADA).status == 200
    assert provider.count("/jwks") == 1
    provider.signed = lambda claims: sign(claims, kid="made-up")
    for _ in range(3):
        assert Browser(federation).arrive(ADA).status == 401
    assert provider.count("/jwks") == 1
    clock.offset += 61
    provider.jwks = [public_jwk("next")]
    provider.signed = lambda claims: sign(claims, kid="next")
    assert Browser(federation).sign_in(ADA).status == 200
    provider.signed = lambda claims: sign(claims, kid="made-up")
    for _ in range(3):
        assert Browser(federation).arrive(ADA).status == 401
    assert provider.count("/jwks") == 2
