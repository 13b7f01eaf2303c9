"""What the sealed log says of a day: how often each watched action stands in it, and which signed digests prove that.

A segment says of itself what it holds. Only one that reaches over the edge of a day is opened, and its events counted
by their own times. A count of zero is proven: every event of the day is sealed, and a digest says that there are no
more.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from functions.evidence_collection.settings import Settings
from shared.audit.moment import rfc3339
from shared.domain.evidence_calendar import ATTESTED, CANARY, WATCHED, Period
from shared.evidence.segment import Event, unpack
from shared.evidence.vault import LockedBucket
from shared.store.attribute import Row
from shared.store.audit_seals import read_digest_head, read_seal_head_row, rows_within
from shared.store.wire import JsonService

# Writers give up long before; so no segment behind one that is older than this holds anything of the day.
_MARGIN: Final = timedelta(hours=1)
_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class SealedDays:
    dynamodb: JsonService
    vault: LockedBucket
    settings: Settings

    def signed(self, tenant: str) -> Row:
        """Give the row of the last signed digest, which the other questions are asked about; empty if there is none."""
        table, epoch = self.settings.audit_seals_table, self.settings.log_epoch
        return read_digest_head(self.dynamodb, table, tenant, epoch) or {}

    def counts(self, tenant: str, signed: Row, period: Period) -> Mapping[str, int]:
        """Count the watched events of a period that a digest covers."""
        start, end = instants(period)
        earliest = rfc3339((period.start - _MARGIN).timestamp())
        counted = Counter[str]()
        for segment in self._segments(tenant, signed["segment"], earliest):
            least, most = segment["time"]["min"], segment["time"]["max"]
            if start <= least and most < end:
                counted.update({action: n for action, n in segment["counts"].items() if action in WATCHED})
            elif least < end and start <= most:
                counted.update(event.action for event in self._within(segment, start, end))
        return counted

    def attested(self, tenant: str, signed: Row, period: Period) -> list[Mapping[str, str]]:
        """Give the attestations of a period that a digest covers, with what the calendar judges them by."""
        start, end = instants(period)
        earliest = rfc3339((period.start - _MARGIN).timestamp())
        return [
            {"event_id": event.members["id"], **{name: event.members["meta"][name] for name in ("scope", "taken_at")}}
            for segment in self._segments(tenant, signed["segment"], earliest)
            if ATTESTED in segment["counts"]
            for event in self._within(segment, start, end)
            if event.action == ATTESTED and "taken_at" in event.members["meta"]
        ]

    def digests(self, tenant: str, signed: Row, period: Period) -> tuple[int, int]:
        """Give the first and the last digest that speak of a period; the watermark lies behind it."""
        start, end = instants(period)
        first = last = 0
        for digest in self._backwards(tenant, "digest", signed["no"]):
            if digest["to"] <= start:
                break
            first = digest["no"]
            if digest["watermark"] >= end:
                last = digest["no"]
        return first, last

    def holds_canary(self, tenant: str, since: float) -> bool:
        """Tell whether the canary that was sent at an instant is sealed."""
        head = read_seal_head_row(self.dynamodb, self.settings.audit_seals_table, tenant, self.settings.log_epoch)
        sealed = 0 if head is None else head["segment"]
        return any(CANARY in segment["counts"] for segment in self._segments(tenant, sealed, rfc3339(since)))

    def _segments(self, tenant: str, last: int, instant: str) -> Iterator[Row]:
        """Read segments, newest first, as far back as events at or behind an instant can stand."""
        rows = self._backwards(tenant, "segment", last)
        return itertools.takewhile(lambda row: row["time"]["max"] >= instant, rows)

    def _backwards(self, tenant: str, kind: str, last: int) -> Iterator[Row]:
        """Read rows from number `last` down, no more of them than are wanted: a log has many, and a day has few."""
        table, epoch = self.settings.audit_seals_table, self.settings.log_epoch
        for top in range(last, 0, -_AT_ONCE):
            numbers = range(max(top - _AT_ONCE, 0) + 1, top + 1)
            yield from reversed(list(rows_within(self.dynamodb, table, tenant, kind, epoch, numbers)))

    def _within(self, segment: Row, start: str, end: str) -> Iterator[Event]:
        for event in unpack(self.vault.read(segment["key"], segment["version_id"])):
            if event.action in WATCHED and start <= event.time < end:
                yield event


def instants(period: Period) -> tuple[str, str]:
    """Give a period as the log writes instants, its end not included."""
    return rfc3339(period.start.timestamp()), rfc3339(period.end_exclusive.timestamp())
