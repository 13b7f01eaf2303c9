"""Personal data inside the log: sealed per person, erasable, and still provable.

Each person of a tenant has a random salt in a row of its own (`subject_keys`). The subject key follows from the
tenant's data key and that salt (HKDF, RFC 5869); deleting the salt makes every value of that person unreadable for
ever, while the lines that carry the ciphertext keep their hashes. Beside the ciphertext stands a commitment, an HMAC
under a key of that one event and role, so that a bundle can disclose one value without opening anything else.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.audit.canonical import Json, canonical, well_formed

PersonRole = Literal["actor", "target"]
MAX_VALUE = 1_024  # characters of one personal value

_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2.2
_NO_SALT = bytes(32)  # what HKDF takes for an absent salt
_CONTEXT, _COMMIT = b"muniment/v1|", b"commit|"


@dataclass(frozen=True, slots=True)
class Disclosed:
    """One person's values in one event, and the key that proves them against the line's `mac`."""

    of: PersonRole
    key: bytes
    values: Mapping[str, str]


class SubjectData:
    """Opens the entries of one person. What does not depend on the event is derived here, once."""

    def __init__(self, subject_key: bytes) -> None:
        self._cipher = AESGCM(_derive(subject_key, b"seal"))
        self._extracted = hmac.digest(_NO_SALT, subject_key, "sha256")  # RFC 5869 section 2.2

    def disclose(self, entry: Mapping[str, Json], event_id: str) -> Disclosed:
        """Open an entry; raises `ValueError` as `PersonalData.disclose` does."""
        of: PersonRole = "actor" if entry["of"] == "actor" else "target"
        blob = base64.b64decode(str(entry["ct"]), validate=True)
        bound = _bound(event_id, of)
        try:
            plain = self._cipher.decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], bound)
        except InvalidTag as fault:
            raise ValueError(f"pii of event {event_id} does not open") from fault
        # RFC 5869 section 2.3, of one block: what `_event_key` derives, without extracting anew.
        key = hmac.digest(self._extracted, b"".join((_CONTEXT, _COMMIT, bound, b"\1")), "sha256")
        return Disclosed(of, key, json.loads(plain))


class PersonalData:
    """Seals and opens personal data with one tenant's data key (32 bytes, unwrapped by KMS)."""

    def __init__(self, data_key: bytes, tenant: str) -> None:
        self._data_key = data_key
        self._tenant = tenant

    def entry(
        self, salt: bytes, *, subject: str, of: PersonRole, event_id: str, values: Mapping[str, str]
    ) -> dict[str, Json]:
        """Seal `values` (for instance email, ip, user_agent, name) into an entry of an event's `pii` list.

        The texts are untrusted: they are made well-formed and cut to `MAX_VALUE` before they are sealed.
        """
        clean: dict[str, Json] = {name: well_formed(text, MAX_VALUE) for name, text in values.items()}
        plain = canonical(clean)
        subject_key = self._subject_key(salt, subject)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(_derive(subject_key, b"seal")).encrypt(nonce, plain, _bound(event_id, of))
        return {
            "sub": subject,
            "of": of,
            "ct": base64.b64encode(nonce + sealed).decode(),
            "mac": hmac.digest(_event_key(subject_key, event_id, of), plain, "sha256").hex(),
        }

    def disclose(self, salt: bytes, entry: Mapping[str, Json], event_id: str) -> Disclosed:
        """Open an entry; raises `ValueError` when it was not sealed under this salt, for this event and role."""
        return self.subject(salt, str(entry["sub"])).disclose(entry, event_id)

    def subject(self, salt: bytes, subject: str) -> SubjectData:
        """Derive what opens all entries of one person; whoever reads many derives it once."""
        return SubjectData(self._subject_key(salt, subject))

    def authenticate(self, purpose: str, message: bytes) -> bytes:
        """Make a MAC (32 bytes) under a key of this tenant and `purpose`, for what is handed out and comes back."""
        return hmac.digest(_derive(self._data_key, f"mac|{self._tenant}|{purpose}".encode()), message, "sha256")

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypt what is handed out and comes back, under a key of this tenant and `purpose`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(purpose).encrypt(nonce, plain, None)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Open what `seal` made for this tenant and purpose; raises `ValueError` for anything else."""
        try:
            return self._cipher(purpose).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except InvalidTag as fault:
            raise ValueError(f"this was not sealed for {purpose}") from fault

    def _cipher(self, purpose: str) -> AESGCM:
        return AESGCM(_derive(self._data_key, f"seal|{self._tenant}|{purpose}".encode()))

    def _subject_key(self, salt: bytes, subject: str) -> bytes:
        return _derive(self._data_key, f"pii|{self._tenant}|{subject}".encode(), salt)


def _event_key(subject_key: bytes, event_id: str, of: str) -> bytes:
    return _derive(subject_key, _COMMIT + _bound(event_id, of))


def _bound(event_id: str, of: str) -> bytes:
    return f"{event_id}|{of}".encode()


def _derive(key: bytes, info: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=_CONTEXT + info).derive(key)
