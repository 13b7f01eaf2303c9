"""Every ten minutes: collect what the calendar says is due, and tell of what is not there.

One tenant
1. Begin its calendar at first sight: a tenant that is about as old as its calendar owes evidence since it was founded,
   one that was there long before the calendar owes it from now on.
2. Send the canary of the day through the ledger, and watch that it is sealed.
3. Look at every period that is over and not settled, and at the running quarter's review: what proves it is looked for
   in the sealed log, or asked for as a bundle.
4. Commit what was found (EVIDENCE_COLLECTED), and what is due and was not (EVIDENCE_MISSED), each with its row: of two
   runs at once, one tells it.
5. Note from which day on the next run has to look.

A run ends after `RUN_SECONDS`; tenants that had no turn are the first of the next one.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, NamedTuple

from functions.evidence_collection.bundles import Bundles
from functions.evidence_collection.finding import Found, Lacking, Proofs
from functions.evidence_collection.look import Run
from functions.evidence_collection.record import Told, canary, items_of, told_collected, told_missed
from functions.evidence_collection.sealed_days import SealedDays
from functions.evidence_collection.settings import Settings
from shared.audit.event import new_event_id
from shared.domain.evidence_calendar import (
    BY_ID,
    LATE_DAYS,
    MISSED,
    OBLIGATIONS,
    Obligation,
    Period,
    applies,
    first_day,
    on_time,
    period_of,
    schedule,
    settled,
    status_of,
)
from shared.store.attribute import Row
from shared.store.evidence_calendar import (
    PROGRESS,
    answer_slot,
    begun,
    canary_sent,
    instant,
    known_of,
    note_failed,
    note_progress,
    read_slot,
    slots_of,
)
from shared.store.item import write
from shared.store.tenant_notes import COLLECTED_AT, noted, notes
from shared.store.tenants import get_tenant, serve_each
from shared.store.transaction import Committed, Ledger
from shared.store.wire import JsonService

RUN_SECONDS: Final = 240  # below the function's time-out, with room for what was begun
_TOGETHER: Final = 24  # answers of one commit: three items each and their events
_REVIEW: Final = BY_ID["access-review-quarterly"]


class Served(NamedTuple):
    """What one run did to one tenant; `canary_lag`: seconds that the canary of the day has waited for its seal."""

    collected: int
    missed: int
    canary_lag: float


@dataclass(slots=True)
class Tally:
    """What a run has done so far, whatever becomes of it; `waiting`: tenants that have had no turn."""

    served: dict[str, Served] = field(default_factory=dict)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    dynamodb: JsonService
    ledger: Ledger
    sealed: SealedDays
    settings: Settings
    clock: Callable[[], float]
    obligations: Sequence[Obligation] = OBLIGATIONS

    def run(self, tally: Tally) -> None:
        """Serve every tenant that time allows, the one that waited longest first; `tally` is told of each."""
        end_at = self.clock() + RUN_SECONDS
        last = dict(notes(self.dynamodb, self.settings.tenants_table, COLLECTED_AT))
        waiting = sorted(last, key=lambda tenant: last[tenant] or 0)
        tally.waiting = len(waiting)

        def turn(tenant: str) -> None:
            tally.waiting -= 1
            # Noted before it is served: whoever breaks, or takes all of the time, waits for the others next.
            note = noted(self.settings.tenants_table, tenant, COLLECTED_AT, int(self.clock()), last[tenant])
            write(self.dynamodb, note)
            tally.served[tenant] = self.collect(tenant)

        serve_each(itertools.takewhile(lambda _: self.clock() < end_at, waiting), turn)

    def collect(self, tenant: str) -> Served:
        # 1. Begin the calendar.
        now = self.clock()
        progress = self._progress(tenant, now)
        run = Run(tenant, new_event_id(now), now, first_day(instant(progress["begun_at"])), progress)
        # 2. The canary.
        self._send_canary(run)
        lag = self._canary_lag(run)
        # 3. What is over and not settled, and what can be found of it.
        first = date.fromisoformat(progress["looked_from"])
        run.rows = slots_of(self.dynamodb, self.settings.evidence_calendar_table, tenant, first, run.today + _QUARTER)
        looked = [(each, period) for each, period in self._looked_at(first, run) if applies(period, run.since)]
        told = list(self._answers(run, looked))
        # 4. Say it.
        done = list(self._commit(run, told))
        # 5. Where the next run begins.
        self._move_on(run, looked, done)
        collected = sum(each.collected for each in done)
        return Served(collected, len(done) - collected, lag)

    def _progress(self, tenant: str, now: float) -> Row:
        table = self.settings.evidence_calendar_table
        progress = read_slot(self.dynamodb, table, tenant, PROGRESS)
        if progress is not None:
            return progress
        founded = (get_tenant(self.dynamodb, self.settings.tenants_table, tenant) or {}).get("created_at", 0)
        at = int(founded if now - founded <= LATE_DAYS * _DAY_SECONDS else now)
        return begun(self.dynamodb, table, tenant, at, first_day(instant(at)))

    def _send_canary(self, run: Run) -> None:
        day = str(run.today)
        if run.progress.get("canary_day", "") >= day:
            return
        table, event = self.settings.evidence_calendar_table, canary(run.tenant, day, run.run_id, run.now)
        item = canary_sent(table, run.progress, day, int(run.now))
        self.ledger.commit(run.tenant, [item], [event])
        # Refuted: another run has sent it, and may have noted more since.
        run.progress = read_slot(self.dynamodb, table, run.tenant, PROGRESS) or run.progress

    def _canary_lag(self, run: Run) -> float:
        progress = run.progress
        if progress.get("canary_sealed") or "canary_at" not in progress:
            return 0.0
        if not self.sealed.holds_canary(run.tenant, progress["canary_at"]):
            return run.now - float(progress["canary_at"])
        note_progress(self.dynamodb, self.settings.evidence_calendar_table, progress, {"canary_sealed": True})
        return 0.0

    def _looked_at(self, first: date, run: Run) -> Iterator[tuple[Obligation, Period]]:
        """Give the periods that are over, the oldest days first, and then the reviews, the running quarter's last.

        The days tell which reviews were attested, and an attestation goes to the oldest quarter that it can serve.
        """
        yesterday = run.today - timedelta(days=1)
        over = (each for each in schedule(first, yesterday) if each[0] in self.obligations)
        yield from sorted(over, key=lambda each: (each[0] == _REVIEW, each[1].last, each[0].cadence != "daily"))
        yield _REVIEW, period_of(_REVIEW.cadence, run.today)

    def _answers(self, run: Run, looked: Iterable[tuple[Obligation, Period]]) -> Iterator[Told]:
        bundles = Bundles(self.dynamodb, self.ledger, self.settings)
        proofs = Proofs(self.dynamodb, self.settings, self.sealed, bundles, run)
        for obligation, period in looked:
            known = known_of(run.rows, obligation, period)
            if known.collected is not None:
                continue
            status = status_of(obligation, period, run.since, known, run.at)
            answer = run.rows.get(answer_slot(obligation, period), {})
            over = settled(obligation, period, status, run.at)
            if over and "missed_at" in answer:
                continue
            found = None if over else proofs.of(obligation, period)
            if isinstance(found, Found):
                timely = on_time(obligation, period, run.at)
                yield told_collected(run, obligation, period, found, on_time=timely)
                continue
            if isinstance(found, Lacking):
                self._note_failed(run, obligation, period, found)
            if status == MISSED and "missed_at" not in answer:
                yield told_missed(run, obligation, period, found.why if found else None)

    def _note_failed(self, run: Run, obligation: Obligation, period: Period, found: Lacking) -> None:
        slot = answer_slot(obligation, period)
        if run.rows.get(slot, {}).get("failed") != found.why:
            note_failed(self.dynamodb, self.settings.evidence_calendar_table, run.tenant, slot, found.why)

    def _commit(self, run: Run, told: list[Told]) -> Iterator[Told]:
        """Commit answers together; where another run was faster, one by one, and its own are left out."""
        table = self.settings.evidence_calendar_table
        for at in range(0, len(told), _TOGETHER):
            batch = told[at : at + _TOGETHER]
            items = [item for each in batch for item in items_of(table, run, each)]
            if isinstance(self.ledger.commit(run.tenant, items, [each.event for each in batch]), Committed):
                yield from batch
                continue
            for each in batch:
                if isinstance(self.ledger.commit(run.tenant, items_of(table, run, each), [each.event]), Committed):
                    yield each

    def _move_on(self, run: Run, looked: Iterable[tuple[Obligation, Period]], done: Iterable[Told]) -> None:
        """Note the first day of which something may still change."""
        collected = {each.slot for each in done if each.collected}
        pending = [run.today]
        for obligation, period in looked:
            status = status_of(obligation, period, run.since, known_of(run.rows, obligation, period), run.at)
            if answer_slot(obligation, period) not in collected and not settled(obligation, period, status, run.at):
                pending.append(period.last)
        changes = {"looked_from": str(min(pending)), "attested": run.attested()}
        if any(run.progress.get(name) != value for name, value in changes.items()):
            note_progress(self.dynamodb, self.settings.evidence_calendar_table, run.progress, changes)


_DAY_SECONDS: Final = 86_400
_QUARTER: Final = timedelta(days=92)  # slots of waivers and answers of the quarter that runs
