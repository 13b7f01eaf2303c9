"""Every hour: sessions and tokens that no longer count are revoked with their reason, and never deleted by us.

One tenant
1. Look for due reviews. With none, and a run within the last hour, there is nothing to say.
2. CLEANUP_JOB_STARTED, with the note of this run: of two runs at once, one goes on.
3. Page by page: read the sessions and their gates as they are now, decide (shared/domain/session_review.py), and end
   what has ended, each session with its token and its event; what lives is looked at again when its idle limit passes.
4. CLEANUP_JOB_COMPLETED, with what was done. A run that crashed leaves STARTED alone: every step is conditional on what
   was read and takes the session out of the index, so the next run goes on with what is left.

A run ends after `RUN_SECONDS`; tenants that had no turn are the first of the next one.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from functions.cleanup.settings import Settings
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.domain.session import EXPIRED
from shared.domain.session_review import End, Forget, LookAgain, review
from shared.store.attribute import Row
from shared.store.item import Item
from shared.store.session_reviews import (
    due_pages,
    ended,
    forget,
    look_again,
    read_sessions,
    reviewed_of,
    token_revoked,
)
from shared.store.tenant_notes import CLEANED_AT, noted, notes
from shared.store.tenants import serve_each
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService

RUN_SECONDS: Final = 240  # below the function's time-out, with room for what was begun
_QUIET_SECONDS: Final = 3_000  # a run that finds nothing says so once an hour, however often it is started
_TOGETHER: Final = 30  # sessions of one commit: three items each, of the hundred that a transaction takes
_ACTOR: Final = Actor("system", "cleanup")


@dataclass(slots=True)
class Counts:
    """What one run did to one tenant."""

    sessions_examined: int = 0
    sessions_expired: int = 0
    sessions_stamped: int = 0
    tokens_revoked: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    run_id: str
    began_at: float
    counts: Counts = field(default_factory=Counts)

    @property
    def now(self) -> int:
        return int(self.began_at)


@dataclass(frozen=True, slots=True)
class Ending:
    """A session that has ended, as it was read; `token_kept`: the row of its current token is there."""

    row: Row
    end: End
    token_kept: bool = True


@dataclass(frozen=True, slots=True)
class Cleanup:
    dynamodb: JsonService
    ledger: Ledger
    settings: Settings
    clock: Callable[[], float]

    def run(self) -> Mapping[str, Counts]:
        """Serve every tenant that time allows, the one that waited longest first; gives those that had a run."""
        began_at = self.clock()
        last = dict(notes(self.dynamodb, self.settings.tenants_table, CLEANED_AT))
        waiting = sorted(last, key=lambda tenant: last[tenant] or 0)
        in_time = itertools.takewhile(lambda _: self.clock() < began_at + RUN_SECONDS, waiting)
        served = serve_each(in_time, lambda tenant: self.clean(tenant, last[tenant], began_at + RUN_SECONDS))
        return {tenant: counts for tenant, counts in served.items() if counts is not None}

    def clean(self, tenant: str, cleaned_at: int | None, end_at: float) -> Counts | None:
        """Clean one tenant until `end_at`; None where there was nothing to do and nothing to say."""
        began_at = self.clock()
        run = Run(new_event_id(began_at), began_at)
        # 1. Look for due reviews.
        pages = due_pages(self.dynamodb, self.settings.user_sessions_table, tenant, run.now)
        first = next(pages, None)
        if first is None and cleaned_at is not None and began_at < cleaned_at + _QUIET_SECONDS:
            return None
        # 2. Say that a run begins.
        note = noted(self.settings.tenants_table, tenant, CLEANED_AT, run.now, cleaned_at)
        started = self._draft("CLEANUP_JOB_STARTED", tenant, run, {})
        if isinstance(self.ledger.commit(tenant, [note], [started]), Refuted):
            return None
        # 3. Page by page.
        finished = self._review(tenant, run, itertools.chain([first] if first else [], pages), end_at)
        # 4. Say what was done.
        done = {name: getattr(run.counts, name) for name in Counts.__slots__}
        done |= {"seconds": int(self.clock() - began_at), "finished": finished}
        self.ledger.commit(tenant, [], [self._draft("CLEANUP_JOB_COMPLETED", tenant, run, done)])
        return run.counts

    def _review(self, tenant: str, run: Run, pages: Iterator[list[Mapping[str, str]]], end_at: float) -> bool:
        for keys in pages:
            if self.clock() >= end_at:
                return False
            endings = list(self._judge(run, keys))
            for at in range(0, len(endings), _TOGETHER):
                self._end(tenant, run, endings[at : at + _TOGETHER])
        return True

    def _judge(self, run: Run, keys: Sequence[Mapping[str, str]]) -> Iterator[Ending]:
        """Yield the sessions that have ended, and note of the others when they are looked at again."""
        sessions = self.settings.user_sessions_table
        for row, gate in read_sessions(self.dynamodb, sessions, self.settings.tenant_staff_table, keys):
            run.counts.sessions_examined += 1
            match review(reviewed_of(row), gate, run.now):
                case End() as end:
                    yield Ending(row, end)
                case LookAgain(at):
                    look_again(self.dynamodb, sessions, row, at)
                case Forget():
                    forget(self.dynamodb, sessions, row)

    def _end(self, tenant: str, run: Run, endings: Sequence[Ending]) -> None:
        """End sessions in one commit; one that changed meanwhile is left alone, and the others go on without it."""
        pending = {str(number): ending for number, ending in enumerate(endings)}
        while pending:
            items = [item for number, ending in pending.items() for item in self._items(number, ending, run)]
            events = [self._invalidated(ending, tenant, run) for ending in pending.values()]
            outcome = self.ledger.commit(tenant, items, events)
            if not isinstance(outcome, Refuted):
                _count(run.counts, pending.values())
                return
            for label in outcome.failed:
                kind, _, number = label.partition("#")
                if kind == "session":
                    pending.pop(number, None)
                elif number in pending:
                    pending[number] = Ending(pending[number].row, pending[number].end, token_kept=False)

    def _items(self, number: str, ending: Ending, run: Run) -> Iterator[Item]:
        row, end = ending.row, ending.end
        kept = self.settings.security_retention_seconds
        yield ended(self.settings.user_sessions_table, row, end, run.now, kept, f"session#{number}")
        if ending.token_kept:
            yield token_revoked(self.settings.refresh_tokens_table, row, end, f"token#{number}")

    def _invalidated(self, ending: Ending, tenant: str, run: Run) -> Draft:
        row, end = ending.row, ending.end
        meta: dict[str, Json] = {
            "revoke_reason": end.reason,
            "last_seen_at": row["last_seen_at"],
            "idle_expires_at": row["idle_expires_at"],
            "absolute_expires_at": row["absolute_expires_at"],
        }
        targets = (Target("user", row["staff"]), Target("session", row["session_id"]))
        reason = "expired" if end.status == EXPIRED else end.reason
        return self._draft("SESSION_INVALIDATED", tenant, run, meta, reason=reason, targets=targets)

    def _draft(
        self,
        action: str,
        tenant: str,
        run: Run,
        meta: Mapping[str, Json],
        *,
        reason: str | None = None,
        targets: tuple[Target, ...] = (),
    ) -> Draft:
        return Draft(
            event_id=new_event_id(self.clock()),
            action=action,
            outcome="success",
            actor=_ACTOR,
            resource=f"session/{targets[-1].id}" if targets else f"tenant/{tenant}",
            context=system_context("schedule", run.run_id),
            reason=reason,
            targets=targets,
            meta={"run_id": run.run_id, **meta},
        )


def _count(counts: Counts, endings: Iterable[Ending]) -> None:
    for ending in endings:
        if ending.end.status == EXPIRED:
            counts.sessions_expired += 1
        else:
            counts.sessions_stamped += 1
        counts.tokens_revoked += ending.token_kept
