"""Seal one tenant's log: pull by sequence, put once, move the head.

The stream is never asked: the table itself says what comes after the sealed positions. Crashing between any two steps
is harmless, because the next run finds either nothing done, or the segment's object already there and adopts it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.audit_seal.settings import Settings
from shared.evidence.segment import Event, Summary, continued, pack, parse, summarize, unpack
from shared.evidence.vault import LockedBucket, log_prefix, segment_key
from shared.store.audit_logs import BrokenLaneError, Head, entries_after, lane_key, log_tail
from shared.store.audit_seals import SealHead, read_seal_head, seal_head_item, segment_item, state_of
from shared.store.wire import JsonService, ServiceError

SEGMENT_BYTES = 5_000_000  # of lines, before compression
CONTENT_TYPE = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Sealer:
    dynamodb: JsonService
    vault: LockedBucket
    settings: Settings

    def seal(self, tenant: str) -> int:
        """Seal everything that the table holds now; gives the number of segments, 0 for an idle tenant.

        Raises `ValueError` when the table does not continue what is sealed: that is tampering, never repaired here.
        """
        # 1. Where did sealing stop, and what came after it?
        head = read_seal_head(self.dynamodb, self.settings.audit_seals_table, tenant, self.settings.log_epoch)
        sealed = 0
        for events in _segments(self._tail(tenant, head.lanes)):
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
            yield parse(entry.line.encode())

    def _seal_segment(self, tenant: str, head: SealHead, events: list[Event]) -> SealHead | None:
        number = head.segment + 1
        prefix = log_prefix(self.settings.log_name, tenant, self.settings.log_epoch)
        key = segment_key(prefix, number)
        continued(head.lanes, events)  # before anything is locked for years
        packed = pack(events)
        if not self.vault.put_once(key, packed, CONTENT_TYPE):
            packed = self.vault.read(key)
            events = self._adopted(tenant, head, key, list(unpack(packed)))
        # 3. Move the head over exactly what the object holds; the condition lets one sealer win.
        lanes = continued(head.lanes, events)
        summary = summarize(events, packed)
        moved = SealHead(
            segment=number,
            frontier=head.frontier.extend(event.leaf for event in events),
            lanes=lanes,
            time_max=max(filter(None, (head.time_max, summary.time["max"]))),
        )
        row = self._segment_row(number, key, head.frontier.size, summary)
        row["after"] = state_of(moved)  # where a bundle may begin, and what a digest up to here must state
        return moved if self._move(tenant, moved, row, head.segment) else None

    def _adopted(self, tenant: str, head: SealHead, key: str, events: list[Event]) -> list[Event]:
        """Take over a segment that lies there already, if the table holds exactly its lines.

        Chaining to the head is not enough: whoever may put segments could plant a story that chains. Lanes are compared
        one by one: by now more may stand in the first of them than whoever put the segment saw.
        """
        lanes: dict[str, list[bytes]] = {}
        for event in events:
            lanes.setdefault(event.lane, []).append(event.line)
        for lane, lines in lanes.items():
            place = lane_key(tenant, self.settings.log_epoch, lane)
            sealed = head.lanes.get(lane, Head())
            rows = entries_after(self.dynamodb, self.settings.audit_logs_table, place, sealed)
            if [row.line.encode() for row in itertools.islice(rows, len(lines))] != lines:
                raise BrokenLaneError(f"{key} does not hold the events of the table")
        return events

    def _segment_row(self, number: int, key: str, first_index: int, summary: Summary) -> dict[str, Any]:
        stored = self.vault.stored(key)
        return {
            "no": number,
            "key": key,
            "version_id": stored.version_id,
            "bytes": summary.size,
            "sha256_gz": summary.sha256_gz,
            "sha256_raw": summary.sha256_raw,
            "events": summary.events,
            "index": {"from": first_index, "to": first_index + summary.events - 1},
            "time": dict(summary.time),
            "lanes": {lane: dict(span) for lane, span in summary.lanes.items()},
            "counts": dict(summary.counts),
            "retain_until": stored.retain_until,
        }

    def _move(self, tenant: str, head: SealHead, segment: dict[str, Any], previous: int) -> bool:
        table, epoch = self.settings.audit_seals_table, self.settings.log_epoch
        items = (
            segment_item(table, tenant, epoch, segment),
            seal_head_item(table, tenant, epoch, head, previous),
        )
        try:
            self.dynamodb.call("TransactWriteItems", {"TransactItems": [item.wire() for item in items]})
        except ServiceError as refusal:
            if refusal.code == "TransactionCanceledException":
                return False
            raise
        return True


def _segments(events: Iterator[Event]) -> Iterator[list[Event]]:
    """Cut the tail into segments of about `SEGMENT_BYTES`."""
    for first in events:
        size = len(first.line)
        segment = [first]
        for event in events:
            segment.append(event)
            size += len(event.line)
            if size >= SEGMENT_BYTES:
                break
        yield segment
