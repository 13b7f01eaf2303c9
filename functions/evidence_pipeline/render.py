"""Step 2, render: one shard of segments becomes deflated fragments of every report, and the disclosure beside them.

A segment is read once, checked against its seal, and feeds all reports: an event is read, opened and written as a row
once, however many reports it stands in. Content is compressed as it comes, so memory depends on the batch's compressed
size and never on the length of the log.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isal import isal_zlib

from functions.evidence_pipeline.event_lines import canonical_again, events_of
from functions.evidence_pipeline.population import part_of
from shared.audit.catalogue import Catalogue, Report
from shared.evidence.csv_rows import CsvWriter
from shared.evidence.deflate import Fragment, FragmentMaker, GzipMember
from shared.evidence.evidence_row import Discloser, Row, cells, evidence_row
from shared.evidence.s3_archive import Workbench
from shared.evidence.sample import Sampler
from shared.evidence.segment import Event, follow
from shared.evidence.vault import LockedBucket
from shared.store.audit_logs import Head

BATCH_BYTES = 32_000_000  # of event lines; what one fragment holds of them
DISCLOSURE = "disclosure"
_BLOCK = 65_536  # bytes of content that are compressed at a time


class _Content:
    """What one file has gathered in the current batch; `between` separates its records."""

    def __init__(
        self, writer: Callable[[Callable[[bytes], object]], FragmentMaker | GzipMember], between: bytes = b""
    ) -> None:
        self.stored = bytearray()
        self._between = between
        self._writer = writer(self.stored.extend)
        self._pieces: list[bytes] = []
        self._gathered = 0
        self.rows = self.first_index = self.last_index = self.neutralised = 0

    def add(self, index: int, record: bytes, neutralised: int = 0) -> None:
        if self.rows:
            record = self._between + record
        else:
            self.first_index = index
        self.rows += 1
        self.last_index = index
        self.neutralised += neutralised
        self._pieces.append(record)
        self._gathered += len(record)
        if self._gathered >= _BLOCK:
            self._compress()

    def _compress(self) -> None:
        self._writer.add(b"".join(self._pieces))
        self._pieces, self._gathered = [], 0

    def end(self) -> Fragment:
        self._compress()
        return self._writer.finish()


@dataclass(frozen=True, slots=True)
class Renderer:
    vault: LockedBucket
    workbench: Workbench
    catalogue: Catalogue
    discloser: Discloser
    done: Callable[[], None]

    def render(self, plan: Mapping[str, Any], shard: int) -> dict[str, Any]:
        """Render a shard and give its totals; raises `RuntimeError` when a segment is not what was sealed."""
        first, last = plan["shards"][shard]
        totals = _Totals(self.workbench, shard)
        samplers = [Sampler(asked["nonce"], asked["n"]) for asked in plan["samples"]]
        batch = self._batch(plan, samplers)
        for segment in plan["segments"][first:last]:
            # 1. Read the locked version and compare it with its seal.
            packed = self.vault.read(segment["key"], segment["version_id"])
            totals.segments.append({"no": segment["no"], "crc32": isal_zlib.crc32(packed)})
            # 2. Sort its events into the reports, each as it is found to continue its lane.
            for index, event in enumerate(_checked(segment, packed), segment["index"]["from"]):
                batch.add(index, event)
            # 3. End what has gathered, one fragment a report, and put it into the working folder.
            if batch.size >= BATCH_BYTES:
                totals.add(batch)
                batch = self._batch(plan, samplers)
        totals.add(batch)
        # 4. Say what came out; the manifest step adds it up.
        document = totals.document() | {"samples": [sampler.document() for sampler in samplers]}
        self.workbench.write(shard_name(shard), json.dumps(document).encode())
        self.done()
        return {"shard": shard, "events": totals.events}

    def _batch(self, plan: Mapping[str, Any], samplers: Sequence[Sampler]) -> _Batch:
        files = [asked["file"] for asked in plan["samples"]]
        return _Batch(plan, self.catalogue, self.discloser, list(zip(files, samplers, strict=True)))


def shard_name(shard: int) -> str:
    return f"shard-{shard:05d}.json"


class _Totals:
    """What a shard has rendered so far."""

    def __init__(self, workbench: Workbench, shard: int) -> None:
        self._workbench = workbench
        self._shard = shard
        self._batches: list[dict[str, Any]] = []
        self._actions = Counter[str]()
        self._partly = Counter[str]()
        self.segments: list[dict[str, int]] = []
        self.events = 0

    def add(self, batch: _Batch) -> None:
        """Write a batch's fragments; one without content leaves none."""
        self._batches.append(batch.written(self._workbench, f"{self._shard:05d}-{len(self._batches):05d}"))
        self._actions.update(batch.actions)
        self._partly.update(batch.partly)
        self.events += batch.events

    def document(self) -> dict[str, Any]:
        return {
            "batches": self._batches,
            "segments": self.segments,
            "events": self.events,
            "by_action": dict(sorted(self._actions.items())),
            "partly": dict(sorted(self._partly.items())),
        }


class _Batch:
    """Content of a few segments, file by file; `size` counts the bytes of their lines."""

    def __init__(
        self,
        plan: Mapping[str, Any],
        catalogue: Catalogue,
        discloser: Discloser,
        samplers: Sequence[tuple[str, Sampler]],
    ) -> None:
        resolved, self._format = plan["resolved"], plan["requested"]["format"]
        self._from, self._to = resolved["from"], resolved["to_exclusive"]
        self._samplers = samplers
        self._catalogue = catalogue
        self._discloser = discloser
        self._write = _json_record if self._format == "json" else _csv_record
        between = b",\n" if self._format == "json" else b""
        self._contents = {
            slug: _Content(functools.partial(FragmentMaker, "deflate"), between) for slug in catalogue.reports
        }
        self._disclosure = _Content(GzipMember)
        self.events = 0
        self.size = 0
        self.actions = Counter[str]()
        self.partly = Counter[str]()

    def add(self, index: int, event: Event) -> None:
        disclosed = self._discloser.disclose(event)
        if disclosed:
            self._disclosure.add(index, canonical_again({"id": event.members["id"], "pii": disclosed}) + b"\n")
        self.events += 1
        self.size += len(event.line)
        if not self._from <= event.time < self._to:
            return
        self.actions[event.action] += 1
        reports = self._catalogue.reports_of(event.members)
        for report in reports:
            if event.action in report.where:
                self.partly[part_of(report, event.action)] += 1
        if reports:
            self._add_row(index, event, disclosed, reports)

    def _add_row(self, index: int, event: Event, disclosed: list[dict[str, Any]], reports: Sequence[Report]) -> None:
        """Write the row once, for all reports that it stands in."""
        record, neutralised = self._write(index, evidence_row(event, disclosed, self._catalogue))
        for report in reports:
            self._contents[report.slug].add(index, record, neutralised)
            if self._samplers:
                path = report.path(self._format)
                for sampler in (sampler for file, sampler in self._samplers if file == path):
                    sampler.add(index, event)

    def written(self, workbench: Workbench, name: str) -> dict[str, Any]:
        """Put one fragment for each file that has content; gives what the manifest needs to know of them."""
        contents = {**self._contents, DISCLOSURE: self._disclosure}
        return {slug: _put(workbench, f"{slug}-{name}.deflate", one) for slug, one in contents.items() if one.rows}


def _csv_record(index: int, row: Row) -> tuple[bytes, int]:
    """Write a row as CSV; the number says how many of its cells were neutralised."""
    writer = CsvWriter()
    return writer.record([str(index), *cells(row, canonical_again)]), writer.neutralised_cells


def _json_record(index: int, row: Row) -> tuple[bytes, int]:
    return json.dumps({"index": index, **row}).encode(), 0


def _put(workbench: Workbench, place: str, content: _Content) -> dict[str, Any]:
    fragment = content.end()
    return {
        "name": place,
        "version_id": workbench.write(place, bytes(content.stored)),
        "fragment": fragment.to_json(),
        "rows": content.rows,
        "first_index": content.first_index,
        "last_index": content.last_index,
        "neutralised": content.neutralised,
    }


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
