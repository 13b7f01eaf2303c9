"""`signing_keys`: the key pairs that sign access tokens. Private halves are sealed by KMS.

| attribute | what it holds |
| --- | --- |
| `purpose` | "access_token" |
| `kid` | hexadecimal SHA-256 of the DER public key: what a token's header names |
| `status` | "next" (published, not yet used), "current" (signs), "previous" (verifies until its tokens have expired) |
| `private_sealed` | PKCS #8 DER under KMS, bound to `{"purpose", "kid"}` |
| `public_pem` | SubjectPublicKeyInfo |
| `created_at` | Unix seconds |

One more row, `access_token#first` / `-`, makes the first key of a deployment unique whoever creates it.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from shared.store.condition import absent, equals
from shared.store.item import put, query
from shared.store.wire import JsonService, ServiceError

ACCESS_TOKEN: Final = "access_token"  # noqa: S105 - the name of a purpose
CURRENT: Final = "current"


@dataclass(frozen=True, slots=True)
class SigningKeyRow:
    purpose: str
    kid: str
    status: str
    private_sealed: bytes
    public_pem: str
    created_at: int


def sealing_context(kid: str) -> dict[str, str]:
    return {"purpose": ACCESS_TOKEN, "kid": kid}


def read_keys(dynamodb: JsonService, table: str) -> list[SigningKeyRow]:
    """Read every key that signs or verifies access tokens; empty before housekeeping has run once."""
    return [
        SigningKeyRow(**{name: row[name] for name in SigningKeyRow.__slots__})
        for row in query(dynamodb, table, equals("purpose", ACCESS_TOKEN))
    ]


def put_first(dynamodb: JsonService, table: str, key: SigningKeyRow) -> bool:
    """Store the deployment's first key; False when somebody else was first, and nothing was written."""
    row = {name: getattr(key, name) for name in SigningKeyRow.__slots__}
    marker = {"purpose": f"{ACCESS_TOKEN}#first", "kid": "-", "created_at": key.created_at}
    items = [put(table, marker, absent("purpose")), put(table, row, absent("kid"))]
    request = {
        "TransactItems": [item.wire() for item in items],
        "ClientRequestToken": secrets.token_hex(16),
    }
    try:
        dynamodb.call("TransactWriteItems", request)
    except ServiceError as refusal:
        if refusal.code == "TransactionCanceledException":
            return False
        raise
    return True
