"""Small secrets under the deployment's KMS key, each bound to what it is for.

The encryption context is authenticated: a value that is moved to another tenant, person or purpose does not open.
"""

import base64
from collections.abc import Mapping
from typing import NamedTuple

from shared.store.wire import JsonService

MAX_BYTES = 4_096  # of one KMS Encrypt


class SecretSealer(NamedTuple):
    """`key_id` names a symmetric KMS key."""

    kms: JsonService
    key_id: str

    def seal(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt `secret` (at most `MAX_BYTES`) for `context`; raises `Unavailable` and `ServiceError`."""
        request = {
            "KeyId": self.key_id,
            "Plaintext": base64.b64encode(secret).decode(),
            "EncryptionContext": dict(context),
        }
        return base64.b64decode(self.kms.call("Encrypt", request)["CiphertextBlob"])

    def open(self, sealed: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt what `seal` or GenerateDataKey made; `ServiceError` when key or context are not the same."""
        request = {
            "KeyId": self.key_id,
            "CiphertextBlob": base64.b64encode(sealed).decode(),
            "EncryptionContext": dict(context),
        }
        return base64.b64decode(self.kms.call("Decrypt", request)["Plaintext"])


def totp_context(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "staff": staff_id, "factor": "totp"}


def data_key_context(tenant: str) -> dict[str, str]:
    return {"tenant": tenant}


def sso_client_context(tenant: str, connection_id: str) -> dict[str, str]:
    return {"tenant": tenant, "connection": connection_id, "purpose": "sso_client"}


def outbox_context(tenant: str) -> dict[str, str]:
    return {"tenant": tenant, "purpose": "outbox"}
