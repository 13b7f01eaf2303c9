"""Step 2, render: one shard of segments becomes fragments of every report, of the events and of their disclosure.

A segment is read once, checked against its seal, and feeds all files: an event is read, opened and written as a row
once, however many reports it stands in. What it gives is compressed as it comes and goes on to the fragments that grow
in the working folder, so memory depends on one segment and never on the length of the log.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.evidence_pipeline.event_lines import canonical_again, events_of
from functions.evidence_pipeline.fragments import DISCLOSURE, EVENTS, Fragments
from functions.evidence_pipeline.population import part_of
from shared.audit.catalogue import Catalogue, Report
from shared.evidence.csv_rows import CsvWriter
from shared.evidence.evidence_row import Discloser, Row, cells, evidence_row
from shared.evidence.response_times import Part, part_of_incident
from shared.evidence.s3_archive import Workbench
from shared.evidence.sample import Sampler
from shared.evidence.segment import Event, follow
from shared.evidence.vault import LockedBucket
from shared.store.audit_logs import Head

_TOLD = 20  # times that a worker tells how far it is


@dataclass(frozen=True, slots=True)
class Renderer:
    """`told` hears from time to time how many events are done."""

    vault: LockedBucket
    workbench: Workbench
    catalogue: Catalogue
    discloser: Discloser
    told: Callable[[int], None]

    def render(self, plan: Mapping[str, Any], segments: Sequence[Mapping[str, Any]], shard: int) -> int:
        """Render a shard and give its number of events; raises `RuntimeError` when a segment is not what was sealed."""
        often = max(1, len(segments) // _TOLD)
        with Fragments(self.workbench, shard) as fragments:
            content = _Content(plan, self.catalogue, self.discloser, fragments)
            for number, segment in enumerate(segments, 1):
                # 1. Read the locked version and compare it with its seal.
                packed = self.vault.read(segment["key"], segment["version_id"])
                first = segment["index"]["from"]
                # 2. Sort its events into the reports, each as it is found to continue its lane.
                for index, event in enumerate(_checked(segment, packed), first):
                    content.add(index, event)
                # 3. Gather the segment itself, byte for byte; close what has grown enough.
                fragments.of(EVENTS).add(first, packed)
                fragments.cut()
                if number % often == 0:
                    self.told(content.events)
            # 4. Say what came out; the manifest step adds it up.
            document = content.document() | {"batches": fragments.close()}
        self.workbench.write(shard_name(shard), json.dumps(document).encode())
        return content.events


def shard_name(shard: int) -> str:
    return f"shard-{shard:05d}.json"


class _Content:
    """Sorts the events of a shard into its files, and counts them."""

    def __init__(
        self,
        plan: Mapping[str, Any],
        catalogue: Catalogue,
        discloser: Discloser,
        fragments: Fragments,
    ) -> None:
        resolved, self._format = plan["resolved"], plan["requested"]["format"]
        self._from, self._to = resolved["from"], resolved["to_exclusive"]
        self._samplers = [(asked["file"], Sampler(asked["nonce"], asked["n"])) for asked in plan["samples"]]
        self._catalogue = catalogue
        self._discloser = discloser
        self._write = _json_record if self._format == "json" else _csv_record
        self._between = b",\n" if self._format == "json" else b""
        self._fragments = fragments
        self.events = 0
        self.actions = Counter[str]()
        self.partly = Counter[str]()
        self.incidents: list[Part] = []

    def add(self, index: int, event: Event) -> None:
        disclosed = self._discloser.disclose(event)
        if disclosed:
            line = canonical_again({"id": event.members["id"], "pii": disclosed}) + b"\n"
            self._fragments.of(DISCLOSURE).add(index, line)
        self.events += 1
        if not self._from <= event.time < self._to:
            return
        self.actions[event.action] += 1
        reports = self._catalogue.reports_of(event.members)
        for report in reports:
            if event.action in report.where:
                self.partly[part_of(report, event.action)] += 1
        if part := part_of_incident(index, event, reports, self._catalogue.incidents):
            self.incidents.append(part)
        if reports:
            self._add_row(index, event, disclosed, reports)

    def _add_row(self, index: int, event: Event, disclosed: list[dict[str, Any]], reports: Sequence[Report]) -> None:
        """Write the row once, for all reports that it stands in."""
        record, neutralised = self._write(index, evidence_row(event, disclosed, self._catalogue))
        for report in reports:
            self._fragments.of(report.slug, self._between).add(index, record, neutralised)
            if self._samplers:
                path = report.path(self._format)
                for sampler in (sampler for file, sampler in self._samplers if file == path):
                    sampler.add(index, event)

    def document(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "by_action": dict(sorted(self.actions.items())),
            "partly": dict(sorted(self.partly.items())),
            "incidents": self.incidents,
            "samples": [sampler.document() for _, sampler in self._samplers],
        }


def _csv_record(index: int, row: Row) -> tuple[bytes, int]:
    """Write a row as CSV; the number says how many of its cells were neutralised."""
    writer = CsvWriter()
    return writer.record([str(index), *cells(row, canonical_again)]), writer.neutralised_cells


def _json_record(index: int, row: Row) -> tuple[bytes, int]:
    return json.dumps({"index": index, **row}).encode(), 0


def _checked(segment: Mapping[str, Any], packed: bytes) -> Iterator[Event]:
    """Read the events of a segment that has the hash it was sealed under; each must continue its lane."""
    if hashlib.sha256(packed).hexdigest() != segment["sha256_gz"]:
        raise RuntimeError(f"{segment['key']} is not the segment that was sealed")
    lanes: dict[str, Head] = {}
    for event in events_of(packed):
        if event.lane not in lanes:
            lanes[event.lane] = Head(event.seq - 1, event.members["prev"])
        follow(lanes, event)
        yield event
