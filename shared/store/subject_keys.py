"""`subject_keys`: one random salt a person; without it, what the log holds of that person cannot be read any more.

People whom nobody knows (a failed login with a foreign address) share one subject per tenant and month.

| attribute | what it holds |
| --- | --- |
| `tenant`, `subject` | whose it is: a staff id, or `unknown#<month>` |
| `salt` | 32 random bytes |
| `address` | of somebody who was invited: digest of his address, by which erasure finds what is left of older invites |
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256

from shared.domain.password import normal_email
from shared.store.attribute import Row
from shared.store.condition import absent, equals, present
from shared.store.item import Item, check, delete, get, put, query
from shared.store.wire import JsonService

SALT_BYTES = 32


def subject_key(tenant: str, subject: str) -> dict[str, str]:
    return {"tenant": tenant, "subject": subject}


def unknown_subject(now: float) -> str:
    """Name the subject under which unknown people of this month are sealed: `unknown#2026-11`."""
    return f"unknown#{datetime.fromtimestamp(now, UTC):%Y-%m}"


def forgotten(table: str, tenant: str, subject: str) -> Item:
    """Delete a salt (label `subject_key`): what the log holds under it cannot be read any more. Erasure alone does."""
    return delete(table, subject_key(tenant, subject), label="subject_key")


def unforgotten(table: str, tenant: str, subject: str) -> Item:
    """Check that a salt is there (label `subject_key`): of what rests on it and its erasure one is first."""
    return check(table, subject_key(tenant, subject), present("salt"), label="subject_key")


def salt_of(dynamodb: JsonService, table: str, tenant: str, subject: str) -> bytes | None:
    """Read a salt; `None` when the person was erased or never had one."""
    row = get(dynamodb, table, subject_key(tenant, subject))
    return None if row is None else row["salt"]


def address_digest(tenant: str, email: str) -> str:
    """Give the digest of an address of one tenant; no tenant's id holds the character between them."""
    return sha256(f"{tenant}\n{normal_email(email)}".encode()).hexdigest()


def new_salt_item(table: str, tenant: str, subject: str, email: str | None = None) -> tuple[bytes, Item]:
    """Make a salt and the put that stores it, conditional on there being none (label `subject_key`).

    `email` is the address of somebody who is invited: his row goes when whoever has that address is erased.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    row: Row = {**subject_key(tenant, subject), "salt": salt}
    if email is not None:
        row["address"] = address_digest(tenant, email)
    return salt, put(table, row, absent("tenant"), label="subject_key")


def salts_of(dynamodb: JsonService, table: str, tenant: str) -> dict[str, bytes]:
    """Read all salts of a tenant: for exports, which open many people's values."""
    return {row["subject"]: row["salt"] for row in salt_rows(dynamodb, table, tenant)}


def salt_rows(dynamodb: JsonService, table: str, tenant: str) -> Iterable[Row]:
    return query(dynamodb, table, equals("tenant", tenant))
