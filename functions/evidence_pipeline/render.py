"""Step 2, render: one shard of segments becomes deflated fragments of every report, and the disclosure beside them.

A segment is read once, checked against its seal, and feeds all reports. Content is gathered batch by batch, so memory
depends on the batch and never on the length of the log.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.evidence_pipeline.population import part_of
from shared.audit.canonical import canonical
from shared.audit.catalogue import Catalogue, Report
from shared.evidence.csv_rows import CsvWriter
from shared.evidence.deflate import deflate, store
from shared.evidence.evidence_row import Discloser, cells, evidence_row
from shared.evidence.s3_archive import Workbench
from shared.evidence.sample import Sampler
from shared.evidence.segment import Event, continued, unpack
from shared.evidence.vault import LockedBucket
from shared.store.audit_logs import Head

BATCH_BYTES = 32_000_000  # of event lines; what one fragment holds of them
DISCLOSURE = "disclosure"


@dataclass(slots=True)
class _Content:
    """What one report has gathered in the current batch."""

    pieces: list[bytes] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    csv: CsvWriter = field(default_factory=CsvWriter)


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
            events = _checked(segment, packed)
            totals.segments.append({"no": segment["no"], "crc32": zlib.crc32(packed)})
            # 2. Sort its events into the reports.
            for offset, event in enumerate(events):
                batch.add(segment["index"]["from"] + offset, event)
            # 3. Deflate what has gathered, one fragment a report, into the working folder.
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
    """Content of a few segments, report by report; `size` counts the bytes of their lines."""

    def __init__(
        self,
        plan: Mapping[str, Any],
        catalogue: Catalogue,
        discloser: Discloser,
        samplers: Sequence[tuple[str, Sampler]],
    ) -> None:
        self._plan = plan
        self._samplers = samplers
        self._catalogue = catalogue
        self._discloser = discloser
        self._contents = {slug: _Content() for slug in (*catalogue.reports, DISCLOSURE)}
        self._json = plan["requested"]["format"] == "json"
        self.events = 0
        self.size = 0
        self.actions = Counter[str]()
        self.partly = Counter[str]()

    def add(self, index: int, event: Event) -> None:
        disclosed = self._discloser.disclose(event)
        if disclosed:
            line = canonical({"id": event.members["id"], "pii": disclosed}) + b"\n"
            self._append(DISCLOSURE, index, line)
        self.events += 1
        self.size += len(event.line)
        resolved = self._plan["resolved"]
        if not resolved["from"] <= event.time < resolved["to_exclusive"]:
            return
        self.actions[event.action] += 1
        reports = self._catalogue.reports_of(event.members)
        self.partly.update(part_of(report, event.action) for report in reports if event.action in report.where)
        if reports:
            self._add_row(index, event, disclosed, reports)

    def _add_row(self, index: int, event: Event, disclosed: list[dict[str, Any]], reports: Sequence[Report]) -> None:
        row = evidence_row(event, disclosed, self._catalogue)
        for report in reports:
            path = report.path(self._plan["requested"]["format"])
            for sampler in (sampler for file, sampler in self._samplers if file == path):
                sampler.add(index, event)
            content = self._contents[report.slug]
            if self._json:
                separator = b",\n" if content.pieces else b""
                self._append(report.slug, index, separator + json.dumps({"index": index, **row}).encode())
            else:
                self._append(report.slug, index, content.csv.record([str(index), *cells(row)]))

    def _append(self, slug: str, index: int, piece: bytes) -> None:
        self._contents[slug].pieces.append(piece)
        self._contents[slug].indexes.append(index)

    def written(self, workbench: Workbench, name: str) -> dict[str, Any]:
        """Put one fragment for each report that has content; gives what the manifest needs to know of them."""
        return dict(self._fragments(workbench, name))

    def _fragments(self, workbench: Workbench, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for slug, content in self._contents.items():
            if not content.pieces:
                continue
            stored = bytearray()
            if slug == DISCLOSURE:  # a gzip member, like the segments that it speaks of
                fragment = store([gzip.compress(b"".join(content.pieces), mtime=0)], stored.extend)
            else:
                fragment = deflate(content.pieces, stored.extend)
            place = f"{slug}-{name}.deflate"
            yield (
                slug,
                {
                    "name": place,
                    "version_id": workbench.write(place, bytes(stored)),
                    "fragment": fragment.to_json(),
                    "rows": len(content.indexes),
                    "first_index": content.indexes[0],
                    "last_index": content.indexes[-1],
                    "neutralised": content.csv.neutralised_cells,
                },
            )


def _checked(segment: Mapping[str, Any], packed: bytes) -> list[Event]:
    if hashlib.sha256(packed).hexdigest() != segment["sha256_gz"]:
        raise RuntimeError(f"{segment['key']} is not the segment that was sealed")
    events = list(unpack(packed))
    lanes: dict[str, Head] = {}
    for event in events:
        lanes.setdefault(event.lane, Head(event.seq - 1, event.members["prev"]))
    continued(lanes, events)
    return events
