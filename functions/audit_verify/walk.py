"""The walk through a log: digest by digest, segment by segment, in constant memory.

It stands behind one digest and steps over the next: what was rebuilt from the lines must be what is signed, and what
the tables hold must be what was sealed. Where a digest is missing it names that, and stands again behind the next one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.audit_verify.findings import Report
from functions.audit_verify.listing import about
from functions.audit_verify.ports import Row, Scope, Tables
from functions.audit_verify.sealed_segment import FIRST_LANE, Entry, Lanes, check_object, read_events, read_unstated
from functions.audit_verify.statement import Statement, Statements, entry_shaped
from shared.audit.merkle import Frontier
from shared.audit.moment import unix_seconds
from shared.evidence.facet_counts import facet_counts
from shared.evidence.segment import Event
from shared.evidence.vault import segment_key
from shared.store.audit_logs import Head
from shared.store.audit_seals import ROW_ONLY, SealHead, head_of, state_of


@dataclass(slots=True)
class Standing:
    """Where the walk stands: behind `digest` (None: at the beginning), after `segment`, with this tree."""

    digest: Statement | None = None
    segment: int = 0
    frontier: Frontier = field(default_factory=Frontier)
    lanes: Lanes = field(default_factory=Lanes)
    time_max: str | None = None
    watermark: str = ""
    tainted: bool = False  # a segment was not what is signed: what was rebuilt since then is not either

    def state(self) -> dict[str, Any]:
        """Give the state that a row keeps of this place."""
        return state_of(SealHead(self.segment, self.frontier, self.lanes.heads, self.time_max))


@dataclass(slots=True)
class Covered:
    """What a walk has read."""

    digests: int = 0
    segments: int = 0
    events: int = 0
    swept: int = 0


@dataclass(slots=True)
class Walk:
    """`first` is the event `seq` 1 of lane 0, `read` the digests that were stepped over, from `begin_size` on."""

    scope: Scope
    statements: Statements
    tables: Tables
    report: Report
    covered: Covered = field(default_factory=Covered)
    standing: Standing | None = None
    first: Event | None = None
    read: dict[int, Statement] = field(default_factory=dict)
    begin_size: int | None = None

    def stand_behind(self, number: int) -> None:
        """Take the state behind a signed digest: tree and lanes of the seal row, bound by the root that is signed."""
        statement = self.statements.read(number) if number else None
        self.standing = Standing() if number == 0 else None
        if statement is not None:
            self.standing = self._behind(statement)
        self.begin_size = self.standing.frontier.size if self.standing else None

    def _behind(self, statement: Statement) -> Standing | None:
        segment = self._last_segment(statement)
        key = f"segment#{self.scope.epoch}#{segment}"
        row = self.tables.segment_rows(segment, segment).get(segment) if segment else None
        head = _seal_head(row, segment) if row else SealHead()
        if segment and row is None:
            self.report.add("seal_row_missing", key)
        if head is None or head.frontier.root() != statement.root:
            if row is not None:
                self.report.add("seal_row_differs", key, statement.members["tree"]["root"])
            return None
        heads = {lane: Head(each["seq"], each["hash"]) for lane, each in statement.members["lanes"].items()}
        opened = {FIRST_LANE, *heads, *statement.members["source"]["last"]}
        lanes = Lanes({lane: each for lane, each in heads.items() if each.seq}, opened)
        members = statement.members
        return Standing(statement, segment, head.frontier, lanes, members["time_max"], members["watermark"])

    def _last_segment(self, statement: Statement) -> int:
        """Give the last segment up to a digest: its own, or that of the last digest that has any."""
        found: Statement | None = statement
        while found is not None and not found.members["segments"] and found.number > 1:
            found = self.statements.read(found.number - 1)
        return int(found.members["segments"][-1]["no"]) if found and found.members["segments"] else 0

    def step(self, number: int) -> None:
        """Read digest `number` with all that it states."""
        statement = self.statements.read(number)
        if statement is None:
            self.standing = None
            return
        self.covered.digests += 1
        self.read[number] = statement
        self.statements.check_note(statement)
        if self.standing is None:
            for entry in statement.members["segments"]:
                read_events(self.statements.vault, self.scope, entry, self.report)
            self.standing = self._behind(statement)
            return
        self._check_link(self.standing, statement)
        counts = self._segments(self.standing, statement.members["segments"])
        self._check_totals(self.standing, statement, counts)
        self._check_source(self.standing, statement)
        self.standing.digest, self.standing.watermark = statement, statement.members["watermark"]
        if self.standing.tainted:  # What is spoiled was named; the digests behind it are judged for themselves.
            self.standing = self._behind(statement)

    def sweep(self, number: int) -> None:
        """Read an older digest, and ask S3 whether its segments are there, with checksum and lock."""
        statement = self.statements.read(number)
        for entry in statement.members["segments"] if statement else ():
            check_object(self.statements.vault, self.scope, entry, self.report)
            self.covered.swept += 1

    def follow_tail(self, rows: Iterable[Row]) -> None:
        """Step over segments that no digest states yet, by their seal rows (in order)."""
        if self.standing is None:
            return
        for row in rows:
            if entry_shaped(row):
                self._segments(self.standing, [row])
            else:
                self.report.add("seal_row_differs", f"segment#{self.scope.epoch}#{row.get('no')}")

    def follow_objects(self, versions: Iterable[tuple[int, str]]) -> None:
        """Step over segments by what lies in the vault alone: numbers (in order) and versions."""
        if self.standing is None:
            return
        for number, version_id in versions:
            events = read_unstated(self.statements.vault, self.scope, number, version_id, self.report)
            self._take(self.standing, {"no": number, "key": segment_key(self.scope.prefix, number)}, events)

    def compare_seal_head(self, head: Row) -> None:
        """Compare the row of the seal head with the state that was rebuilt."""
        standing = self.standing
        if standing is None or standing.tainted:
            return
        if head.get("segment") != standing.segment or not _same_state(head, standing.state()):
            self.report.add("seal_row_differs", f"head#{self.scope.epoch}", standing.segment, head.get("segment"))

    def _check_link(self, standing: Standing, statement: Statement) -> None:
        members, before = statement.members, standing.digest
        key = about(self.scope.prefix, "digest", statement.number)
        if before is None:
            if members["prev"] is not None:
                self.report.add("digest_chain", key, None, members["prev"]["sha256"])
            return
        if members["prev"] is None or dict(members["prev"]) != {"no": before.number, "sha256": before.sha256}:
            self.report.add("digest_chain", key, before.sha256, (members["prev"] or {}).get("sha256"))
        if members["period"]["from"] != before.members["period"]["to"]:
            self.report.add("period_gap", key, before.members["period"]["to"], members["period"]["from"])
        kids = before.members["kid"], members["kid"]
        if all(kid in self.statements.trust.keys for kid in kids) and not self.statements.trust.may_follow(*kids):
            self.report.add("key_change_unexplained", key, *kids)

    def _segments(self, standing: Standing, entries: Sequence[Entry]) -> Counter[str]:
        counts = Counter[str]()
        rows = self.tables.segment_rows(entries[0]["no"], entries[-1]["no"]) if entries else {}
        for entry in entries:
            if (entry["no"], entry["index"]["from"]) != (standing.segment + 1, standing.frontier.size):
                self.report.add("segment_order", entry["key"], standing.segment + 1, entry["no"])
            faults = self.report.counts.total()
            events = read_events(self.statements.vault, self.scope, entry, self.report)
            self._take(standing, entry, events)
            standing.tainted = standing.tainted or self.report.counts.total() > faults
            counts.update(event.action for event in events)
            self._compare_seal_row(standing, entry, rows.get(entry["no"]), events)
            self._compare_rows(events)
        return counts

    def _take(self, standing: Standing, entry: Entry, events: Sequence[Event]) -> None:
        for event in events:
            standing.lanes.follow(event, entry["key"], self.report)
            if (event.lane, event.seq) == (FIRST_LANE, 1):
                self.first = event
            if event.time < standing.watermark:
                place = f"{entry['key']} lane {event.lane} seq {event.seq}"
                self.report.add("behind_watermark", place, standing.watermark, event.time)
        standing.segment = entry["no"]
        standing.frontier = standing.frontier.extend(event.leaf for event in events)
        times = [standing.time_max or "", *(event.time for event in events)]
        standing.time_max = max(times) or None
        self.covered.segments += 1
        self.covered.events += len(events)

    def _compare_seal_row(self, standing: Standing, entry: Entry, row: Row | None, events: Sequence[Event]) -> None:
        key = f"segment#{self.scope.epoch}#{entry['no']}"
        if row is None:
            self.report.add("seal_row_missing", key)
            return
        stated = {name: value for name, value in entry.items() if name not in ROW_ONLY}
        kept = {name: row.get(name) for name in stated}
        same = standing.tainted or _same_state(row.get("after"), standing.state())
        # Reports count by them unread; rows of an earlier version have none.
        same = same and (standing.tainted or row.get("facets") in (None, facet_counts(events)))
        if kept != stated or not same:
            self.report.add("seal_row_differs", key, entry["sha256_raw"], row.get("sha256_raw"))

    def _compare_rows(self, events: Sequence[Event]) -> None:
        """Compare a segment's lines with the rows that they were sealed from, as far as those have not expired."""
        by_lane: dict[str, list[Event]] = {}
        for event in events:
            by_lane.setdefault(event.lane, []).append(event)
        for lane, sealed in by_lane.items():
            rows = {row.seq: row for row in self.tables.rows(lane, sealed[0].seq, sealed[-1].seq)}
            for event in sealed:
                row, place = rows.pop(event.seq, None), f"{self.scope.tenant}#{self.scope.epoch}#{lane} seq {event.seq}"
                if row is None:
                    if not self.expired(event.time):
                        self.report.add("row_missing", place, event.leaf.hex())
                elif row.line.encode() != event.line or row.leaf != event.leaf.hex():
                    self.report.add(
                        "row_changed", place, event.leaf.hex(), hashlib.sha256(row.line.encode()).hexdigest()
                    )
            for stranger in rows:
                self.report.add("row_foreign", f"{self.scope.tenant}#{self.scope.epoch}#{lane} seq {stranger}")

    def expired(self, time: str) -> bool:
        """Tell whether DynamoDB may have removed the row of an event."""
        return unix_seconds(time) + self.scope.row_ttl_seconds < self.scope.now

    def _check_totals(self, standing: Standing, statement: Statement, counts: Counter[str]) -> None:
        members, key = statement.members, about(self.scope.prefix, "digest", statement.number)
        stated = {lane: head for lane, head in members["lanes"].items() if head["seq"]}
        if stated != standing.lanes.stated():
            self.report.add("lane_heads", key, _told(stated), _told(standing.lanes.stated()))
        tree = standing.frontier
        if (members["tree"]["size"], statement.root) != (tree.size, tree.root()):
            self.report.add("tree_root", key, statement.root.hex(), tree.root().hex())
        told = members["counts"]["total"], dict(members["counts"]["by_action"]), members["time_max"]
        if told != (counts.total(), dict(counts), standing.time_max):
            self.report.add("counts_differ", key, told[0], counts.total())

    def _check_source(self, standing: Standing, statement: Statement) -> None:
        """Judge what the digest says of the table: it ends neither before the seals nor before it ended earlier."""
        source, before = statement.members["source"], standing.digest
        last, sealed = source["last"], {lane: head["seq"] for lane, head in statement.members["lanes"].items()}
        earlier = before.members["source"]["last"] if before else {}
        behind = any(last.get(lane, 0) < seq for known in (sealed, earlier) for lane, seq in known.items())
        if behind or sum(last.values()) - sum(sealed.values()) != source["unsealed"]:
            self.report.add("source_inconsistent", about(self.scope.prefix, "digest", statement.number))


def _seal_head(row: Row, segment: int) -> SealHead | None:
    try:
        return head_of(segment, row["after"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _same_state(kept: Any, rebuilt: dict[str, Any]) -> bool:  # noqa: ANN401 - whatever the row holds
    """Compare the state that a row keeps with the rebuilt one; lanes without events may stand or be left out."""
    if not isinstance(kept, Mapping) or not isinstance(kept.get("lanes"), dict):
        return False
    lanes = {lane: head for lane, head in kept["lanes"].items() if isinstance(head, dict) and head.get("seq")}
    named = {name: kept.get(name) for name in rebuilt} | {"lanes": lanes}
    return named == rebuilt | {"lanes": {lane: head for lane, head in rebuilt["lanes"].items() if head["seq"]}}


def _told(lanes: dict[str, Any]) -> str:
    return ", ".join(f"{lane}:{head['seq']}" for lane, head in sorted(lanes.items()))
