"""An authenticator in software: P-256 keys, and the two answers of WebAuthn as a browser would write them.

Every member of an answer can be made wrong, one at a time.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ORIGIN = "https://muniment.example"
RP_ID = "muniment.example"
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass(slots=True)
class SoftwareAuthenticator:
    """One key. `counter` is what its next answer says; 0 for ever where `counting` is false."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    counter: int = 0
    counting: bool = True

    @property
    def passkey_id(self) -> str:
        return base64url(self.credential_id)

    def created(self, options: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        """Answer `navigator.credentials.create`."""
        key_octets = wrong.get("public_key", self._public_key())
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + key_octets
        flags = wrong.get("flags", PRESENT | VERIFIED) | ATTESTED
        authenticator_data = self._data(wrong.get("rp_id", RP_ID), flags) + attested
        client_data = self._client_data("webauthn.create", options, wrong)
        statement = {
            "fmt": wrong.get("fmt", "none"),
            "attStmt": wrong.get("statement", {}),
            "authData": authenticator_data,
        }
        if "vouched_by" in wrong:
            certificates = [certificate.public_bytes(Encoding.DER) for certificate in wrong["vouched_by"]]
            signed = {"alg": -7, "sig": self._signature(authenticator_data, client_data)}
            statement |= {"fmt": "packed", "attStmt": {**signed, "x5c": certificates} if certificates else signed}
        response = {"clientDataJSON": client_data, "attestationObject": base64url(cbor2.dumps(statement))}
        return self._credential(response)

    def signed(self, options: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        """Answer `navigator.credentials.get`."""
        data = self._data(wrong.get("rp_id", RP_ID), wrong.get("flags", PRESENT | VERIFIED))
        client_data = self._client_data("webauthn.get", options, wrong)
        signature = wrong.get("signature", self._signature(data, client_data))
        response = {
            "clientDataJSON": client_data,
            "authenticatorData": base64url(data),
            "signature": base64url(signature),
        }
        if "user_handle" in wrong:
            response["userHandle"] = wrong["user_handle"]
        return self._credential(response)

    def certificate(self) -> x509.Certificate:
        """Make a certificate of this very key, as a maker of authenticators would."""
        names = {NameOID.COUNTRY_NAME: "DE", NameOID.ORGANIZATION_NAME: "Maker", NameOID.COMMON_NAME: "Key"}
        subject = x509.Name(
            [
                *(x509.NameAttribute(oid, text) for oid, text in names.items()),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
            ]
        )
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).serial_number(1)
        builder = builder.public_key(self.key.public_key())
        builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        builder = builder.not_valid_after(datetime(2090, 1, 1, tzinfo=UTC))
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def _signature(self, data: bytes, client_data: str) -> bytes:
        digest = hashlib.sha256(base64.urlsafe_b64decode(client_data + "==")).digest()
        return self.key.sign(data + digest, ec.ECDSA(hashes.SHA256()))

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        return {
            "id": self.passkey_id,
            "rawId": self.passkey_id,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }

    def _client_data(self, kind: str, options: dict[str, Any], wrong: dict[str, Any]) -> str:
        document = {
            "type": wrong.get("kind", kind),
            "challenge": wrong.get("challenge", options["challenge"]),
            "origin": wrong.get("origin", ORIGIN),
            "crossOrigin": wrong.get("cross_origin", False),
        }
        return base64url(json.dumps(document).encode())

    def _data(self, rp_id: str, flags: int) -> bytes:
        if self.counting:
            self.counter += 1
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _public_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
