"""Who a login names, and whether the password proves it: the same work whoever asks.

Rules of this module (ASVS 6.3.8: no enumeration of accounts)
- Two reads and one argon2id run happen whether the tenant and the address exist or not; a missing hash is replaced by
  the hash of nothing.
- All reasons stay in here and in the audit log: the caller learns one.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.password import hashable, normal_password
from shared.domain.session import ACTIVE
from shared.runtime.argon2id import DUMMY, proves
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.subject_keys import subject_key, unknown_subject
from shared.store.tenant_staff import GateRow, email_key, factor_key, gate_key, gate_of, named
from shared.store.tenants import tenant_key
from shared.store.wire import JsonService

_NOBODY: Final = "-"  # a staff id that nobody has: the second read happens all the same


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    tenant_staff: str
    subject_keys: str


@dataclass(frozen=True, slots=True)
class Named:
    """What the store knows of a login. `tenant` None: no such tenant; `staff_id` None: no such address in it.

    `subject` owns the salt under which the attempt is sealed: the person, or this month's unknown ones. `salt` None
    where that subject has none yet.
    """

    tenant: Row | None
    staff_id: str | None
    gate: GateRow
    password_hash: str | None
    subject: str
    salt: bytes | None


def look_up(dynamodb: JsonService, tables: Tables, tenant: str, email: str, now: float) -> Named:
    """Read everything a login needs in two consistent calls; `tenant` and `email` are untrusted."""
    unknown = unknown_subject(now)
    by_name = batch_get(
        dynamodb,
        {
            tables.tenants: [tenant_key(tenant)],
            tables.tenant_staff: [email_key(tenant, email)],
            tables.subject_keys: [subject_key(tenant, unknown)],
        },
    )
    address = next(iter(by_name[tables.tenant_staff]), None)
    staff_id = None if address is None else str(address["staff_id"])
    probe = staff_id or _NOBODY
    by_person = batch_get(
        dynamodb,
        {
            tables.tenant_staff: [gate_key(tenant, probe), factor_key(tenant, probe, "password")],
            tables.subject_keys: [subject_key(tenant, probe)],
        },
    )
    rows = named(by_person[tables.tenant_staff])
    salts = (by_person if staff_id else by_name)[tables.subject_keys]
    password = rows.get(factor_key(tenant, probe, "password")["item"])
    return Named(
        tenant=next(iter(by_name[tables.tenants]), None),
        staff_id=staff_id,
        gate=gate_of(rows.get(gate_key(tenant, probe)["item"])),
        password_hash=None if password is None else str(password["hash"]),
        subject=staff_id or unknown,
        salt=salts[0]["salt"] if salts else None,
    )


def refusal(known: Named, password: str) -> str | None:
    """Give the reason why `password` does not let `known` in, for the audit log; None when it does."""
    # The hash is computed first and always: what comes after takes no time.
    fits = hashable(password)
    proved = proves(normal_password(password) if fits else "", known.password_hash or DUMMY)
    if known.tenant is None or known.tenant["status"] != ACTIVE:
        return "TENANT_INACTIVE"
    if known.staff_id is None:
        return "EMAIL_UNKNOWN"
    if not (proved and fits and known.password_hash):
        return "WRONG_PASSWORD"
    return None if known.gate.status == ACTIVE else "STAFF_INACTIVE"
