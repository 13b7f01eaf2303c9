"""Whether what an access token says is true now: one strongly consistent read of three small rows, or five.

The signature proves what was said; these rows alone say whether it still counts. All three must: the tenant is ACTIVE,
the staff gate is ACTIVE and of the token's version, the session is ACTIVE, of that version too, and within its limits.
Where somebody acts in another's name, his own session and gate are read with them, and must count as well, under the
version with which he began; his role must still be one that may act as the other's, and the tenant still let him.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.impersonation import SETTING, Impersonator, allowed, may_impersonate
from shared.domain.session import ACTIVE, expired
from shared.runtime.access_token import AccessToken
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.tenant_staff import gate_key, gate_of
from shared.store.tenants import tenant_key
from shared.store.user_sessions import Session, session_key, session_of
from shared.store.wire import JsonService


class SessionTables(Protocol):
    """Names of the three tables."""

    @property
    def tenants(self) -> str: ...
    @property
    def tenant_staff(self) -> str: ...
    @property
    def user_sessions(self) -> str: ...


@dataclass(frozen=True, slots=True)
class TableNames:
    """`SessionTables` of whoever reads nothing else."""

    tenants: str
    tenant_staff: str
    user_sessions: str


@dataclass(frozen=True, slots=True)
class Alive:
    """Somebody's session that counts, as of one read; `role` and `must_enrol` are those of the gate."""

    staff_id: str
    session: Session
    role: str
    must_enrol: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is served nothing but what ends the waiting: a proof is due, or a first second factor."""
        return self.session.pending is not None or self.must_enrol


@dataclass(frozen=True, slots=True)
class LiveSession:
    """The session of a token; `by` is the real person's where somebody acts in its owner's name.

    Whoever serves others than the guard does serves none that `waits`.
    """

    owner: Alive
    tenant: Row
    by: Alive | None

    @property
    def session(self) -> Session:
        return self.owner.session

    @property
    def role(self) -> str:
        return self.owner.role

    @property
    def waits(self) -> bool:
        return self.owner.waits


def live_session(dynamodb: JsonService, tables: SessionTables, token: AccessToken, now: float) -> LiveSession | None:
    """Find the session of a verified token; None when it does not count now. Raises `Unavailable`."""
    if token.act is not None and token.act.staff_id == token.staff_id:
        return None
    people = [Impersonator(token.staff_id, token.session_id), *([token.act] if token.act else [])]
    rows = batch_get(
        dynamodb,
        {
            tables.user_sessions: [session_key(token.tenant, *person) for person in people],
            tables.tenant_staff: [gate_key(token.tenant, person.staff_id) for person in people],
            tables.tenants: [tenant_key(token.tenant)],
        },
    )
    tenant = next(iter(rows[tables.tenants]), None)
    if tenant is None or tenant["status"] != ACTIVE:
        return None
    found = _Found(token.tenant, rows[tables.user_sessions], rows[tables.tenant_staff], now)
    owner = found.alive(people[0], token.session_version)
    if owner is None:
        return None
    by = None
    if token.act is not None or owner.session.impersonation is not None:
        by = _impersonator(found, token.act, owner, tenant["policy"].get("impersonation", SETTING[0]))
        if by is None:
            return None
    return LiveSession(owner, tenant, by)


def session_alive(
    dynamodb: JsonService,
    tables: SessionTables,
    tenant: str,
    person: tuple[str, str],
    session_version: int,
    now: float,
) -> Alive | None:
    """Find a session that somebody began something with (staff id, session id); None when it does not live now."""
    key = Impersonator(*person)
    rows = batch_get(
        dynamodb,
        {
            tables.user_sessions: [session_key(tenant, *key)],
            tables.tenant_staff: [gate_key(tenant, key.staff_id)],
        },
    )
    return _Found(tenant, rows[tables.user_sessions], rows[tables.tenant_staff], now).alive(key, session_version)


def _impersonator(found: "_Found", act: Impersonator | None, owner: Alive, setting: str) -> Alive | None:
    """Find the real person; None when token and session do not name the same one, or he may no longer."""
    impersonation = owner.session.impersonation
    if act is None or impersonation is None or impersonation.actor != act or not allowed(setting, impersonation.mode):
        return None
    by = found.alive(act, impersonation.actor_version)
    if by is None or by.waits or by.session.impersonation is not None:
        return None
    return by if may_impersonate(by.role, owner.role, impersonation.mode) else None


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows of one read, in no order."""

    tenant: str
    sessions: Sequence[Row]
    gates: Sequence[Row]
    now: float

    def alive(self, person: Impersonator, session_version: int) -> Alive | None:
        gate = gate_of(_with_key(self.gates, gate_key(self.tenant, person.staff_id)))
        row = _with_key(self.sessions, session_key(self.tenant, *person))
        if row is None or gate.status != ACTIVE:
            return None
        session = session_of(row)
        if not session_version == session.session_version == gate.session_version:
            return None
        if session.status != ACTIVE or expired(self.now, session.idle_expires_at, session.absolute_expires_at):
            return None
        return Alive(person.staff_id, session, gate.role, gate.must_enrol)


def _with_key(rows: Sequence[Row], key: Mapping[str, str]) -> Row | None:
    return next((row for row in rows if all(row[name] == value for name, value in key.items())), None)
