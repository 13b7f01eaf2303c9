"""The person whose password it is, as one consistent read gives it, and what that person's new password may not be."""

from dataclasses import dataclass
from typing import Final

from shared.domain.session import ACTIVE
from shared.edge.new_password import refuse_unfit
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.second_factors import factor_keys, factors_of
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import GateRow, factor_key, gate_key, gate_of, named, profile_key
from shared.store.tenants import tenant_key
from shared.store.wire import JsonService

NOBODY: Final = "-"  # a staff id that nobody has: what must take as long as for a person is done for this one


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    tenant_staff: str
    subject_keys: str
    throttles: str
    one_time_tokens: str
    outbox: str


@dataclass(frozen=True, slots=True)
class Account:
    """A person, or nobody: `profile` None. `password_hash` None: whoever it is signs in by other means.

    `reset_hash` is the digest of the one reset token that counts. `salt` None: the person was erased.
    """

    tenant_id: str
    staff_id: str
    tenant: Row | None
    gate: GateRow
    profile: Row | None
    password_hash: str | None
    reset_hash: str | None
    second_factor: bool
    salt: bytes | None

    @property
    def email(self) -> str:
        return str((self.profile or {}).get("email", ""))

    def obstacle(self) -> str | None:
        """Say why no password of this account can be reset, for the audit log; None when one can."""
        if self.tenant is None or self.tenant["status"] != ACTIVE:
            return "TENANT_INACTIVE"
        if self.profile is None:
            return "EMAIL_UNKNOWN"
        if self.gate.status != ACTIVE:
            return "STAFF_INACTIVE"
        return None if self.password_hash else "NO_PASSWORD"

    def refuse_unfit(self, new: str, *, current: str | None = None) -> None:
        """Raise 422 with all that a new password lacks; nothing of the text is told or kept."""
        tenant, profile = self.tenant or {}, self.profile or {}
        about = (self.tenant_id, str(tenant.get("name", "")), self.email, str(profile.get("name", "")))
        refuse_unfit(new, *about, second_factor=self.second_factor, current=current)


def read_account(dynamodb: JsonService, tables: Tables, tenant: str, staff_id: str) -> Account:
    """Read a person; `staff_id` may be `NOBODY`'s, which takes as long."""
    password = factor_key(tenant, staff_id, "password")
    wanted = [gate_key(tenant, staff_id), profile_key(tenant, staff_id), password, *factor_keys(tenant, staff_id)]
    found = batch_get(
        dynamodb,
        {
            tables.tenants: [tenant_key(tenant)],
            tables.tenant_staff: wanted,
            tables.subject_keys: [subject_key(tenant, staff_id)],
        },
    )
    rows, salts = named(found[tables.tenant_staff]), found[tables.subject_keys]
    stored = rows.get(password["item"], {})
    salt = salts[0]["salt"] if salts else None
    return Account(
        tenant_id=tenant,
        staff_id=staff_id,
        tenant=next(iter(found[tables.tenants]), None),
        gate=gate_of(rows.get(gate_key(tenant, staff_id)["item"])),
        profile=rows.get(profile_key(tenant, staff_id)["item"]),
        password_hash=stored.get("hash"),
        reset_hash=stored.get("reset_hash"),
        second_factor=factors_of(rows, staff_id, salt).enrolled,
        salt=salt,
    )
