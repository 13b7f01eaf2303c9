"""Keys that sign, and the statement by which one takes over from another."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.audit.canonical import canonical


class Key:
    """A P-256 key and the ways in which formats name it."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        public = self.private.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.der = public.public_bytes(serialization.Encoding.DER, form)
        self.pem = public.public_bytes(serialization.Encoding.PEM, form)
        self.kid = hashlib.sha256(self.der).hexdigest()

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


def rotation(log: str, before: Key, after: Key) -> dict[str, bytes]:
    """State that `after` took over from `before`, signed by both."""
    told: dict[str, Any] = {"type": "key-rotation", "v": 1, "log": log, "previous": before.kid, "next": after.kid}
    raw, name = canonical({**told, "at": "2026-09-21T14:13:20.000Z"}), f"keys/{after.kid}.rotation.json"
    return {name: raw, f"{name}.previous.sig": before.sign(raw), f"{name}.next.sig": after.sign(raw)}
