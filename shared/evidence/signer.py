"""KMS signing keys (ECC_NIST_P256): the private key never leaves KMS, and one command of openssl verifies."""

from __future__ import annotations

import base64
import functools
import hashlib
import textwrap
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_ALGORITHM: Final = "ECDSA_SHA_256"


class Signer:
    """One key. The ledger key signs digests and checkpoints, the evidence key signs manifests, never the reverse."""

    def __init__(self, kms: KMSClient, key_id: str) -> None:
        self._kms = kms
        self._key_id = key_id

    @functools.cached_property
    def public_der(self) -> bytes:
        """Give the DER SubjectPublicKeyInfo (RFC 5480 section 2)."""
        return bytes(self._kms.get_public_key(KeyId=self._key_id)["PublicKey"])

    @property
    def kid(self) -> str:
        """Name the key by the SHA-256 of its public half: the fingerprint that auditors pin."""
        return hashlib.sha256(self.public_der).hexdigest()

    @property
    def public_pem(self) -> bytes:
        body = "\n".join(textwrap.wrap(base64.b64encode(self.public_der).decode(), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n".encode()

    def sign(self, message: bytes) -> bytes:
        """Sign with SHA-256; gives DER. The digest is made here, because KMS takes at most 4,096 bytes of message."""
        answer = self._kms.sign(
            KeyId=self._key_id,
            Message=hashlib.sha256(message).digest(),
            MessageType="DIGEST",
            SigningAlgorithm=_ALGORITHM,
        )
        return bytes(answer["Signature"])


def der_of(pem: bytes) -> bytes:
    """Read the DER SubjectPublicKeyInfo out of a PEM of whatever origin; empty bytes for anything else."""
    lines = pem.strip().splitlines()
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except ValueError:
        return b""


def genuine(public_der: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` (DER, of whatever origin) is that of `message` under a P-256 key (SPKI DER)."""
    try:
        key = load_der_public_key(public_der)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
