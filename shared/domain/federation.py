"""What an identity provider may say, and when its word is taken.

Rules of this module (OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725, ASVS 9.1, 9.2, 10.5)
- An ID token counts for one issuer, one client and one sign-in: each is compared exactly, none is guessed.
- Only asymmetric signatures: with `none` anybody signs, with HS256 whoever knows the public key or the client secret.
- A person is issuer and subject. An e-mail address is a property that providers reassign: it never finds anybody.
- What a provider says of its own second factors raises nothing here: its word is one factor.
"""

import hmac
import ipaddress
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Any, Final
from urllib.parse import urlsplit

# Algorithm -> the key type of its keys (RFC 7518, RFC 8037).
ALGORITHMS: Final[Mapping[str, str]] = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
SKEW_SECONDS: Final = 30  # ASVS 9.2.1
MAX_SUBJECT: Final = 255  # characters; OpenID Connect Core section 2
MAX_URL: Final = 512
OLDEST_TOKEN_SECONDS: Final = 600  # an ID token answers a code that was redeemed just now

_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")
_URL: Final = re.compile(rf"[!-~]{{1,{MAX_URL}}}")
_LOOPBACK: Final = "127.0.0.1"
# All of IPv6 that IANA has given to the open internet so far (RFC 4291 section 2.4). Outside lie the site-local
# addresses of old, the SIDs of RFC 9602, and all but two of the forms that carry an IPv4 address inside.
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
_DOCUMENTATION: Final = ipaddress.ip_network("3fff::/20")  # RFC 9637, later than what Python knows


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ID token of one sign-in must say. `max_age_seconds` None: however long ago the provider asked."""

    issuer: str
    client_id: str
    nonce: str
    max_age_seconds: int | None


def sound_url(url: object, *, loopback: bool) -> bool:
    """Tell whether `url` (untrusted) may be called: https; with `loopback` also plain http to 127.0.0.1."""
    if not isinstance(url, str) or not _URL.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or not parts.hostname or port == 0 or parts.fragment:
        return False
    return parts.scheme == "https" or (loopback and parts.scheme == "http" and parts.hostname == _LOOPBACK)


def sound_issuer(issuer: str, *, loopback: bool) -> bool:
    """Tell whether `issuer` can be one: such an address without query (OpenID Connect Discovery section 3)."""
    return sound_url(issuer, loopback=loopback) and "?" not in issuer and "#" not in issuer


def sound_domain(domain: object) -> bool:
    """Tell whether `domain` is the name of a mail domain, in lower case and ASCII (RFC 5890: A-labels)."""
    return isinstance(domain, str) and _DOMAIN.fullmatch(domain) is not None


def public_address(text: str) -> bool:
    """Tell whether an address is one of the open internet: nothing private, local, shared, or wrapped in another."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and not _global_unicast(address):
        return False
    return address.is_global and not address.is_multicast


def _global_unicast(address: ipaddress.IPv6Address) -> bool:
    wrapped = address.sixtofour or address.teredo
    return address in _GLOBAL_UNICAST and address not in _DOCUMENTATION and not wrapped


def mail_domain(email: str) -> str | None:
    """Give the domain of an address in lower case; None for one that has none that could be verified."""
    local, at, domain = email.rpartition("@")
    # Letters of other scripts may become ASCII in lower case (the Kelvin sign), and are another domain.
    is_sound = at and local and domain.isascii() and sound_domain(domain.lower())
    return domain.lower() if is_sound else None


def identity_digest(issuer: str, subject: str) -> str:
    """Give the SHA-256 of who somebody is; no two different pairs give the same."""
    return sha256(b"%d:%s%s" % (len(issuer.encode()), issuer.encode(), subject.encode())).hexdigest()


def claim_fault(claims: Mapping[str, Any], expected: Expected, now: float) -> str | None:
    """Name what is wrong with the claims of a token whose signature is right; None when they hold."""
    if claims.get("iss") != expected.issuer:
        return "SSO_ISSUER"
    if not _of_audience(claims, expected.client_id):
        return "SSO_AUDIENCE"
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):
        return "SSO_NONCE"
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isascii():
        return "SSO_SUBJECT"
    return _time_fault(claims, expected, now)


def _of_audience(claims: Mapping[str, Any], client_id: str) -> bool:
    """Several audiences take an authorized party, and that is us; one that is named otherwise is never us."""
    audience, party = claims.get("aud"), claims.get("azp")
    if party is not None and party != client_id:
        return False
    if isinstance(audience, list):
        return client_id in audience and (len(audience) == 1 or party == client_id)
    return bool(audience == client_id)


def _time_fault(claims: Mapping[str, Any], expected: Expected, now: float) -> str | None:
    ends, issued, begins = (_instant(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if ends is None or issued is None or ("nbf" in claims and begins is None):
        return "SSO_TIMES"
    if now >= ends + SKEW_SECONDS or now > issued + OLDEST_TOKEN_SECONDS:
        return "SSO_EXPIRED"
    if issued > now + SKEW_SECONDS or (begins is not None and begins > now + SKEW_SECONDS):
        return "SSO_NOT_YET"
    if expected.max_age_seconds is None:
        return None
    asked = _instant(claims.get("auth_time"))
    if asked is None or now > asked + expected.max_age_seconds + SKEW_SECONDS or asked > now + SKEW_SECONDS:
        return "SSO_AUTH_TIME"
    return None


def _instant(value: object) -> float | None:
    # `True` is a number to Python; NaN and the infinities are no JSON, and a reader may let them through.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 2**53 else None


def of_access_token(claim: object, access_token: str, algorithm: str) -> bool:
    """Tell whether an `at_hash` is that of `access_token`: the left half of the signature's hash."""
    digest = (sha512 if algorithm == "EdDSA" else sha256)(access_token.encode("utf-8", "replace")).digest()
    half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    return isinstance(claim, str) and hmac.compare_digest(claim.encode("utf-8", "replace"), half)
