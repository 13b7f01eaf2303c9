"""`subject_keys`: one random salt a person; without it, what the log holds of that person cannot be read any more.

People whom nobody knows (a failed login with a foreign address) share one subject per tenant and month.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from shared.store.condition import absent, equals
from shared.store.item import Item, get, put, query
from shared.store.wire import JsonService

SALT_BYTES = 32


def subject_key(tenant: str, subject: str) -> dict[str, str]:
    return {"tenant": tenant, "subject": subject}


def unknown_subject(now: float) -> str:
    """Name the subject under which unknown people of this month are sealed: `unknown#2026-11`."""
    return f"unknown#{datetime.fromtimestamp(now, UTC):%Y-%m}"


def salt_of(dynamodb: JsonService, table: str, tenant: str, subject: str) -> bytes | None:
    """Read a salt; `None` when the person was erased or never had one."""
    row = get(dynamodb, table, subject_key(tenant, subject))
    return None if row is None else row["salt"]


def new_salt_item(table: str, tenant: str, subject: str) -> tuple[bytes, Item]:
    """Make a salt and the put that stores it, conditional on there being none (label `subject_key`)."""
    salt = secrets.token_bytes(SALT_BYTES)
    row = {**subject_key(tenant, subject), "salt": salt}
    return salt, put(table, row, absent("tenant"), label="subject_key")


def salts_of(dynamodb: JsonService, table: str, tenant: str) -> dict[str, bytes]:
    """Read all salts of a tenant: for exports, which open many people's values."""
    rows: Iterable[dict[str, bytes]] = query(dynamodb, table, equals("tenant", tenant))
    return {str(row["subject"]): row["salt"] for row in rows}
