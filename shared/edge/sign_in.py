"""A person who has proved himself gets a session: its rows, its first tokens, and what is learned from it.

Rules of this module
- The session opens in the commit of the proof that it rests on, under the staff gate that was read with it.
- Only here is a place learned: after the password and, where the risk asked for one, the second factor. Whoever is
  refused before that teaches nothing.
- Sessions beyond the limit end, the oldest first, in the same commit; or nothing opens, as the tenant has it.
- Both tokens are signed before the commit: where no token can be made, nothing changes.
"""

import secrets
from dataclasses import dataclass

from shared.audit.event import Draft, Target, new_event_id
from shared.domain.familiarity import Facts, History, LiveSession, closed, learned
from shared.domain.familiarity import opened as with_session
from shared.domain.refresh_token import SECRET_OCTETS, RefreshToken, token_hash, written
from shared.domain.security_policy import SecurityPolicy
from shared.domain.session import AAL2, Binding, SessionId, StaffId, Standing, TenantId, idle_expiry
from shared.edge.blocking import SYSTEM
from shared.edge.problem import Refused
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.edge.token_response import Tokens
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.rotation import token_row
from shared.store.histories import remembered
from shared.store.item import Item
from shared.store.refresh_tokens import issued
from shared.store.session_ends import evicted
from shared.store.tenant_staff import GateRow, unchanged_gate
from shared.store.user_sessions import Opening, opened, session_key

SESSION_LIMIT = "SESSION_LIMIT"
MOST_EVICTED = 40  # two items each, of the hundred that a transaction takes
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class SignInTables:
    tenant_staff: str
    user_sessions: str
    refresh_tokens: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Who proved himself how, and where his session is to open.

    `live` are the sessions that were found alive, oldest first; `history` is what the row held when it was read.
    `joins`: the person is made in the same commit, and with it the gate that would otherwise be checked.
    """

    tenant: str
    staff_id: str
    gate: GateRow
    acr: str
    amr: tuple[str, ...]
    cookie: bool
    binding: Binding
    policy: SecurityPolicy
    history: History
    facts: Facts
    live: tuple[LiveSession, ...]
    joins: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that is about to be committed. `tokens` holds the only copy of its refresh token."""

    tokens: Tokens
    items: tuple[Item, ...]
    events: tuple[Draft, ...]

    @property
    def session_id(self) -> str:
        return self.tokens.bearer.session_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    tables: SignInTables
    issuer: TokenIssuer

    def open(self, request: Request, verified: Verified) -> Opened:
        """Make the session of `verified`; raises `Refused` (409 session_limit) and `Unavailable`.

        The items are labelled "gate", "session", "refresh_token", "history" and "evicted"; a refuted one means that
        the rows have changed since they were read.
        """
        now = int(request.now)
        if self.refuses(verified):
            raise session_limit()
        leaving = _beyond_the_limit(verified)
        bearer = _bearer(request, verified)
        standing = bearer.standing
        text = written(
            RefreshToken(
                TenantId(bearer.tenant),
                StaffId(bearer.staff_id),
                SessionId(bearer.session_id),
                bearer.generation,
                bearer.session_version,
                standing,
            ),
            secrets.token_bytes(SECRET_OCTETS),
        )
        tokens = Tokens(
            bearer=bearer,
            access_token=self.issuer.mint(bearer, now),
            access_expires_at=self.issuer.expires_at(standing, now),
            refresh_token=text,
            refresh_expires_at=idle_expiry(now, standing.idle_seconds, standing.absolute_expires_at),
        )
        items = (
            *self._gate(verified),
            *self._rows(verified, tokens, now),
            self._remembered(verified, bearer, leaving, now),
            *(evicted(self.tables.user_sessions, _key(verified, session), now) for session in leaving),
        )
        return Opened(tokens, items, tuple(_eviction(request, verified, session) for session in leaving))

    def refuses(self, verified: Verified) -> bool:
        """Tell whether the tenant has it that nothing opens beyond the limit, and the limit is reached."""
        policy = verified.policy
        return policy.session_limit_action == "deny" and len(verified.live) >= policy.concurrent_sessions

    def _gate(self, verified: Verified) -> list[Item]:
        if verified.joins:
            return []
        return [unchanged_gate(self.tables.tenant_staff, verified.tenant, verified.staff_id, verified.gate)]

    def _rows(self, verified: Verified, tokens: Tokens, now: int) -> tuple[Item, Item]:
        bearer, first_hash = tokens.bearer, token_hash(tokens.refresh_token)
        opening = Opening(
            tenant=bearer.tenant,
            staff_id=bearer.staff_id,
            session_id=bearer.session_id,
            session_version=bearer.session_version,
            current_hash=first_hash,
            binding=verified.binding,
            standing=bearer.standing,
            idle_expires_at=tokens.refresh_expires_at,
        )
        first = token_row(
            bearer, tokens.refresh_token, parent_hash=None, issued_at=now, expires_at=tokens.refresh_expires_at
        )
        return opened(self.tables.user_sessions, opening), issued(self.tables.refresh_tokens, first)

    def _remembered(self, verified: Verified, bearer: Bearer, leaving: tuple[LiveSession, ...], now: int) -> Item:
        after = learned(verified.history, verified.facts)
        staying = {session.session_id for session in verified.live} - {session.session_id for session in leaving}
        for session in verified.history.sessions:
            if session.session_id not in staying:  # evicted here, or found to have ended elsewhere
                after = closed(after, session.session_id)
        live = LiveSession(
            session_id=bearer.session_id,
            opened_at=now,
            ends_at=bearer.standing.absolute_expires_at,
            session_version=bearer.session_version,
            country=verified.binding.country,
            device=verified.binding.device_hash,
        )
        after = with_session(after, live)
        return remembered(self.tables.tenant_staff, verified.tenant, verified.staff_id, verified.history, after)


def session_limit() -> Refused:
    return Refused(409, "session_limit", "End one of your sessions first.")


def _beyond_the_limit(verified: Verified) -> tuple[LiveSession, ...]:
    """Give the oldest sessions, so that with the new one the limit is kept; after it was lowered, some at a time."""
    beyond = len(verified.live) + 1 - verified.policy.concurrent_sessions
    return verified.live[: max(0, min(beyond, MOST_EVICTED))]


def _bearer(request: Request, verified: Verified) -> Bearer:
    now, policy, gate = int(request.now), verified.policy, verified.gate
    absolute = now + policy.absolute_seconds(gate.role, second_factor=verified.acr == AAL2)
    idle = policy.refresh_idle_seconds // _MINUTE * _MINUTE
    standing = Standing(gate.role, verified.acr, verified.amr, now, now, absolute, idle, cookie=verified.cookie)
    return Bearer(verified.tenant, verified.staff_id, new_event_id(request.now), gate.session_version, 1, standing)


def _key(verified: Verified, session: LiveSession) -> dict[str, str]:
    return session_key(verified.tenant, verified.staff_id, session.session_id)


def _eviction(request: Request, verified: Verified, session: LiveSession) -> Draft:
    return Draft(
        event_id=new_event_id(request.now),
        action="SESSION_INVALIDATED",
        outcome="success",
        actor=SYSTEM,
        resource=f"user_sessions/{session.session_id}",
        context=context_of(request, verified.binding.device_hash),
        reason="session_limit",
        targets=(Target("user", verified.staff_id), Target("session", session.session_id)),
        meta={"scope": "session"},
    )
