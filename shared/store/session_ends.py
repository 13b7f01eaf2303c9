"""How sessions of `user_sessions` end: by their limits, by their owner, by a newer session, or for security's sake.

Every end is conditional on the session being ACTIVE, so each is told once. What an ended session has no use for goes
with it: the sealed successor, the pending challenge, and its place in the index of what cleanup looks at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.session import ACTIVE, EXPIRED, REVOKED
from shared.store.condition import Clause, below, differs, equals
from shared.store.item import Item, update
from shared.store.transaction import Acting, acting_session_clauses, acting_session_key

LIVING: Final = ("sealed", "review_at", "pending_challenge")


@dataclass(frozen=True, slots=True)
class Ending:
    """A violent end: its reason, the incident that its events share, and how long the row stays as evidence."""

    reason: str
    incident_id: str
    at: int
    kept_seconds: int


def expired_session(table: str, key: Mapping[str, str], limit: str, now: int) -> Item:
    """End a session whose `limit` ("idle" or "absolute") has passed (label "session")."""
    changes = {"status": EXPIRED, "revoke_reason": f"{limit}_expired", "ended_at": now}
    passed = below(f"{limit}_expires_at", now + 1)
    return update(table, key, equals("status", ACTIVE), passed, set_=changes, remove=LIVING, label="session")


def secured(table: str, key: Mapping[str, str], ending: Ending, *clauses: Clause, label: str = "session") -> Item:
    """End an ACTIVE session for security's sake; under the condition ACTIVE there is one incident of it."""
    changes = {
        "status": REVOKED,
        "revoke_reason": ending.reason,
        "ended_at": ending.at,
        "incident_id": ending.incident_id,
        "ttl": ending.at + ending.kept_seconds,
    }
    return update(table, key, equals("status", ACTIVE), *clauses, set_=changes, remove=LIVING, label=label)


def reuse_revoked(table: str, key: Mapping[str, str], presented_hash: str, ending: Ending) -> Item:
    """End the family of a spent token (label "session")."""
    return secured(table, key, ending, differs("current_hash", presented_hash))


def evicted(table: str, key: Mapping[str, str], now: int) -> Item:
    """End the oldest session in favour of a new one (label "evicted"); refuted when it has ended meanwhile."""
    changes = {"status": REVOKED, "revoke_reason": "session_limit", "ended_at": now}
    return update(table, key, equals("status", ACTIVE), set_=changes, remove=LIVING, label="evicted")


def logged_out(table: str, acting: Acting, now: int) -> Item:
    """End the acting session (label "acting_session")."""
    changes = {"status": REVOKED, "revoke_reason": "logout", "ended_at": now}
    return update(
        table,
        acting_session_key(acting),
        *acting_session_clauses(acting),
        set_=changes,
        remove=LIVING,
        label="acting_session",
    )
