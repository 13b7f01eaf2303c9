"""Somebody who is to be erased, as everything about him is found: by his id, and by his address.

Rules of this module
- An invite makes an id and a salt of its own, and may never be accepted. Whoever is erased is erased under every such
  id of his address. An id of somebody who is there (ACTIVE or DEACTIVATED) is never among those of another one.
- Whoever was invited and never came is known by the id of his invite, or, when its row has expired, of his salt. While
  his address is a person's, that person is the one to erase.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from shared.store.attribute import Row
from shared.store.erasures import Erasure, erasure_key, erasure_of
from shared.store.identities import identities_of
from shared.store.invites import Invite, invites_of
from shared.store.item import batch_get, get
from shared.store.legal_holds import active_in, scope_keys
from shared.store.subject_keys import address_digest, salt_rows
from shared.store.tenant_staff import (
    ERASED,
    MISSING,
    GateRow,
    email_key,
    gate_key,
    gate_of,
    owners_key,
    profile_key,
    rows_of_person,
)
from shared.store.wire import JsonService

_BATCH: Final = 100


class Tables(NamedTuple):
    tenant_staff: str
    subject_keys: str
    invites: str
    legal_holds: str
    erasures: str
    outbox: str


class Subject(NamedTuple):
    """`gate` is None of whoever never came; `salted` are those of `subjects` that have a salt still.

    `address` is None where the invite's row has expired, `address_of` whose it is now, None where it is nobody's.
    `tombstones` are those of `subjects` under whose gate somebody was erased before. `counts` says how much there is,
    by kind.
    """

    tenant: str
    staff_id: str
    gate: GateRow | None
    address: str | None
    address_of: str | None
    subjects: tuple[str, ...]
    salted: tuple[str, ...]
    tombstones: AbstractSet[str]
    held: bool
    active_owners: int
    counts: Mapping[str, int]


class Known(NamedTuple):
    """What was read: somebody, an erasure that was done before, or neither. `actor_salt` is the administrator's."""

    subject: Subject | None
    erased: Erasure | None
    actor_salt: bytes | None


class _Read(NamedTuple):
    """All that is read: the person's rows by their names, the salts of the tenant by their subjects, the invites."""

    rows: Mapping[str, Row]
    salts: Mapping[str, Row]
    invites: Sequence[Invite]
    holds: Sequence[Row]
    active_owners: int


def read_subject(dynamodb: JsonService, tables: Tables, tenant: str, actor: str, staff_id: str) -> Known:
    """Read what is known under `staff_id` (untrusted, of the right form). Raises `Unavailable`."""
    found = batch_get(
        dynamodb,
        {
            tables.tenant_staff: [owners_key(tenant)],
            tables.legal_holds: scope_keys(tenant, staff_id),
            tables.erasures: [erasure_key(tenant, staff_id)],
        },
    )
    owners = found[tables.tenant_staff]
    read = _Read(
        rows={row["item"]: row for row in rows_of_person(dynamodb, tables.tenant_staff, tenant, staff_id)},
        salts={row["subject"]: row for row in salt_rows(dynamodb, tables.subject_keys, tenant)},
        invites=list(invites_of(dynamodb, tables.invites, tenant)),
        holds=found[tables.legal_holds],
        active_owners=owners[0]["active"] if owners else 0,
    )
    actor_salt = read.salts[actor]["salt"] if actor in read.salts else None
    if found[tables.erasures]:
        return Known(None, erasure_of(found[tables.erasures][0]), actor_salt)
    own = next((one for one in read.invites if one.staff_id == staff_id), None)
    never_came = own is not None or "address" in read.salts.get(staff_id, {})
    if gate_key(tenant, staff_id)["item"] not in read.rows and not never_came:
        return Known(None, None, actor_salt)
    return Known(_subject(dynamodb, tables, tenant, staff_id, read, own), None, actor_salt)


def _subject(
    dynamodb: JsonService, tables: Tables, tenant: str, staff_id: str, read: _Read, own: Invite | None
) -> Subject:
    gate, profile = (read.rows.get(key(tenant, staff_id)["item"]) for key in (gate_key, profile_key))
    # Whoever came is asked for by the address that he has: an invite may be older.
    address = str(profile["email"]) if profile is not None else own.email if own is not None else None
    others = set[str]() if address is None else ids_of_address(tenant, address, read.salts, read.invites)
    gates = _gates(dynamodb, tables.tenant_staff, tenant, others - {staff_id})
    subjects = (staff_id, *(one for one, status in gates.items() if status in {MISSING, ERASED}))
    whose = None if address is None else get(dynamodb, tables.tenant_staff, email_key(tenant, address))
    return Subject(
        tenant=tenant,
        staff_id=staff_id,
        gate=None if gate is None else gate_of(gate),
        address=address,
        address_of=None if whose is None else str(whose["staff_id"]),
        subjects=subjects,
        salted=tuple(subject for subject in subjects if subject in read.salts),
        tombstones={one for one, status in gates.items() if status == ERASED},
        held=any(active_in(row) for row in read.holds),
        active_owners=read.active_owners,
        counts=_counts(read, staff_id, frozenset(subjects)),
    )


def ids_of_address(tenant: str, address: str, salts: Mapping[str, Row], invites: Sequence[Invite]) -> set[str]:
    """Give every id that an invite made for an address, the row of the invite being there or not."""
    digest = address_digest(tenant, address)
    invited = {one.staff_id for one in invites if address_digest(tenant, one.email) == digest}
    return invited | {subject for subject, row in salts.items() if row.get("address") == digest}


def nobodies(dynamodb: JsonService, table: str, tenant: str, ids: set[str]) -> list[str]:
    """Leave out the ids behind which somebody is."""
    return [one for one, status in _gates(dynamodb, table, tenant, ids).items() if status in {MISSING, ERASED}]


def _gates(dynamodb: JsonService, table: str, tenant: str, ids: set[str]) -> dict[str, str]:
    """Give the status of each id, in the order of the ids; that of whoever never came is MISSING."""
    ordered, statuses = sorted(ids), dict[str, str]()
    for at in range(0, len(ordered), _BATCH):
        keys = [gate_key(tenant, one) for one in ordered[at : at + _BATCH]]
        rows = batch_get(dynamodb, {table: keys})[table]
        statuses |= {row["item"].removesuffix("#gate"): row["status"] for row in rows}
    return {one: statuses.get(one, MISSING) for one in ordered}


def _counts(read: _Read, staff_id: str, subjects: AbstractSet[str]) -> dict[str, int]:
    identities = identities_of(read.rows.get(f"{staff_id}#identities"))
    return {
        "profiles": int(f"{staff_id}#profile" in read.rows),
        "factors": sum(item.startswith(f"{staff_id}#factor#") for item in read.rows),
        "histories": int(f"{staff_id}#history" in read.rows),
        "identities": len(identities.links),
        "invites": sum(one.staff_id in subjects for one in read.invites),
    }
