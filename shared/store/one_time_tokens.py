"""`one_time_tokens`: secrets that are used once, by the SHA-256 of their text; the text itself is nowhere.

| attribute | what it holds |
| --- | --- |
| `token_hash` | hexadecimal SHA-256 of the token: 256 random bits need no slow hash (ASVS 6.5.2) |
| `purpose`, `tenant`, `staff` | what it is for and whose it is |
| `session_version` | where what it opens belongs to the sign-ins of its day: that of the gate, when it was issued |
| `connection` | of `sso_code`: `connection_id` and `version` of the connection that it came by |
| `issued_at`, `expires_at`, `used_at` | Unix seconds; `used_at` from its one use on |
| `ttl` | a day after it expired |
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from shared.store.attribute import Row
from shared.store.condition import above, absent, equals
from shared.store.item import Item, get, put, update
from shared.store.wire import JsonService

PASSWORD_RESET: Final = "password_reset"  # noqa: S105 - the name of a purpose
SSO_CODE: Final = "sso_code"  # what a browser exchanges for tokens, together with its cookie
SSO_NONCE: Final = "sso_nonce"  # a row is the use: of two callbacks of one sign-in, one commits
_KEPT_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """A token that was issued; `used` once it was used.

    `session_version` and `connection` (id, version) are what it stands and falls with, where it does.
    """

    token_hash: str
    purpose: str
    tenant: str
    staff_id: str
    expires_at: int
    used: bool = False
    session_version: int | None = None
    connection: tuple[str, int] | None = None

    def open(self, purpose: str, now: float) -> bool:
        return self.purpose == purpose and not self.used and now < self.expires_at


def hash_of(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_token(dynamodb: JsonService, table: str, token_hash: str) -> OneTimeToken | None:
    row: Row | None = get(dynamodb, table, {"token_hash": token_hash})
    if row is None:
        return None
    connection = row.get("connection")
    return OneTimeToken(
        token_hash,
        row["purpose"],
        row["tenant"],
        row["staff"],
        row["expires_at"],
        used="used_at" in row,
        session_version=row.get("session_version"),
        connection=None if connection is None else (connection["connection_id"], connection["version"]),
    )


def issued(table: str, token: OneTimeToken, now: int) -> Item:
    """Put a token that was not there before (label: its purpose)."""
    row: dict[str, Any] = {
        "token_hash": token.token_hash,
        "purpose": token.purpose,
        "tenant": token.tenant,
        "staff": token.staff_id,
        "issued_at": now,
        "expires_at": token.expires_at,
        "ttl": token.expires_at + _KEPT_SECONDS,
    }
    if token.session_version is not None:
        row["session_version"] = token.session_version
    if token.connection is not None:
        row["connection"] = dict(zip(("connection_id", "version"), token.connection, strict=True))
    return put(table, row, absent("token_hash"), label=token.purpose)


def used(table: str, token: OneTimeToken, now: int) -> Item:
    """Use the token up (label "one_time_token"): of two requests with it, one commits (ASVS 6.5.1)."""
    return update(
        table,
        {"token_hash": token.token_hash},
        equals("purpose", token.purpose),
        absent("used_at"),
        above("expires_at", now),
        set_={"used_at": now},
        label="one_time_token",
    )
