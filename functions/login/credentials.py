"""Who a login names, and whether the password proves it: the same work whoever asks.

Rules of this module (ASVS 6.3.8: no enumeration of accounts)
- Two reads, one reservation and one argon2id run happen whether the tenant and the address exist or not; a missing hash
  is replaced by the hash of nothing.
- An attempt is counted before its password is looked at: of many guesses at once none is free.
- Where an address may come from is settled before that: what the rules of a tenant refuse is no attempt on anybody.
- All reasons stay in here and in the audit log: the caller learns one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.domain.password import hashable, normal_password
from shared.domain.session import ACTIVE
from shared.domain.throttle import Allowed, Wait
from shared.edge.address_rules import AddressRules
from shared.edge.request import Request
from shared.runtime.argon2id import DUMMY, proves
from shared.store.attribute import Row
from shared.store.histories import history_key
from shared.store.item import batch_get
from shared.store.second_factors import factor_keys
from shared.store.subject_keys import subject_key, unknown_subject
from shared.store.tenant_staff import GateRow, email_key, factor_key, gate_key, gate_of, named
from shared.store.tenants import tenant_key
from shared.store.throttles import LoginKeys, judge, login_keys, reserve
from shared.store.wire import JsonService

_NOBODY: Final = "-"  # a staff id that nobody has: the second read happens all the same
_RESERVATIONS: Final = 3


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    tenant_staff: str
    subject_keys: str
    throttles: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login as it was asked for; everything in it is untrusted. `device_id` None: the client names no device."""

    request: Request
    tenant: str
    email: str
    password: str
    device_id: str | None
    cookie: bool

    @property
    def now(self) -> int:
        return int(self.request.now)

    @property
    def keys(self) -> LoginKeys:
        return login_keys(self.tenant, self.email, self.request.viewer)


@dataclass(frozen=True, slots=True)
class Addressed:
    """What the store knows of the names in an attempt. `tenant` None: no such tenant; `staff_id` None: no such address.

    `unknown_salt` seals attempts on addresses that nobody has; `throttles` are the counters of this attempt.
    """

    tenant: Row | None
    staff_id: str | None
    unknown_salt: bytes | None
    throttles: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Named:
    """The person behind an address, or nobody. `rows` are the person's, by their `item`.

    `subject` owns the salt under which the attempt is sealed: the person, or this month's unknown ones. `salt` None
    where that subject has none yet.
    """

    addressed: Addressed
    gate: GateRow
    rows: dict[str, Row]
    password_hash: str | None
    subject: str
    salt: bytes | None

    @property
    def tenant(self) -> Row | None:
        return self.addressed.tenant

    @property
    def staff_id(self) -> str | None:
        return self.addressed.staff_id


def address(dynamodb: JsonService, tables: Tables, attempt: Attempt) -> Addressed:
    """Read what the names in an attempt lead to, and its counters, in one consistent call."""
    tenant, now = attempt.tenant, attempt.request.now
    found = batch_get(
        dynamodb,
        {
            tables.tenants: [tenant_key(tenant)],
            tables.tenant_staff: [email_key(tenant, attempt.email)],
            tables.subject_keys: [subject_key(tenant, unknown_subject(now))],
            tables.throttles: attempt.keys.to_read(now),
        },
    )
    person = next(iter(found[tables.tenant_staff]), None)
    salts = found[tables.subject_keys]
    return Addressed(
        tenant=next(iter(found[tables.tenants]), None),
        staff_id=None if person is None else str(person["staff_id"]),
        unknown_salt=salts[0]["salt"] if salts else None,
        throttles=found[tables.throttles],
    )


def admitted(dynamodb: JsonService, tables: Tables, attempt: Attempt, addresses: AddressRules) -> Addressed | Wait:
    """Read, judge and count an attempt; `Wait` says how long this network must leave this account alone.

    An address that the tenant's rules refuse is told so (`Refused`, 403) before its attempt counts for anybody. A lost
    race for the counters is judged anew; who keeps losing is many at once, and waits a second.
    """
    for _ in range(_RESERVATIONS):
        addressed = address(dynamodb, tables, attempt)
        judged = judge(addressed.throttles, attempt.request.now)
        if not isinstance(judged, Allowed):
            return judged
        if addressed.tenant is not None:
            addresses.refuse(attempt.request, addressed.tenant)
        if reserve(dynamodb, tables.throttles, attempt.keys, judged, attempt.request.now):
            return addressed
    return Wait(1)


def look_up(dynamodb: JsonService, tables: Tables, attempt: Attempt, addressed: Addressed) -> Named:
    """Read the person in one consistent call; somebody who does not exist takes as long."""
    tenant, probe = attempt.tenant, addressed.staff_id or _NOBODY
    password = factor_key(tenant, probe, "password")
    wanted = [gate_key(tenant, probe), password, history_key(tenant, probe), *factor_keys(tenant, probe)]
    found = batch_get(dynamodb, {tables.tenant_staff: wanted, tables.subject_keys: [subject_key(tenant, probe)]})
    rows, salts = named(found[tables.tenant_staff]), found[tables.subject_keys]
    own_salt = salts[0]["salt"] if salts else None
    stored = rows.get(password["item"])
    return Named(
        addressed=addressed,
        gate=gate_of(rows.get(gate_key(tenant, probe)["item"])),
        rows=rows,
        password_hash=None if stored is None else str(stored["hash"]),
        subject=addressed.staff_id or unknown_subject(attempt.request.now),
        salt=own_salt if addressed.staff_id else addressed.unknown_salt,
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
