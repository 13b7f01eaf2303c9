"""A session at its birth: its rows, its first tokens, and the attempt that asked for it."""

import secrets
from dataclasses import dataclass

from shared.audit.event import new_event_id
from shared.domain.refresh_token import SECRET_OCTETS, RefreshToken, token_hash, written
from shared.domain.session import AAL1, SessionId, StaffId, Standing, TenantId, idle_expiry
from shared.edge.request import Request
from shared.runtime.access_token import Bearer
from shared.store.item import Item
from shared.store.refresh_tokens import Issued, issued
from shared.store.tenant_staff import GateRow
from shared.store.user_sessions import Opening, opened


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds since the last rotation, and since the login."""

    idle_seconds: int
    absolute_seconds: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login as it was asked for; everything in it is untrusted."""

    request: Request
    tenant: str
    email: str
    password: str
    device_hash: str

    @property
    def now(self) -> int:
        return int(self.request.now)


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that is about to be committed; `refresh_token` is the only copy of its text."""

    bearer: Bearer
    refresh_token: str
    idle_expires_at: int


def new_session(attempt: Attempt, staff_id: str, gate: GateRow, lifetimes: Lifetimes) -> NewSession:
    """Make a session for a person who proved a password: assurance level 1, whatever factors he has."""
    now = attempt.now
    absolute = now + lifetimes.absolute_seconds
    standing = Standing(gate.role, AAL1, ("pwd",), now, now, absolute, lifetimes.idle_seconds)
    session_id = new_event_id(attempt.request.now)
    token = RefreshToken(
        TenantId(attempt.tenant), StaffId(staff_id), SessionId(session_id), 1, gate.session_version, standing
    )
    bearer = Bearer(attempt.tenant, staff_id, session_id, gate.session_version, 1, standing)
    text = written(token, secrets.token_bytes(SECRET_OCTETS))
    return NewSession(bearer, text, idle_expiry(now, lifetimes.idle_seconds, absolute))


def rows(attempt: Attempt, session: NewSession, sessions_table: str, tokens_table: str) -> tuple[Item, Item]:
    """Give the puts of the session and of its first refresh token."""
    bearer, first_hash = session.bearer, token_hash(session.refresh_token)
    opening = Opening(
        tenant=bearer.tenant,
        staff_id=bearer.staff_id,
        session_id=bearer.session_id,
        session_version=bearer.session_version,
        current_hash=first_hash,
        device_hash=attempt.device_hash,
        country=attempt.request.viewer.country,
        network=attempt.request.viewer.network,
        standing=bearer.standing,
        idle_expires_at=session.idle_expires_at,
    )
    first = Issued(
        token_hash=first_hash,
        tenant=bearer.tenant,
        staff_id=bearer.staff_id,
        session_id=bearer.session_id,
        generation=bearer.generation,
        parent_hash=None,
        issued_at=attempt.now,
        expires_at=session.idle_expires_at,
    )
    return opened(sessions_table, opening), issued(tokens_table, first)
