"""What proves an obligation of one period: a day of the sealed log, a completed bundle, an attested review, days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from functions.evidence_collection.bundles import Bundles, population
from functions.evidence_collection.look import Run
from functions.evidence_collection.sealed_days import SealedDays, instants
from functions.evidence_collection.settings import Settings
from shared.domain.evidence_calendar import (
    ATTESTED,
    CANARY,
    CLEANED,
    Obligation,
    Period,
    reviews,
)
from shared.store.attribute import Row
from shared.store.evidence_calendar import DayProof, answer_slot, day_slot, note_day, read_slot, slots_of, spent_slot
from shared.store.wire import JsonService

NO_CANARY: Final = "NO_CANARY"
EXPORT_FAILED: Final = "EXPORT_FAILED"
EXPORT_CUT: Final = "EXPORT_CUT"
NO_CLEANUP: Final = "DAYS_WITHOUT_CLEANUP"


class Found(NamedTuple):
    """`named`: what else the answer and its event say of the proof."""

    population: int
    digests: tuple[int, int]
    named: Mapping[str, Any] = MappingProxyType({})


class Lacking(NamedTuple):
    """It was looked for and is not there; where nothing can be said yet there is None instead."""

    why: str


Finding = Found | Lacking | None


@dataclass(slots=True)
class Proofs:
    """Looks for proofs in one run; days and the last digest are read once."""

    dynamodb: JsonService
    settings: Settings
    sealed: SealedDays
    bundles: Bundles
    run: Run
    _signed: Row | None = None
    _exports: dict[Period, Row | None] = field(default_factory=dict)

    def of(self, obligation: Obligation, period: Period) -> Finding:
        ways: Mapping[str, Callable[[Obligation, Period], Finding]] = {
            "heartbeat": self._heartbeat,
            "bundle": self._bundle,
            "review": self._review,
            "cleanup": self._cleanup,
        }
        return ways[obligation.proof](obligation, period)

    def _covered(self, period: Period) -> bool:
        return str(self._head().get("watermark", "")) >= instants(period)[1]

    def _head(self) -> Row:
        if self._signed is None:
            self._signed = self.sealed.signed(self.run.tenant)
        return self._signed

    def _heartbeat(self, obligation: Obligation, period: Period) -> Finding:
        day = self._day(period.last)
        if day is None:
            return None
        if not day["counts"].get(CANARY):
            return Lacking(NO_CANARY)
        counted = sum(day["counts"].get(action, 0) for action in obligation.actions)
        return Found(counted, _digests(day))

    def _day(self, day: date) -> Row | None:
        """Give the row of a day, made of the sealed log as soon as a digest covers it."""
        run, slot, period = self.run, day_slot(day), Period(day, day)
        if slot not in run.rows and self._covered(period):
            table = self.settings.evidence_calendar_table
            counts = self.sealed.counts(run.tenant, self._head(), period)
            proof = DayProof(
                self.sealed.digests(run.tenant, self._head(), period),
                self.sealed.attested(run.tenant, self._head(), period) if counts.get(ATTESTED) else (),
            )
            run.rows[slot] = note_day(self.dynamodb, table, run.tenant, day, counts, proof)
        return run.rows.get(slot)

    def _bundle(self, obligation: Obligation, period: Period) -> Finding:
        if not self._covered(period):
            return None
        run = self.run
        if period not in self._exports:
            self._exports[period] = self.bundles.asked(run.tenant, obligation.cadence, period, run.run_id, run.now)
        export = self._exports[period]
        if export is None or export["status"] == "running":
            return None
        if export["status"] == "failed":
            return Lacking(EXPORT_FAILED)
        result = export["result"]
        if result["cut"]:
            return Lacking(EXPORT_CUT)
        digests = self.sealed.digests(run.tenant, self._head(), period)
        told = {name: result[name] for name in ("manifest_sha256", "cut_start", "resolved")}
        return Found(population(result, obligation), digests, {"export_id": export["export_id"], **told})

    def _review(self, obligation: Obligation, period: Period) -> Finding:
        """Find the oldest snapshot of the quarter that was attested and has served no other quarter."""
        for each in sorted(self.run.attested(), key=lambda each: (each["taken_at"], each["event_id"])):
            taken_at, event_id = datetime.fromisoformat(each["taken_at"]), each["event_id"]
            if reviews(obligation, period, each["scope"], taken_at) and self._unspent(event_id):
                self.run.spent.add(event_id)
                named = {"attested_on": each["day"], "attested_event": event_id, "snapshot_taken_at": each["taken_at"]}
                return Found(1, _digests(each), named)
        return None

    def _unspent(self, event_id: str) -> bool:
        if event_id in self.run.spent:
            return False
        table, slot = self.settings.evidence_calendar_table, spent_slot(event_id)
        return read_slot(self.dynamodb, table, self.run.tenant, slot) is None

    def _cleanup(self, obligation: Obligation, period: Period) -> Finding:
        """Count the runs of a quarter: each of its whole days since the calendar began must have one that completed."""
        if self.run.rows.get(answer_slot(obligation, period), {}).get("failed") == NO_CLEANUP:
            return Lacking(NO_CLEANUP)  # what is sealed does not change
        if not self._covered(period):
            return None
        first = max(period.first, self.run.since)
        table = self.settings.evidence_calendar_table
        rows = slots_of(self.dynamodb, table, self.run.tenant, first, period.last) | self.run.rows
        days = [first + timedelta(days=number) for number in range((period.last - first).days + 1)]
        found = [rows.get(day_slot(day)) for day in days]
        if None in found:
            return None
        runs = [row["counts"].get(CLEANED, 0) for row in found if row is not None]
        if not all(runs):
            return Lacking(NO_CLEANUP)
        return Found(sum(runs), self.sealed.digests(self.run.tenant, self._head(), Period(first, period.last)))


def _digests(day: Mapping[str, Any]) -> tuple[int, int]:
    first, last = day["digests"]
    return first, last
