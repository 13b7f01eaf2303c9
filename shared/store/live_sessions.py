"""Which of the sessions that a person's history remembers do live: the history is not told of every end."""

from collections.abc import Sequence

from shared.domain.familiarity import LiveSession
from shared.domain.session import ACTIVE, expired
from shared.store.item import batch_get
from shared.store.user_sessions import Session, session_key, session_of
from shared.store.wire import JsonService


def alive(
    dynamodb: JsonService,
    table: str,
    owner: tuple[str, str],
    remembered: Sequence[LiveSession],
    now: int,
    session_version: int,
) -> tuple[tuple[LiveSession, Session], ...]:
    """Read the rows of `remembered` in one consistent call; gives those that live at `now`, in the same order.

    `owner` is tenant and staff id, `session_version` that of the gate: sessions of another one are dead.
    """
    if not remembered:
        return ()
    keys = [session_key(*owner, session.session_id) for session in remembered]
    rows = {row["session_id"]: session_of(row) for row in batch_get(dynamodb, {table: keys})[table]}
    found = [(session, rows[session.session_id]) for session in remembered if session.session_id in rows]
    return tuple((session, row) for session, row in found if lives(row, now, session_version))


def lives(session: Session, now: int, session_version: int) -> bool:
    """Tell whether a session counts at `now`, under the `session_version` of its owner's gate."""
    current = session.status == ACTIVE and session.session_version == session_version
    return current and not expired(now, session.idle_expires_at, session.absolute_expires_at)
