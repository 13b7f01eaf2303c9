"""A change that replaces or removes a factor: all other sessions of the person end in the same commit (ASVS 7.4.3).

Whoever got in by the old factor is out from that commit on. The acting session goes on as it is, and so do its tokens.

Rules of this module
- The history is the fence: every sign-in and every change that comes through here raises its version in its own
  commit. `others` reads it before all that the change relies on, and `commit` writes it under the version that was
  read, whether or not another session lives. What was committed in between refutes the change, and it is decided anew.
- What only adds a factor (the first authenticator, a passkey) raises nothing: it takes nothing from what a change
  relies on. An administrator's reset does not either, but leaves the acting session behind, which refutes as well.
- A read may see one row of somebody else's commit before the next one. So a session that the history knows and the
  partition does not show yet is waited for, never passed over.
- A session that has just passed its idle limit counts as alive: a refresh that was judged before may still commit.
- The settings let at most fifty sessions of a person live, and a transaction takes a hundred items. Should more live
  than fit, nothing changes: a factor never goes without all of the sessions that rest on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from functions.step_up.record import others_ended
from shared.audit.event import Draft
from shared.domain.familiarity import History, closed, live_sessions
from shared.domain.session import ACTIVE, expired
from shared.edge.guard import Principal
from shared.edge.problem import Refused
from shared.edge.reply import Reply, json_reply, no_content
from shared.edge.request import Request
from shared.store.attribute import Row
from shared.store.condition import equals
from shared.store.histories import history_key, history_of, remembered
from shared.store.item import Item, get, query
from shared.store.session_endings import factor_changed
from shared.store.transaction import Acting, Contended, Ledger, Refuted
from shared.store.user_sessions import owner_of
from shared.store.wire import JsonService

MAX_ENDED: Final = 90  # the largest change has nine items of its own: rows, mail, history, re-checks, events
MAX_ROWS: Final = 3_000  # those of two months, ended ones too; TTL takes the older ones
LATE_SECONDS: Final = 60  # longer than any function of ours runs, and clocks differ
_READS: Final = 3


@dataclass(frozen=True, slots=True)
class ChangeTables:
    tenant_staff: str
    user_sessions: str


@dataclass(frozen=True, slots=True)
class Others:
    """The other sessions of a person that live, by id, as of one version of his history."""

    history: History
    sessions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    dynamodb: JsonService
    tables: ChangeTables
    ledger: Ledger

    def others(self, request: Request, principal: Principal) -> Others:
        """Read what ends with the change; to be called before anything else is read that the change relies on.

        Raises `Refused` (409) for more sessions than one transaction can end, `Contended` and `Unavailable`.
        """
        acting, now = principal.acting, int(request.now)
        for _ in range(_READS):
            row = get(self.dynamodb, self.tables.tenant_staff, history_key(acting.tenant, acting.staff_id))
            history = history_of(row)
            owner = equals("owner", owner_of(acting.tenant, acting.staff_id))
            rows = list(query(self.dynamodb, self.tables.user_sessions, owner, descending=True, limit=MAX_ROWS))
            if len(rows) == MAX_ROWS:
                raise Contended("more sessions than are read at once")
            version = acting.session_version
            remembered = (kept for kept in live_sessions(history, now) if kept.session_version == version)
            known = {session.session_id for session in remembered}
            if known <= {row["session_id"] for row in rows}:
                return Others(history, _living(rows, acting, now))
        raise Contended("the history knows a session that has no row")

    def commit(
        self,
        request: Request,
        principal: Principal,
        others: Others,
        items: Sequence[Item],
        events: Sequence[Draft],
        members: Mapping[str, Any] | None = None,
    ) -> Reply | Refuted:
        """Commit `items` and answer with `members`, 204 without.

        Refuted: a row changed, and the request is admitted and decided anew. The acting session may be what changed.
        """
        acting = principal.acting
        ended = others_ended(request, principal, others.sessions)
        outcome = self.ledger.commit(
            acting.tenant,
            [*items, *self._endings(acting, others, int(request.now))],
            [*events, *ended],
            acting=acting,
        )
        if isinstance(outcome, Refuted):
            return outcome
        return no_content() if members is None else json_reply(200, members)

    def _endings(self, acting: Acting, others: Others, now: int) -> list[Item]:
        after = reduce(closed, others.sessions, others.history)
        table = self.tables.tenant_staff
        return [
            remembered(table, acting.tenant, acting.staff_id, others.history, after),
            *(factor_changed(self.tables.user_sessions, acting, session_id, now) for session_id in others.sessions),
        ]


def _living(rows: Sequence[Row], acting: Acting, now: int) -> tuple[str, ...]:
    living = (row["session_id"] for row in rows if _lives(row, acting, now))
    ids = tuple(session_id for session_id in living if session_id != acting.session_id)
    if len(ids) > MAX_ENDED:
        raise Refused(409, "session_limit", "End your other sessions first.")
    return ids


def _lives(row: Row, acting: Acting, now: int) -> bool:
    """Tell whether a session could be used now; one that waits for a proof could be, by whoever brings it."""
    if (row["status"], row["session_version"]) != (ACTIVE, acting.session_version):
        return False
    return not expired(now - LATE_SECONDS, row["idle_expires_at"], row["absolute_expires_at"])
