"""The rows behind the last seal: without a gap, chained, not older than sealing allows, and none in a forged lane."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from functions.audit_verify.findings import Report
from functions.audit_verify.ports import Scope, Tables
from functions.audit_verify.sealed_segment import FIRST_LANE
from shared.audit.merkle import leaf_hash
from shared.audit.moment import rfc3339
from shared.store.audit_logs import Entry, Head

STALLED_SECONDS: Final = 3_600  # sealing runs every five minutes
_LANES: Final = 64  # docs/formats.md, "Lanes"
_PROBED_IN_DAYS: Final = 7  # every name of a lane is looked at once in so many days
_LOWEST: Final = -(10**30)  # below every number that a row can be given


@dataclass(slots=True)
class Tail:
    """`ends` is the last number of each lane that table or seals hold; `oldest` the first unsealed event's time."""

    scope: Scope
    tables: Tables
    report: Report
    ends: dict[str, int] = field(default_factory=dict)
    oldest: str | None = None

    def follow(self, heads: Mapping[str, Head], opened: set[str]) -> None:
        """Read every lane behind its sealed head; lane 0 first, because it names the others."""
        # Probed before lane 0 is read: a lane that is opened in between is named by then.
        strangers = self._strangers(opened)
        waiting, known = [FIRST_LANE, *sorted(opened - {FIRST_LANE})], set(opened)
        for lane in waiting:
            named = self._lane(lane, heads.get(lane, Head())) - known
            waiting.extend(sorted(named))
            known |= named
        for lane in strangers - known:
            self.report.add("lane_unopened", self._row(lane, "any"))
        if self.oldest is not None and self.oldest < rfc3339(self.scope.now - STALLED_SECONDS):
            self.report.add("sealing_stalled", self.scope.prefix, None, self.oldest)

    def compare_ends(self, stated: Mapping[str, int], code: str) -> None:
        """Find lanes that end before a number which was seen in the table."""
        for lane, seq in stated.items():
            if self.ends.get(lane, 0) < seq:
                self.report.add(code, self._row(lane, self.ends.get(lane, 0) + 1), seq, self.ends.get(lane, 0))

    def _strangers(self, opened: set[str]) -> set[str]:
        day = int(self.scope.now // 86_400) % _PROBED_IN_DAYS
        names = {str(lane) for lane in range(1, _LANES) if lane % _PROBED_IN_DAYS == day} - opened
        return {lane for lane in names if next(iter(self.tables.rows(lane, _LOWEST)), None) is not None}

    def _lane(self, lane: str, head: Head) -> set[str]:
        """Follow one lane; gives the lanes that it opens."""
        opened: set[str] = set()
        if next(iter(self.tables.rows(lane, _LOWEST, 0)), None) is not None:
            self.report.add("row_foreign", self._row(lane, "below 1"))
        seq, leaf = head
        for row in self.tables.rows(lane, head.seq + 1):
            if row.seq != seq + 1:
                self.report.add("row_missing", self._row(lane, seq + 1), seq + 1, row.seq)
                leaf = ""
            event = self._event(lane, row, leaf)
            if lane == FIRST_LANE and event.get("action") == "AUDIT_LANE_OPENED":
                opened.add(_lane_of(event.get("meta")))
            self.oldest = min(filter(None, (self.oldest, str(event.get("time") or ""))), default=None)
            seq, leaf = row.seq, leaf_hash(row.line.encode()).hex()
        self.ends[lane] = seq
        return opened

    def _event(self, lane: str, row: Entry, previous: str) -> dict[str, object]:
        """Read a row's line; a row that is no event, or not the next one, is a finding (`previous` "" fits)."""
        try:
            event = json.loads(row.line)
        except (ValueError, RecursionError):
            event = None
        place = self._row(lane, row.seq)
        leaf = leaf_hash(row.line.encode()).hex()
        if not isinstance(event, dict):
            self.report.add("row_changed", place, row.leaf, leaf)
            return {}
        scope = self.scope
        stated = [event.get(name) for name in ("log", "tenant", "epoch", "lane", "seq")]
        if stated != [scope.log, scope.tenant, scope.epoch, lane, row.seq] or row.leaf != leaf:
            self.report.add("row_changed", place, row.leaf, leaf)
        elif previous and event.get("prev") != previous:
            self.report.add("row_changed", place, previous, str(event.get("prev")))
        return event

    def _row(self, lane: str, seq: object) -> str:
        return f"{self.scope.tenant}#{self.scope.epoch}#{lane} seq {seq}"


def _lane_of(meta: object) -> str:
    return str(meta.get("lane")) if isinstance(meta, dict) else ""
