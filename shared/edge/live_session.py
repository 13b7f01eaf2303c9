"""Whether what an access token says is true now: one strongly consistent read of three small rows.

The signature proves what was said; these rows alone say whether it still counts. All three must: the tenant is ACTIVE,
the staff gate is ACTIVE and of the token's version, the session is ACTIVE, of that version too, and within its limits.
"""

from dataclasses import dataclass
from typing import Protocol

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
class LiveSession:
    """A session that counts, as of one read; `role` is that of the gate."""

    session: Session
    role: str
    tenant: Row


def live_session(dynamodb: JsonService, tables: SessionTables, token: AccessToken, now: float) -> LiveSession | None:
    """Find the session of a verified token; None when it does not count now. Raises `Unavailable`."""
    rows = batch_get(
        dynamodb,
        {
            tables.user_sessions: [session_key(token.tenant, token.staff_id, token.session_id)],
            tables.tenant_staff: [gate_key(token.tenant, token.staff_id)],
            tables.tenants: [tenant_key(token.tenant)],
        },
    )
    session_row, gate_row, tenant_row = (next(iter(found), None) for found in rows.values())
    gate = gate_of(gate_row)
    if session_row is None or tenant_row is None or tenant_row["status"] != ACTIVE or gate.status != ACTIVE:
        return None
    session = session_of(session_row)
    if not token.session_version == session.session_version == gate.session_version:
        return None
    if session.status != ACTIVE or expired(now, session.idle_expires_at, session.absolute_expires_at):
        return None
    return LiveSession(session, gate.role, tenant_row)
