"""Sealed segments: event lines in sealing order, one gzip member each, the same bytes for the same lines."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.audit.merkle import leaf_hash
from shared.store.audit_logs import FIRST_LANE, Head, opened_lane

_ACTION = b'{"action":"'  # what a canonical line begins with: no other member of an event sorts before it
_LEVEL = 6  # of zlib; ids and ciphertext do not shrink further at 9


class Event(NamedTuple):
    """One sealed or sealable event: its exact line, the parsed members, its leaf hash."""

    line: bytes
    members: Mapping[str, Any]
    leaf: bytes

    @property
    def action(self) -> str:
        return str(self.members["action"])

    @property
    def time(self) -> str:
        return str(self.members["time"])

    @property
    def lane(self) -> str:
        return str(self.members["lane"])

    @property
    def seq(self) -> int:
        return int(self.members["seq"])


@dataclass(frozen=True, slots=True)
class Summary:
    """What a segment's seal row and its digest entry say about the content."""

    sha256_raw: str
    sha256_gz: str
    size: int
    events: int
    time: Mapping[str, str]
    lanes: Mapping[str, Mapping[str, int]]
    counts: Mapping[str, int]


def parse(line: bytes) -> Event:
    return Event(line, json.loads(line), leaf_hash(line))


def pack(events: Sequence[Event]) -> bytes:
    """Write one gzip member; no name and no time in it, so equal events give equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=_LEVEL) as member:
        member.writelines(event.line + b"\n" for event in events)
    return buffer.getvalue()


def unpack(packed: bytes, actions: Collection[str] | None = None) -> Iterator[Event]:
    """Read a segment that this system sealed; raises `ValueError` when its last line is not complete.

    With `actions` only their events: the lines of all others are not parsed, which is most of what a segment costs.
    """
    raw = gzip.decompress(packed)
    if not raw.endswith(b"\n"):
        raise ValueError("a segment ends within a line")
    wanted = None if actions is None else {action.encode() for action in actions}
    for line in raw[:-1].split(b"\n"):
        if wanted is None or _action_of(line) in wanted:
            yield parse(line)


def _action_of(line: bytes) -> bytes:
    if line.startswith(_ACTION):
        return line[len(_ACTION) : line.index(b'"', len(_ACTION))]
    return parse(line).action.encode()


def summarize(events: Sequence[Event], packed: bytes) -> Summary:
    raw = hashlib.sha256()
    lanes: dict[str, dict[str, int]] = {}
    for event in events:
        raw.update(event.line + b"\n")
        lanes.setdefault(event.lane, {"from": event.seq})["to"] = event.seq
    times = [event.time for event in events]
    return Summary(
        sha256_raw=raw.hexdigest(),
        sha256_gz=hashlib.sha256(packed).hexdigest(),
        size=len(packed),
        events=len(events),
        time={"min": min(times), "max": max(times)},
        lanes=lanes,
        counts=dict(sorted(Counter(event.action for event in events).items())),
    )


def continued(heads: Mapping[str, Head], events: Iterable[Event]) -> dict[str, Head]:
    """Follow the lanes through `events` and give the new heads; a lane that was only opened has the empty head.

    Raises `ValueError` at the first event that does not continue its lane, stands in a lane that nothing opened, or
    opens one that is open: sealing or adopting it would break the log.
    """
    lanes = dict(heads)
    for event in events:
        follow(lanes, event)
    return lanes


def follow(lanes: dict[str, Head], event: Event) -> None:
    """Take one event into `lanes`; raises as `continued` does."""
    lane, seq = event.lane, event.seq
    head = lanes.get(lane, Head() if lane == FIRST_LANE else None)
    if head is None:
        raise ValueError(f"lane {lane} was never opened")
    if seq != head.seq + 1 or event.members["prev"] != head.leaf:
        raise ValueError(f"lane {lane}: {seq} does not follow {head.seq}")
    lanes[lane] = Head(seq, event.leaf.hex())
    opened = opened_lane(event.members)
    if opened is not None and lanes.setdefault(opened, Head()) != Head():
        raise ValueError(f"lane {opened} is opened a second time")
