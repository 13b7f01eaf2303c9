"""What a person does to his own sessions: ends one, ends all or all others, or takes the acting one along.

Every item here that touches the acting session or gate is its re-check as well: it carries the clauses of
`transaction.py`, so a request of a session that died meanwhile changes nothing. A session that is moved to a new
version leaves its spent token without a sealed successor: nothing of the old version can be exchanged for anything of
the new one.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.session import ACTIVE, REVOKED, Standing
from shared.store.condition import above, equals
from shared.store.item import Item, update
from shared.store.session_ends import LIVING
from shared.store.transaction import (
    Acting,
    acting_gate_clauses,
    acting_gate_key,
    acting_session_clauses,
    acting_session_key,
)
from shared.store.user_sessions import session_key

USER_ENDED: Final = "user_ended"
FACTOR_CHANGED: Final = "factor_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The acting session under its next version: `spent_hash` and `standing` are what was read of it."""

    spent_hash: str
    current_hash: str
    generation: int
    session_version: int
    standing: Standing
    idle_expires_at: int
    now: int


def user_ended(table: str, acting: Acting, session_id: str, now: int) -> Item:
    """End a session of the acting person (label "session", or "acting_session" for the acting one itself).

    Refuted when it does not live: of two who end it, one commits. Another one may be waiting for a proof: that is when
    its owner has most reason to end it.
    """
    itself = session_id == acting.session_id
    alive = (equals("status", ACTIVE), equals("session_version", acting.session_version))
    return update(
        table,
        session_key(acting.tenant, acting.staff_id, session_id),
        *(acting_session_clauses(acting) if itself else alive),
        above("idle_expires_at", now),
        above("absolute_expires_at", now),
        set_={"status": REVOKED, "revoke_reason": USER_ENDED, "ended_at": now},
        remove=LIVING,
        label="acting_session" if itself else "session",
    )


def factor_changed(table: str, acting: Acting, session_id: str, now: int) -> Item:
    """End another session of the acting person with a factor (label "session#<id>"); refuted when it does not live."""
    return update(
        table,
        session_key(acting.tenant, acting.staff_id, session_id),
        equals("status", ACTIVE),
        set_={"status": REVOKED, "revoke_reason": FACTOR_CHANGED, "ended_at": now},
        remove=LIVING,
        label=f"session#{session_id}",
    )


def left_version(table: str, acting: Acting) -> Item:
    """Leave the acting `session_version` behind (label "acting_gate"): all sessions of it are dead from this commit on.

    Only a session that is moved in the same commit goes on.
    """
    return update(
        table,
        acting_gate_key(acting),
        *acting_gate_clauses(acting),
        add={"session_version": 1},
        label="acting_gate",
    )


def moved(table: str, acting: Acting, move: Move) -> Item:
    """Take the acting session along to the next version (label "acting_session"); refuted when it changed meanwhile."""
    return update(
        table,
        acting_session_key(acting),
        *acting_session_clauses(acting),
        above("idle_expires_at", move.now),
        above("absolute_expires_at", move.now),
        equals("current_hash", move.spent_hash),  # no refresh came between
        equals("auth_time", move.standing.auth_time),  # and no step-up: the new token says what the session is worth
        equals("acr", move.standing.acr),
        set_={
            "session_version": move.session_version,
            "current_hash": move.current_hash,
            "parent_hash": move.spent_hash,
            "generation": move.generation,
            "confirmed_generation": move.generation - 1,
            "replay_count": 0,
            "rotated_at": move.now,
            "last_seen_at": move.now,
            "idle_expires_at": move.idle_expires_at,
        },
        remove=("sealed",),
        label="acting_session",
    )
