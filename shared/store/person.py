"""Somebody of a tenant as an administrator's measure reads him: everything in one consistent call."""

from dataclasses import dataclass

from shared.domain.familiarity import History
from shared.domain.permission import administers
from shared.domain.session import ACTIVE
from shared.store.attribute import Row
from shared.store.histories import history_key, history_of
from shared.store.item import batch_get
from shared.store.second_factors import Factors, factor_keys, factors_of
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import (
    OWNER,
    GateRow,
    factor_key,
    gate_key,
    gate_of,
    named,
    owners_key,
    profile_key,
)
from shared.store.transaction import Acting
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class Tables:
    tenant_staff: str
    subject_keys: str
    user_sessions: str
    outbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """`active_owners` is how many the tenant has; `actor_salt` is the administrator's, None of one who was erased."""

    tenant: str
    staff_id: str
    gate: GateRow
    profile: Row
    factors: Factors
    history: History
    has_password: bool
    active_owners: int
    actor_salt: bytes | None = None

    @property
    def active(self) -> bool:
        return self.gate.status == ACTIVE

    def must_enrol_as(self, role: str) -> bool:
        """Tell whether he would have a `role` that takes a second factor, and has none."""
        return administers(role) and not self.factors.enrolled


def counts_as_owner(gate: GateRow) -> bool:
    return (gate.status, gate.role) == (ACTIVE, OWNER)


def read_person(dynamodb: JsonService, tables: Tables, acting: Acting, staff_id: str) -> Person | None:
    """Read somebody of the acting administrator's tenant; None for anybody else. Raises `Unavailable`."""
    tenant = acting.tenant
    gate, profile, history = (key(tenant, staff_id) for key in (gate_key, profile_key, history_key))
    password, owners = factor_key(tenant, staff_id, "password"), owners_key(tenant)
    found = batch_get(
        dynamodb,
        {
            tables.tenant_staff: [gate, profile, history, password, owners, *factor_keys(tenant, staff_id)],
            tables.subject_keys: [subject_key(tenant, one) for one in {staff_id, acting.staff_id}],
        },
    )
    rows = named(found[tables.tenant_staff])
    salts = {row["subject"]: row["salt"] for row in found[tables.subject_keys]}
    if gate["item"] not in rows or profile["item"] not in rows:
        return None
    return Person(
        tenant=tenant,
        staff_id=staff_id,
        gate=gate_of(rows[gate["item"]]),
        profile=rows[profile["item"]],
        factors=factors_of(rows, staff_id, salts.get(staff_id)),
        history=history_of(rows.get(history["item"])),
        has_password=password["item"] in rows,
        active_owners=rows.get(owners["item"], {}).get("active", 0),
        actor_salt=salts.get(acting.staff_id),
    )
