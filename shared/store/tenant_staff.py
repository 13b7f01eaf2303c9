"""`tenant_staff`: the people of a tenant, several rows a person.

| `item` | what it holds |
| --- | --- |
| `<staff>#gate` | `status`, `role`, `session_version`, `epoch`: at most 1 KB, read and checked always |
| `<staff>#profile` | `name`, `email` |
| `<staff>#factor#password` | `hash` (argon2id) |
| `<staff>#factor#totp` | `secret_sealed` (KMS), `last_totp_step`, `confirmed_at`, `failures` and `failures_since` |
| `<staff>#factor#recovery` | `codes`: a list of `{hash, used_at}`, `version` |
| `email#<normalised>` | `staff_id`: an address belongs to one person of a tenant |

A code that was accepted is spent by moving `last_totp_step` up, under the condition that it moves up: of two requests
with one code, one commits (RFC 6238 section 5.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from shared.domain.password import normal_email
from shared.domain.session import ACTIVE
from shared.domain.step_up import Failures
from shared.store.attribute import Row
from shared.store.condition import absent, below, equals
from shared.store.item import Item, check, put, update

_MAX_SORT_KEY_BYTES: Final = 1_024  # DynamoDB refuses a longer one; NFKC makes up to 18 characters of one

MISSING: Final = "MISSING"  # the status of a gate row that is not there


@dataclass(frozen=True, slots=True)
class GateRow:
    """What every request is checked against. `status` is ACTIVE, DEACTIVATED, or MISSING where there is no row."""

    status: str
    role: str
    session_version: int


@dataclass(frozen=True, slots=True)
class TotpRow:
    secret_sealed: bytes
    last_totp_step: int
    failures: Failures


@dataclass(frozen=True, slots=True)
class RecoveryRow:
    """`codes` are argon2id hashes in the order of their printed numbers; None where a code was used."""

    codes: tuple[str | None, ...]
    version: int


def gate_key(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#gate"}


def profile_key(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#profile"}


def factor_key(tenant: str, staff_id: str, factor: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#factor#{factor}"}


def email_key(tenant: str, email: str) -> dict[str, str]:
    """Give the key of an address; `email` as typed, untrusted. One that no sort key can hold stands as its digest."""
    item = f"email#{normal_email(email)}"
    if len(item.encode()) > _MAX_SORT_KEY_BYTES:
        item = f"email#sha256#{sha256(item.encode()).hexdigest()}"
    return {"tenant": tenant, "item": item}


def gate_of(row: Row | None) -> GateRow:
    if row is None:
        return GateRow(MISSING, "", 0)
    return GateRow(row["status"], row["role"], row["session_version"])


def totp_of(row: Row | None) -> TotpRow | None:
    """Read a factor row; None when no authenticator is enrolled."""
    if row is None:
        return None
    failures = Failures(row["failures"], row["failures_since"])
    return TotpRow(row["secret_sealed"], row["last_totp_step"], failures)


def recovery_of(row: Row | None) -> RecoveryRow | None:
    if row is None:
        return None
    codes = tuple(None if code["used_at"] else str(code["hash"]) for code in row["codes"])
    return RecoveryRow(codes, row["version"])


def named(rows: Sequence[Row]) -> dict[str, Row]:
    """Index the rows of a batch by their `item`."""
    return {row["item"]: row for row in rows}


def unchanged_gate(table: str, tenant: str, staff_id: str, gate: GateRow) -> Item:
    """Check that the gate is ACTIVE and still what a decision relied on (label "gate")."""
    return check(
        table,
        gate_key(tenant, staff_id),
        equals("status", ACTIVE),
        equals("session_version", gate.session_version),
        equals("role", gate.role),
        label="gate",
    )


def bumped_gate(table: str, tenant: str, staff_id: str, session_version: int) -> Item:
    """Leave `session_version` behind: every session of the person is dead from this commit on (label "gate")."""
    return update(
        table,
        gate_key(tenant, staff_id),
        equals("status", ACTIVE),
        equals("session_version", session_version),
        add={"session_version": 1},
        label="gate",
    )


def enrolled_totp(table: str, tenant: str, staff_id: str, secret_sealed: bytes, step: int, now: int) -> Item:
    """Put the confirmed authenticator with the time step that its first code spent; refuted when one is there."""
    row = {**factor_key(tenant, staff_id, "totp"), **_totp(secret_sealed, step, now)}
    return put(table, row, absent("tenant"), label="totp")


def spent_totp_step(table: str, tenant: str, staff_id: str, step: int) -> Item:
    """Spend a time step and forget the failures; refuted when that step or a later one was spent already."""
    key = factor_key(tenant, staff_id, "totp")
    changes = {"last_totp_step": step, "failures": 0, "failures_since": 0}
    return update(table, key, below("last_totp_step", step), set_=changes, label="totp")


def failed_factor(table: str, tenant: str, staff_id: str, before: Failures, after: Failures) -> Item:
    """Count a wrong answer; refuted when another one was counted in between."""
    return update(
        table,
        factor_key(tenant, staff_id, "totp"),
        equals("failures", before.count),
        equals("failures_since", before.since),
        set_={"failures": after.count, "failures_since": after.since},
        label="totp",
    )


def new_recovery_codes(table: str, tenant: str, staff_id: str, hashes: Sequence[str], now: int) -> Item:
    codes = [{"hash": hash_, "used_at": None} for hash_ in hashes]
    row = {**factor_key(tenant, staff_id, "recovery"), "codes": codes, "version": 1, "created_at": now}
    return put(table, row, label="recovery")


def used_recovery_code(table: str, tenant: str, staff_id: str, row: Row, index: int, now: int) -> Item:
    """Cross out code `index` of the row as it was read; refuted when the row has changed since."""
    codes: list[Mapping[str, Any]] = [
        {**code, "used_at": now} if number == index else code for number, code in enumerate(row["codes"])
    ]
    return update(
        table,
        factor_key(tenant, staff_id, "recovery"),
        equals("version", row["version"]),
        set_={"codes": codes, "version": row["version"] + 1},
        label="recovery",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStaff:
    """A person to provision. `totp_secret_sealed` None: no second factor yet."""

    tenant: str
    staff_id: str
    email: str
    name: str
    role: str
    password_hash: str
    totp_secret_sealed: bytes | None = None


def provisioning_items(table: str, staff: NewStaff, now: int) -> tuple[Item, ...]:
    """Give the puts that make a person, refuted (label "email" or "gate") when address or id are taken.

    The salt of the person's sealed data and the event belong into the same commit; they are the caller's.
    """
    tenant, staff_id = staff.tenant, staff.staff_id
    gate = {**gate_key(tenant, staff_id), "status": ACTIVE, "role": staff.role, "session_version": 1, "epoch": 1}
    profile = {**profile_key(tenant, staff_id), "name": staff.name, "email": staff.email, "created_at": now}
    password = {**factor_key(tenant, staff_id, "password"), "hash": staff.password_hash, "created_at": now}
    items = [
        put(table, {**email_key(tenant, staff.email), "staff_id": staff_id}, absent("tenant"), label="email"),
        put(table, gate, absent("tenant"), label="gate"),
        put(table, profile, label="profile"),
        put(table, password, label="password"),
    ]
    if staff.totp_secret_sealed is not None:
        items.append(enrolled_totp(table, tenant, staff_id, staff.totp_secret_sealed, 0, now))
    return tuple(items)


def _totp(secret_sealed: bytes, step: int, now: int) -> dict[str, Any]:
    return {
        "secret_sealed": secret_sealed,
        "last_totp_step": step,
        "confirmed_at": now,
        "failures": 0,
        "failures_since": 0,
    }
