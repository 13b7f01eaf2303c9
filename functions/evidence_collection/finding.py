"""What proves an obligation of one period: a day of the sealed log, a completed bundle, an attested review, days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, NamedTuple

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
    period_of,
)
from shared.store.attribute import Row
from shared.store.evidence_calendar import answer_slot, day_slot, note_day, read_slot, slots_of
from shared.store.wire import JsonService

NO_CANARY: Final = "NO_CANARY"
EXPORT_FAILED: Final = "EXPORT_FAILED"
NO_CLEANUP: Final = "DAYS_WITHOUT_CLEANUP"


class Found(NamedTuple):
    population: int
    digests: tuple[int, int]
    export_id: str | None = None
    manifest_sha256: str | None = None
    attested_on: str | None = None


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
    _spent: dict[Period, str] = field(default_factory=dict)

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
            digests = self.sealed.digests(run.tenant, self._head(), period)
            run.rows[slot] = note_day(self.dynamodb, table, run.tenant, day, counts, digests)
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
        result, digests = export["result"], self.sealed.digests(run.tenant, self._head(), period)
        counted = population(result, obligation)
        return Found(counted, digests, export["export_id"], result["manifest_sha256"])

    def _review(self, obligation: Obligation, period: Period) -> Finding:
        """Find the first attestation between the quarter's beginning and its due; later ones are late, up to the next.

        One attestation answers for one quarter. Its scope needs no look: each has the administrators in it.
        """
        after = period_of("quarterly", period.last + timedelta(days=1))
        days = [day for day in self.run.attested() if str(period.first) <= day <= str(after.last)]
        spent = self._spent_by_the_quarter_before(obligation, period) if days else ""
        for day in days:
            if day > spent:
                row = self._read_day(day)
                self._spent[period] = day
                return Found(row["counts"][ATTESTED], _digests(row), attested_on=day)
        return None

    def _spent_by_the_quarter_before(self, obligation: Obligation, period: Period) -> str:
        before = period_of("quarterly", period.first - timedelta(days=1))
        if before in self._spent:  # found in this run, and not committed yet
            return self._spent[before]
        slot = answer_slot(obligation, before)
        row = read_slot(self.dynamodb, self.settings.evidence_calendar_table, self.run.tenant, slot)
        return "" if row is None else str(row.get("attested_on", ""))

    def _read_day(self, day: str) -> Row:
        slot = day_slot(date.fromisoformat(day))
        row = read_slot(self.dynamodb, self.settings.evidence_calendar_table, self.run.tenant, slot)
        if row is None:
            raise RuntimeError(f"the calendar of {self.run.tenant} has lost {day}")
        return row

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


def _digests(day: Row) -> tuple[int, int]:
    first, last = day["digests"]
    return first, last
