"""GET /api/auth/sessions: where the asker is signed in, and with `?ended=true` where he was.

1. Admit; 2. read his own partition, newest first; 3. tell of each row whether it lives, and of those that ended when
and why; 4. answer. A session lives by comparison, never by its status alone: one of an older `session_version` or past
a limit has ended, whatever cleanup has got round to writing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.audit.moment import rfc3339
from shared.domain.session import ACTIVE, EXPIRED, REVOKED, expired
from shared.domain.session_review import OTHER_VERSION
from shared.edge.guard import Guard, Principal
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.session_document import session_document
from shared.store.attribute import Row
from shared.store.condition import equals
from shared.store.item import query
from shared.store.user_sessions import owner_of, session_of
from shared.store.wire import JsonService

MAX_ROWS: Final = 1_000  # about one page of DynamoDB; the rows of a person are few, since TTL takes the old ones
ENDED_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class End:
    """How a session ended; `at` None where only the order of things is known, not the instant."""

    status: str
    reason: str
    at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    dynamodb: JsonService
    user_sessions_table: str
    guard: Guard

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        with_ended = _with_ended(request.query)
        # 2. Ids begin with the instant of the login, so the newest come first.
        acting = principal.acting
        owner = equals("owner", owner_of(acting.tenant, acting.staff_id))
        rows = list(query(self.dynamodb, self.user_sessions_table, owner, descending=True, limit=MAX_ROWS))
        # 3. What lives, and what ended lately.
        now = int(request.now)
        ends = ((row, end_of(row, acting.session_version, now)) for row in rows)
        shown = [
            _shown(row, end, principal)
            for row, end in ends
            if end is None or (with_ended and _ended_lately(row, end, now))
        ]
        # 4. Answer.
        return json_reply(200, {"sessions": shown, "truncated": len(rows) == MAX_ROWS})


def end_of(row: Row, session_version: int, now: int) -> End | None:
    """Say how the session of `row` ended, under the `session_version` of its owner's gate; None while it lives."""
    if row["status"] != ACTIVE:
        return End(row["status"], row["revoke_reason"], row["ended_at"])
    if row["session_version"] != session_version:
        return End(REVOKED, OTHER_VERSION, None)
    limit = expired(now, row["idle_expires_at"], row["absolute_expires_at"])
    if limit is None:
        return None
    return End(EXPIRED, f"{limit}_expired", min(row["idle_expires_at"], row["absolute_expires_at"]))


def _ended_lately(row: Row, end: End, now: int) -> bool:
    """Tell whether it ended in the last thirty days; for an unknown instant its last use stands."""
    return (row["last_seen_at"] if end.at is None else end.at) > now - ENDED_SECONDS


def _shown(row: Row, end: End | None, principal: Principal) -> dict[str, Any]:
    session = session_of(row)
    return {
        **session_document(session),
        "current": session.session_id == principal.acting.session_id,
        "status": end.status if end else ACTIVE,
        "reason": end.reason if end else None,
        "ended_at": rfc3339(end.at) if end and end.at is not None else None,
    }


def _with_ended(asked: Mapping[str, str]) -> bool:
    faults = unknown_parameters(asked, ("ended",))
    if asked.get("ended", "true") not in {"true", "false"}:
        faults.append(("/ended", "This must be true or false."))
    if faults:
        raise invalid_request(faults)
    return asked.get("ended") == "true"
