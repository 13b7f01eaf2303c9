"""What the shards rendered, added up, and held against what was sealed and signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.audit.catalogue import Report
from shared.evidence.deflate import Fragment
from shared.evidence.response_times import Part
from shared.evidence.zip_layout import ObjectRange, Piece


@dataclass(frozen=True, slots=True)
class Rendered:
    """The fragments of one report (or the disclosure) in log order, and their totals."""

    pieces: tuple[Piece, ...]
    rows: int
    first_index: int | None
    last_index: int | None
    neutralised: int


class SealedFragment(NamedTuple):
    """A segment as the manifest lists it; `sha256` is of its compressed bytes."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Population:
    """`events` counts everything between the digests, `by_action` what lies in the resolved interval.

    `partly` counts, by report and action, the rows of actions of which the report takes some events only. `segments`
    are the fragments of events/events.ndjson.gz: each the locked object byte for byte. `samples` holds, for each sample
    that was asked for, what each shard has kept of it.
    """

    events: int
    by_action: Mapping[str, int]
    batches: Sequence[Mapping[str, Any]]
    segments: Sequence[SealedFragment] = ()
    samples: Sequence[Sequence[Mapping[str, Any]]] = ()
    partly: Mapping[str, int] = field(default_factory=dict)
    incidents: Sequence[Part] = ()

    @property
    def total(self) -> int:
        return sum(self.by_action.values())

    def rows_of(self, report: Report) -> int:
        return sum(self.rows_by(report, action) for action in report.actions)

    def rows_by(self, report: Report, action: str) -> int:
        """Count the events of an action in the interval that are rows of a report."""
        if action in report.where:
            return self.partly.get(part_of(report, action), 0)
        return self.by_action.get(action, 0)


def part_of(report: Report, action: str) -> str:
    """Name the events of an action that a report takes, for `Population.partly`."""
    return f"{report.slug} {action}"


def add_up(
    plan: Mapping[str, Any], segments: Iterable[Mapping[str, Any]], shards: Sequence[Mapping[str, Any]]
) -> Population:
    """Add the shards up; raises `RuntimeError` when anything between the two digests is missing or counted twice."""
    by_action, partly = Counter[str](), Counter[str]()
    for shard in shards:
        by_action.update(shard["by_action"])
        partly.update(shard["partly"])
    events = sum(shard["events"] for shard in shards)
    opening = plan["opening"]["tree_size"] if plan["opening"] else 0
    expected = plan["closing"]["tree_size"] - opening
    if events != expected:
        raise RuntimeError(f"{events} events were rendered, {expected} were signed")
    sealed = list(_without_gaps(segments, opening))
    batches = [batch for shard in shards for batch in shard["batches"]]
    incidents = [Part(*part) for shard in shards for part in shard["incidents"]]
    samples = list(zip(*(shard["samples"] for shard in shards), strict=True))
    return Population(events, dict(sorted(by_action.items())), batches, sealed, samples, dict(partly), incidents)


def rendered(batches: Sequence[Mapping[str, Any]], slug: str, bucket: str, prefix: str) -> Rendered:
    parts = [batch[slug] for batch in batches if slug in batch]
    return Rendered(
        pieces=tuple(_piece(part, bucket, prefix) for part in parts),
        rows=sum(part["rows"] for part in parts),
        first_index=parts[0]["first_index"] if parts else None,
        last_index=parts[-1]["last_index"] if parts else None,
        neutralised=sum(part["neutralised"] for part in parts),
    )


def _piece(part: Mapping[str, Any], bucket: str, prefix: str) -> Piece:
    fragment = Fragment.from_json(part["fragment"])
    size = fragment.stored_bytes
    return Piece(fragment, ObjectRange(bucket, f"{prefix}{part['name']}", part["version_id"], 0, size, size))


def _without_gaps(segments: Iterable[Mapping[str, Any]], first_index: int) -> Iterator[SealedFragment]:
    """Follow numbers, indexes and lanes through the segments: each begins where the one before ended."""
    number, index, lanes = None, first_index, dict[str, int]()
    for segment in segments:
        if number and segment["no"] != number + 1:
            raise RuntimeError(f"segment {number + 1} is missing")
        if segment["index"]["from"] != index:
            raise RuntimeError(f"segment {segment['no']} begins at {segment['index']['from']}, not at {index}")
        number, index = segment["no"], segment["index"]["to"] + 1
        for lane, span in segment["lanes"].items():
            if span["from"] != lanes.get(lane, span["from"] - 1) + 1:
                raise RuntimeError(f"lane {lane} has a gap before {span['from']}")
            lanes[lane] = span["to"]
        yield SealedFragment(segment["bytes"], segment["sha256_gz"])
