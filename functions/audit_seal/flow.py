"""Seal one tenant's log: pull by sequence, put once, move the head.

The stream is never asked: the table itself says what comes after the sealed positions. Crashing between any two steps
is harmless, because the next run finds either nothing done, or the segment's object already there and adopts it.
"""

from __future__ import annotations

import itertools
import secrets
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.audit_seal.round import Course
from functions.audit_seal.settings import Settings
from shared.evidence.facet_counts import facets_alone
from shared.evidence.seal_row import seal_row
from shared.evidence.segment import Event, continued, pack, parse
from shared.evidence.vault import LockedBucket, log_prefix, segment_key
from shared.store.audit_logs import LANE_OPENED, BrokenLaneError, Head, entries_after, lane_key, log_tail
from shared.store.audit_seals import SealHead, read_seal_head, seal_head_item, segment_item
from shared.store.wire import JsonService, ServiceError

SEGMENT_BYTES = 5_000_000  # of lines, before compression
_LONGEST_ADOPTED = 2 * SEGMENT_BYTES  # bytes of lines; a rival of ours puts no more than SEGMENT_BYTES and one line
_GZIP = 31  # window bits that make zlib read exactly one gzip member
CONTENT_TYPE = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Sealer:
    dynamodb: JsonService
    vault: LockedBucket
    settings: Settings

    def seal(self, tenant: str, course: Course | None = None) -> int:
        """Seal what the table holds now, as far as the time goes; gives the number of segments, 0 for an idle tenant.

        Raises `BrokenLaneError` when the table does not continue what is sealed: tampering, never repaired here.
        What stands before the first row that is not ours is sealed, nothing behind it.
        """
        course = course or Course()
        # 1. Where did sealing stop, and what came after it?
        head = read_seal_head(self.dynamodb, self.settings.audit_seals_table, tenant, self.settings.log_epoch)
        sealed = 0
        for events in _segments(self._tail(tenant, head.lanes)):
            course.found(min(event.time for event in events))
            if not course.time_left():
                return sealed
            # 2. Put the segment, or adopt the one that an earlier run or a rival put under this number.
            moved = self._seal_segment(tenant, head, events)
            sealed += 1
            # A rival moved the head, or an adopted segment ends elsewhere: the next run starts from where it stands.
            if moved is None or moved.lanes != continued(head.lanes, events):
                return sealed
            head = moved
        return sealed

    def _tail(self, tenant: str, lanes: Mapping[str, Head]) -> Iterator[Event]:
        table, epoch = self.settings.audit_logs_table, self.settings.log_epoch
        for entry in log_tail(self.dynamodb, table, tenant, epoch, lanes):
            yield Event(entry.line.encode(), _needed(entry.members), bytes.fromhex(entry.leaf))

    def _seal_segment(self, tenant: str, head: SealHead, events: list[Event]) -> SealHead | None:
        prefix = log_prefix(self.settings.log_name, tenant, self.settings.log_epoch)
        key = segment_key(prefix, head.segment + 1)
        _continued(head.lanes, events)  # before anything is locked for years
        packed = pack(events)
        version = self.vault.put_version(key, packed, CONTENT_TYPE)
        if version is None:
            version, packed, events = self._adopted(tenant, head, key)
            _continued(head.lanes, events)
        # 3. Move the head over exactly what the object holds; the condition lets one sealer win.
        stored = self.vault.stored(key, version)
        row, moved = seal_row(head, key, stored.version_id, stored.retain_until, events, packed)
        return moved if self._move(tenant, moved, row, head.segment) else None

    def _adopted(self, tenant: str, head: SealHead, key: str) -> tuple[str, bytes, list[Event]]:
        """Take over a segment that lies there already: the oldest version that holds exactly lines of the table.

        Chaining to the head is not enough: whoever may put segments could plant a story that chains. Nor is the newest
        version: he could lay one over ours, and it would be sealed or would stop the sealing.
        """
        for version in self.vault.versions(key):
            packed = self.vault.read(key, version)
            events = _events_of(packed)
            if events and self.holds(tenant, head, events):
                return version, packed, events
        raise BrokenLaneError(f"{key} does not hold the events of the table")

    def holds(self, tenant: str, head: SealHead, events: list[Event]) -> bool:
        """Tell whether the table holds just these lines behind `head`; raises `BrokenLaneError`.

        It is compared lane by lane: by now more may stand in the first of them than whoever put the segment saw.
        """
        lanes: dict[str, list[bytes]] = {}
        for event in events:
            lanes.setdefault(event.lane, []).append(event.line)
        for lane, lines in lanes.items():
            place, sealed = lane_key(tenant, self.settings.log_epoch, lane), head.lanes.get(lane, Head())
            rows = entries_after(self.dynamodb, self.settings.audit_logs_table, place, sealed)
            if [row.line.encode() for row in itertools.islice(rows, len(lines))] != lines:
                return False
        return True

    def _move(self, tenant: str, head: SealHead, segment: dict[str, Any], previous: int) -> bool:
        table, epoch = self.settings.audit_seals_table, self.settings.log_epoch
        items = (
            segment_item(table, tenant, epoch, segment),
            seal_head_item(table, tenant, epoch, head, previous),
        )
        request = {"TransactItems": [item.wire() for item in items], "ClientRequestToken": secrets.token_hex(16)}
        try:
            self.dynamodb.call("TransactWriteItems", request)
        except ServiceError as refusal:
            if refusal.code == "TransactionCanceledException":
                return False
            raise
        return True


def _segments(events: Iterator[Event]) -> Iterator[list[Event]]:
    """Cut the tail into segments of about `SEGMENT_BYTES`; where it breaks, what was read before is a segment still."""
    segment: list[Event] = []
    size = 0
    try:
        for event in events:
            segment.append(event)
            size += len(event.line)
            if size >= SEGMENT_BYTES:
                yield segment
                segment, size = [], 0
    except BrokenLaneError:
        if segment:
            yield segment
        raise
    if segment:
        yield segment


def _continued(lanes: Mapping[str, Head], events: list[Event]) -> None:
    """Raise `BrokenLaneError` where `events` do not continue `lanes`."""
    try:
        continued(lanes, events)
    except ValueError as fault:
        raise BrokenLaneError(str(fault)) from fault


def _needed(members: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what sealing asks an event for: all members of a segment's events would not fit beside those of others."""
    needed = {name: members[name] for name in ("lane", "seq", "prev", "time", "action")} | facets_alone(members)
    return needed | {"meta": members["meta"]} if members["action"] == LANE_OPENED else needed


def _events_of(packed: bytes) -> list[Event]:
    """Read what lies in the vault, whoever put it: the events of one gzip member, none where it is anything else."""
    reader = zlib.decompressobj(_GZIP)
    try:
        raw = reader.decompress(packed, _LONGEST_ADOPTED)
        if not reader.eof or reader.unused_data or not raw.endswith(b"\n"):
            return []
        events = [parse(line) for line in raw[:-1].split(b"\n")]
    except (zlib.error, ValueError, RecursionError):
        return []
    placed = all(isinstance(event.members, dict) and isinstance(event.members.get("lane"), str) for event in events)
    return events if placed else []
