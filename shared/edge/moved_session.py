"""The acting session goes on under a new `session_version` while all others of its owner die.

Rules of this module
- Whoever moves a session leaves its version in the same commit: `Moved.items` plus `left_version` of the gate. One
  without the other is refuted by the first request that follows.
- Both tokens are made and signed before the commit: where no token can be made, nothing may die.
- The spent refresh token has no sealed successor: a client that loses the answer logs in again. It asked for the death
  of whatever was known before, and its own old token is known before.
- In cookie mode the refresh token stands in the cookie and nowhere else.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.refresh_token import SECRET_OCTETS, RefreshToken, token_hash, written
from shared.domain.session import SessionId, StaffId, TenantId, expired, idle_expiry
from shared.edge.guard import Principal
from shared.edge.problem import invalid_token
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.token_response import Tokens, token_reply
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.rotation import token_row
from shared.store.attribute import Row
from shared.store.item import Item, batch_get
from shared.store.refresh_tokens import issued
from shared.store.session_endings import Move, moved
from shared.store.transaction import Acting, Refuted, acting_session_holds, acting_session_key
from shared.store.user_sessions import session_of
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class MoveTables:
    user_sessions: str
    refresh_tokens: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that is about to be committed; `tokens` holds the only copy of its refresh token."""

    items: tuple[Item, Item]
    tokens: Tokens
    now: int

    @property
    def session_version(self) -> int:
        """The version that the gate must have after the commit."""
        return self.tokens.bearer.session_version

    @property
    def generation(self) -> int:
        return self.tokens.bearer.generation

    def reply(self, members: Mapping[str, Any] | None = None) -> Reply:
        """Answer 200 with `members` and the tokens. Only after the commit: until then they open nothing."""
        return token_reply(self.tokens, self.now, more=members)


def move(
    dynamodb: JsonService, tables: MoveTables, issuer: TokenIssuer, principal: Principal, request: Request
) -> Moved:
    """Make the next version of the acting session: its tokens, and the items that put them in force.

    `Moved.items` are labelled "acting_session" and "refresh_token". Raises `Refused` (401) for a session that has ended
    or waits for a proof, and `Unavailable`.
    """
    acting, now = principal.acting, int(request.now)
    row = _row(dynamodb, tables.user_sessions, acting)
    session = session_of(row)
    if expired(now, session.idle_expires_at, session.absolute_expires_at):
        raise invalid_token()
    standing = session.standing(acting.role)
    version, generation = acting.session_version + 1, session.generation + 1
    owner = TenantId(acting.tenant), StaffId(acting.staff_id), SessionId(acting.session_id)
    text = written(RefreshToken(*owner, generation, version, standing), secrets.token_bytes(SECRET_OCTETS))
    bearer = Bearer(*owner, version, generation, standing)
    tokens = Tokens(
        bearer=bearer,
        access_token=issuer.mint(bearer, now),
        access_expires_at=issuer.expires_at(standing, now),
        refresh_token=text,
        refresh_expires_at=idle_expiry(now, session.idle_seconds, session.absolute_expires_at),
    )
    return Moved(_items(tables, acting, row["current_hash"], tokens, now), tokens, now)


def refuse_dead(refuted: Refuted, acting: Acting) -> None:
    """Raise 401 when the acting session or gate is dead; on return the rows moved on, and it must be decided anew."""
    session = refuted.failed.get("acting_session")
    dead = "acting_session" in refuted.failed and not acting_session_holds(session, acting)
    if dead or "acting_gate" in refuted.failed:
        raise invalid_token()


def _row(dynamodb: JsonService, table: str, acting: Acting) -> Row:
    """Read the session once more, for the hash that its next token follows; the guard does not hand it on."""
    rows = batch_get(dynamodb, {table: [acting_session_key(acting)]})[table]
    if not rows or not acting_session_holds(rows[0], acting):
        raise invalid_token()
    return rows[0]


def _items(tables: MoveTables, acting: Acting, spent_hash: str, tokens: Tokens, now: int) -> tuple[Item, Item]:
    bearer, current_hash = tokens.bearer, token_hash(tokens.refresh_token)
    step = Move(
        spent_hash=spent_hash,
        current_hash=current_hash,
        generation=bearer.generation,
        session_version=bearer.session_version,
        standing=bearer.standing,
        idle_expires_at=tokens.refresh_expires_at,
        now=now,
    )
    token = token_row(
        bearer,
        tokens.refresh_token,
        parent_hash=spent_hash,
        issued_at=now,
        expires_at=tokens.refresh_expires_at,
    )
    return moved(tables.user_sessions, acting, step), issued(tables.refresh_tokens, token)
