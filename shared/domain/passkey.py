"""Passkeys as data: what is kept of one, what it is asked to sign, and the options that a browser takes (WebAuthn 3).

Rules of this module
- What a passkey signs is 32 random octets followed by a digest of whom, which session, what purpose and which request
  they were put for: an assertion cannot answer another question, whatever became of the row (ASVS 6.6.2, 6.7.2).
- A person is user-verified by the authenticator itself (ASVS 6.5.7); its attestation is not asked for.
- Nothing that is handed to a browser names a person: the user handle is a digest.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.step_up import Challenge
from shared.domain.web_origin import host_of, origins_of, trusted

MAX_PASSKEYS: Final = 10
NONCE_OCTETS: Final = 32
_ES256: Final = -7  # COSE algorithms (RFC 9053), in the order in which they are preferred
_EDDSA: Final = -8
_RS256: Final = -257
ALGORITHMS: Final = (_ES256, _EDDSA, _RS256)


@dataclass(frozen=True, slots=True)
class Passkey:
    """One credential. `id` is base64url, `public_key` a COSE key; an authenticator that does not count says 0."""

    id: str
    public_key: bytes
    sign_count: int
    name: str
    created_at: int
    last_used_at: int | None
    aaguid: str
    backed_up: bool


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """For whom passkeys are made. `id` is a host name; `origins` are those whose pages may use them."""

    id: str
    origins: tuple[str, ...]

    def allows(self, origin: object) -> bool:
        """Tell whether a page of `origin` (untrusted) may use passkeys."""
        return trusted(origin, self.origins)


def relying_party(issuer: str, origins: str) -> RelyingParty:
    """Read the settings: `issuer` is an https origin, `origins` are separated by commas."""
    return RelyingParty(host_of(issuer), origins_of(origins))


def signed_challenge(nonce: bytes, challenge: Challenge, request_digest: str | None) -> bytes:
    """Give the octets that an authenticator must sign to answer `challenge`."""
    bound = [challenge.challenge_id, challenge.owner, challenge.session_id, challenge.purpose, request_digest]
    return nonce + hashlib.sha256(json.dumps(bound).encode()).digest()


def request_options(
    party: RelyingParty, passkey_ids: Iterable[str], challenge: bytes, lifetime_seconds: int
) -> dict[str, Any]:
    """Give PublicKeyCredentialRequestOptionsJSON."""
    return {
        "challenge": base64url(challenge),
        "timeout": lifetime_seconds * 1000,
        "rpId": party.id,
        "allowCredentials": [_descriptor(passkey_id) for passkey_id in passkey_ids],
        "userVerification": "required",
    }


def creation_options(
    party: RelyingParty, user: Mapping[str, str], passkey_ids: Iterable[str], challenge: bytes, lifetime_seconds: int
) -> dict[str, Any]:
    """Give PublicKeyCredentialCreationOptionsJSON; an authenticator that holds one of `passkey_ids` makes no other."""
    return {
        "rp": {"id": party.id, "name": party.id},
        "user": dict(user),
        "challenge": base64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": lifetime_seconds * 1000,
        "excludeCredentials": [_descriptor(passkey_id) for passkey_id in passkey_ids],
        "authenticatorSelection": {
            "residentKey": "preferred",
            "requireResidentKey": False,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def user_handle(owner: str) -> str:
    """Give the id under which authenticators keep the passkeys of `owner`: the same for all of them, and no name."""
    return base64url(hashlib.sha256(b"passkey-user|" + owner.encode()).digest())


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _descriptor(passkey_id: str) -> dict[str, str]:
    return {"type": "public-key", "id": passkey_id}
