"""The two ceremonies of WebAuthn 3 (sections 7.1 and 7.2), by py_webauthn: whoever imports this module loads it.

Rules of this module
- What a browser sent is hostile until the last check: any fault in it is a wrong answer, never an error of ours.
- User verification, origin and relying party are always demanded; a frame of another origin is not one of our pages.
- A counter that did not go up is judged after the signature: only the key itself can raise that alarm.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from webauthn import base64url_to_bytes, verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url, parse_attestation_object, parse_client_data_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier

from shared.domain.passkey import ALGORITHMS, Passkey, RelyingParty

_LONGEST_ID: Final = 1_023  # octets, section 4
_LONGEST_KEY: Final = 2_048  # octets: an RSA key of 8192 bits has half of them
_ALGORITHMS: Final = [COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS]


@dataclass(frozen=True, slots=True)
class Cloned:
    """The key signed with a counter that had been seen: there may be two of it (section 6.1.1)."""

    passkey_id: str


def asserted(
    party: RelyingParty,
    passkeys: Iterable[Passkey],
    handle: str,
    assertion: Mapping[str, Any],
    signed: bytes,
    now: int,
) -> Passkey | Cloned | None:
    """Verify that one of `passkeys` signed `signed`; gives it as it is from now on, None for a wrong assertion.

    `handle` is the user handle of their owner, `assertion` an AuthenticationResponseJSON, untrusted.
    """
    passkey = next((passkey for passkey in passkeys if passkey.id == assertion.get("id")), None)
    if passkey is None:
        return None
    try:
        verified = verify_authentication_response(
            credential=dict(assertion),
            expected_challenge=signed,
            expected_rp_id=party.id,
            expected_origin=_page(party, assertion),
            credential_public_key=passkey.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        if assertion["response"].get("userHandle") not in {None, handle}:
            return None
    except Exception:  # noqa: BLE001 - hostile CBOR and JSON, read by others' parsers: whatever it does is a wrong answer
        return None
    counted, before = verified.new_sign_count, passkey.sign_count
    if (counted or before) and counted <= before:
        return Cloned(passkey.id)
    return replace(passkey, sign_count=counted, last_used_at=now, backed_up=verified.credential_backed_up)


def attested(party: RelyingParty, attestation: Mapping[str, Any], signed: bytes, name: str, now: int) -> Passkey | None:
    """Verify that a new key signed `signed`; None for a wrong attestation (RegistrationResponseJSON, untrusted)."""
    try:
        if not _unattested(attestation):
            return None
        verified = verify_registration_response(
            credential=dict(attestation),
            expected_challenge=signed,
            expected_rp_id=party.id,
            expected_origin=_page(party, attestation),
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except Exception:  # noqa: BLE001 - as above
        return None
    if len(verified.credential_id) > _LONGEST_ID or len(verified.credential_public_key) > _LONGEST_KEY:
        return None
    return Passkey(
        id=bytes_to_base64url(verified.credential_id),
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name,
        created_at=now,
        last_used_at=None,
        aaguid=verified.aaguid,
        backed_up=verified.credential_backed_up,
    )


def _page(party: RelyingParty, answer: Mapping[str, Any]) -> str:
    """Give the origin that the answer names, if it may; ValueError for another one, or a frame of another one."""
    client_data = parse_client_data_json(base64url_to_bytes(answer["response"]["clientDataJSON"]))
    if client_data.cross_origin or not party.allows(client_data.origin):
        raise ValueError("not a page of ours")
    return client_data.origin


def _unattested(attestation: Mapping[str, Any]) -> bool:
    """Tell whether nobody vouches for the key: none was asked for, and chains of certificates are not read here.

    A self attestation, which clients pass on (section 5.1.3), is verified like any signature.
    """
    parsed = parse_attestation_object(base64url_to_bytes(attestation["response"]["attestationObject"]))
    return parsed.fmt == "none" or (parsed.fmt == "packed" and not parsed.att_stmt.x5c)
