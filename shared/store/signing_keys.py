"""`signing_keys`: the key pairs that sign access tokens. Private halves are sealed by KMS.

| attribute | what it holds |
| --- | --- |
| `purpose` | "access_token" |
| `kid` | hexadecimal SHA-256 of the DER public key: what a token's header names |
| `status` | see shared/domain/signing_key.py |
| `private_sealed` | PKCS #8 DER under KMS, bound to `{"purpose", "kid"}`; gone once the key no longer signs |
| `public_pem` | SubjectPublicKeyInfo |
| `created_at`, `activated_at`, `deactivated_at` | Unix seconds: when it was made, began to sign, ended |
| `cause`, `replaced` | why it began to sign ("first", "scheduled", "emergency"), and in whose place |

One more row, `access_token#ring` / `-`, counts the changes. Every change of a key is one transaction that moves the
count on by one from what was read before: of two who change keys at once, one does, and the other looks again.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.domain.signing_key import CURRENT, NEXT, PREVIOUS, RETIRED, REVOKED, Cause, SigningKey
from shared.store.attribute import Row
from shared.store.condition import absent, differs, equals, present
from shared.store.item import Item, get, put, query, update
from shared.store.wire import JsonService, ServiceError

ACCESS_TOKEN: Final = "access_token"  # noqa: S105 - the name of a purpose
_RING: Final = {"purpose": f"{ACCESS_TOKEN}#ring", "kid": "-"}


class SigningKeyRow(NamedTuple):
    """`private_sealed` None: this key signs no more."""

    purpose: str
    kid: str
    status: str
    private_sealed: bytes | None
    public_pem: str
    created_at: int
    activated_at: int | None = None
    deactivated_at: int | None = None
    cause: str | None = None
    replaced: str | None = None

    @property
    def life(self) -> SigningKey:
        return SigningKey(
            self.kid,
            self.status,
            self.created_at,
            self.activated_at,
            self.deactivated_at,
            self.cause,
            self.replaced,
        )


@dataclass(frozen=True, slots=True)
class Ring:
    """All keys that there ever were, as of change number `revision`."""

    revision: int
    keys: tuple[SigningKey, ...]


def sealing_context(kid: str) -> dict[str, str]:
    return {"purpose": ACCESS_TOKEN, "kid": kid}


def read_keys(dynamodb: JsonService, table: str) -> list[SigningKeyRow]:
    """Read every key that there ever was; empty before housekeeping has run once."""
    return [_key_of(row) for row in query(dynamodb, table, equals("purpose", ACCESS_TOKEN))]


def read_ring(dynamodb: JsonService, table: str) -> Ring:
    """Read the keys and the count of their changes, the count first: `changed` then refuses what is out of date."""
    counted = get(dynamodb, table, _RING)
    keys = tuple(row.life for row in read_keys(dynamodb, table))
    return Ring(counted["revision"] if counted else 0, keys)


def changed(dynamodb: JsonService, table: str, revision: int, items: Sequence[Item]) -> bool:
    """Make one change of the keys as of `revision`; False when somebody else was first, and nothing was written."""
    known = equals("revision", revision) if revision else absent("purpose")
    count = put(table, {**_RING, "revision": revision + 1}, known, label="ring")
    request = {
        "TransactItems": [item.wire() for item in (count, *items)],
        "ClientRequestToken": secrets.token_hex(16),
    }
    try:
        dynamodb.call("TransactWriteItems", request)
    except ServiceError as refusal:
        if refusal.code in {"TransactionCanceledException", "TransactionConflictException"}:
            return False
        raise
    return True


def new_key(table: str, key: SigningKeyRow) -> Item:
    row = key._asdict()
    return put(table, {name: value for name, value in row.items() if value is not None}, absent("kid"), label="new")


def activated(table: str, kid: str, instead_of: str, cause: Cause, now: int) -> Item:
    """Let the next key sign (label "activated")."""
    changes = {"status": CURRENT, "activated_at": now, "cause": cause, "replaced": instead_of}
    return update(table, _key(kid), equals("status", NEXT), set_=changes, label="activated")


def deactivated(table: str, kid: str, now: int) -> Item:
    """End the signing of the current key, which goes on verifying (label "deactivated")."""
    return update(
        table,
        _key(kid),
        equals("status", CURRENT),
        set_={"status": PREVIOUS, "deactivated_at": now},
        remove=("private_sealed",),
        label="deactivated",
    )


def retired(table: str, kid: str) -> Item:
    return update(table, _key(kid), equals("status", PREVIOUS), set_={"status": RETIRED}, label="retired")


def revoked(table: str, kid: str, now: int) -> Item:
    """End a key for good, whatever it did (label "revoked")."""
    changes = {"status": REVOKED, "deactivated_at": now}
    clauses = (present("kid"), differs("status", RETIRED), differs("status", REVOKED))
    return update(table, _key(kid), *clauses, set_=changes, remove=("private_sealed",), label="revoked")


def _key(kid: str) -> Mapping[str, str]:
    return {"purpose": ACCESS_TOKEN, "kid": kid}


def _key_of(row: Row) -> SigningKeyRow:
    return SigningKeyRow(
        purpose=row["purpose"],
        kid=row["kid"],
        status=row["status"],
        private_sealed=row.get("private_sealed"),
        public_pem=row["public_pem"],
        created_at=row["created_at"],
        activated_at=row.get("activated_at"),
        deactivated_at=row.get("deactivated_at"),
        cause=row.get("cause"),
        replaced=row.get("replaced"),
    )
