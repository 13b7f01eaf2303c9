"""Reading a log for people: newest first or counted, sealed segments and the tail that is not sealed yet.

What a first page saw is fixed by a boundary, the last sequence number of each lane. Later pages read the same set of
events, even when a part of the tail was sealed in between: order and set depend on the events alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.audit.catalogue import Report
from shared.audit.epoch import FIRST_EPOCH, begins_behind
from shared.audit.moment import rfc3339, unix_seconds
from shared.evidence.facet_counts import rows_in
from shared.evidence.period import Period
from shared.evidence.segment import Event, parse, unpack
from shared.evidence.vault import LockedBucket
from shared.store.attribute import Row
from shared.store.audit_logs import BrokenLaneError, log_tail
from shared.store.audit_seals import read_seal_head, segments_back_to
from shared.store.wire import JsonService

SLACK_SECONDS = 3_600  # clocks of writers may differ: so much later may a segment's events be than those behind it
KEPT = 8  # segments whose events are kept for the next question: each is up to some thirty megabytes when it is read
Place = tuple[str, str, int]  # time, lane, sequence number: the order of rows


@dataclass(frozen=True, slots=True)
class LogTables:
    audit_logs: str
    audit_seals: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Question:
    """Which events are asked for. `before` is the place of the last row that was handed out already."""

    period: Period
    report: Report
    before: Place | None = None

    def asks_for(self, event: Event) -> bool:
        return (
            self.period.contains(event.time)
            and self.report.takes(event.members)
            and (self.before is None or place_of(event) < self.before)
        )

    def may_find(self, segment: Row) -> bool:
        """Tell from the seal row alone whether a segment can hold an answer."""
        return (
            segment["time"]["max"] >= self.period.start
            and segment["time"]["min"] < self.period.end_exclusive
            and (self.before is None or segment["time"]["min"] <= self.before[0])
            and rows_in(segment, self.report) != 0
        )

    def surely_finds(self, segment: Row) -> int | None:
        """Tell from the seal row alone how many answers a segment holds; None where it does not say."""
        within = self.period.contains(segment["time"]["min"]) and self.period.contains(segment["time"]["max"])
        return rows_in(segment, self.report) if within and self.before is None else None


def place_of(event: Event) -> Place:
    return (event.time, event.lane, event.seq)


class Snapshot:
    """One log as it stood when this was made, or up to the `boundary` of an earlier snapshot.

    Segments from before `period` are not even listed: a page costs what its period holds, however long the log is.
    What is read is checked against the table's chain and the seal rows; `BrokenLaneError` where it does not hold.
    """

    def __init__(
        self,
        dynamodb: JsonService,
        vault: LockedBucket,
        tables: LogTables,
        tenant: str,
        period: Period,
        boundary: Mapping[str, int] | None = None,
    ) -> None:
        self._vault, self._period, self._epoch = vault, period, tables.epoch
        since = rfc3339(unix_seconds(period.start) - SLACK_SECONDS)
        head = read_seal_head(dynamodb, tables.audit_seals, tenant, tables.epoch)
        rows = segments_back_to(dynamodb, tables.audit_seals, tenant, tables.epoch, since)
        self._segments = [row for row in rows if row["no"] <= head.segment][::-1]
        entries = log_tail(dynamodb, tables.audit_logs, tenant, tables.epoch, head.lanes)
        self._tail = [parse(entry.line.encode()) for entry in entries]
        ends = {name: entry.seq for name, entry in head.lanes.items()}
        ends.update({event.lane: event.seq for event in self._tail})
        self.boundary: Mapping[str, int] = ends if boundary is None else boundary
        self._read: dict[tuple[int, tuple[str, ...] | None], Sequence[Event]] = {}

    @property
    def log_begins(self) -> str | None:
        """Say when this log was started again, if the period reaches back over that: what was before is not in it."""
        first: Sequence[Event] = ()
        if self._epoch > FIRST_EPOCH:
            oldest = self._segments[0]["no"] if self._segments else 0
            first = self._events(self._segments[0]) if oldest == 1 else self._tail
        begins = begins_behind(first[0].members) if first else None
        return begins if begins is not None and begins > self._period.start else None

    def newest_first(self, question: Question, most_segments: int | None = None) -> Iterator[Event]:
        """Give the events that `question` asks for, latest time first, reading no more segments than needed.

        With `most_segments` it ends with what is later than all that so many segments leave unread.
        """
        pending = [event for event in self._tail if self._wanted(event, question)]
        segments = [row for row in self._segments if question.may_find(row)]
        left = [] if most_segments is None else segments[:-most_segments]
        del segments[: len(left)]
        end = max((row["time"]["max"] for row in left), default="")
        while segments:
            # What is later than everything unread can be handed out.
            latest_unread = max(end, *(row["time"]["max"] for row in segments))
            pending.sort(key=place_of)
            while pending and pending[-1].time > latest_unread:
                yield pending.pop()
            read = self._events(segments.pop(), question.report.actions)
            pending += [event for event in read if self._wanted(event, question)]
        pending.sort(key=place_of)
        yield from (event for event in reversed(pending) if event.time > end)

    def segments_for(self, question: Question) -> int:
        """Count the segments that `newest_first` would read to give everything."""
        return sum(map(question.may_find, self._segments))

    def count(self, question: Question) -> int:
        """Count what `newest_first` would give; whole segments are counted from their seal rows, unread."""
        total, taken = sum(self._wanted(event, question) for event in self._tail), question.report.actions
        for row in self._segments:
            if not question.may_find(row):
                continue
            known = question.surely_finds(row)
            total += (
                sum(self._wanted(event, question) for event in self._events(row, taken)) if known is None else known
            )
        return total

    def counts(self, question: Question) -> Counter[str]:
        """Count as `count`, by action; `question` must ask for every event of its actions."""
        counted = Counter(event.action for event in self._tail if self._wanted(event, question))
        taken = question.report.actions
        for row in self._segments:
            if not question.may_find(row):
                continue
            if question.surely_finds(row) is None:
                counted.update(event.action for event in self._events(row, taken) if self._wanted(event, question))
            else:
                counted.update({name: number for name, number in row["counts"].items() if name in taken})
        return counted

    def _wanted(self, event: Event, question: Question) -> bool:
        return event.seq <= self.boundary.get(event.lane, 0) and question.asks_for(event)

    def _events(self, segment: Row, actions: tuple[str, ...] | None = None) -> Sequence[Event]:
        """Read a segment, or only its events of some actions: a question that finds few is not charged for all."""
        key = segment["no"], actions
        if key not in self._read:
            packed = self._vault.read(segment["key"], segment["version_id"])
            if hashlib.sha256(packed).hexdigest() != segment["sha256_gz"]:
                raise BrokenLaneError(f"{segment['key']} is not the segment that was sealed")
            if len(self._read) == KEPT:
                del self._read[next(iter(self._read))]
            self._read[key] = list(unpack(packed, actions))
        return self._read[key]


def watermark_at(now: float, lag_seconds: float) -> str:
    """Give the instant below which no event can appear any more, for a read that began at `now`."""
    return rfc3339(now - lag_seconds)
