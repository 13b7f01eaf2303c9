"""Finding one event by its id, without an index: the id is a ULID, and its milliseconds say about when.

The time of an event is stamped at its commit, a little behind the making of its id; it is sealed within minutes. Seal
rows hold the latest time of the whole tree so far, which never falls: bisection finds the first segment that can hold
the event, and a few around it are read, the nearest in time first: a commit that had to wait stamps an event later
than its id was made, so behind a busy moment the right segment may begin behind the id.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass

from functions.transparency.sealed_log import SealedLog
from shared.audit.moment import rfc3339, unix_seconds
from shared.store.attribute import Row

BEFORE_SECONDS = 300  # clocks of writers may differ so much
BEHIND_SECONDS = 3_600  # far beyond the longest retry of a commit
MAX_ROWS = 512  # seal rows looked at
MAX_READ = 24  # segments read
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(f"[0-7][{_CROCKFORD}]{{25}}")
_TIME_CHARACTERS = 10
_LAST_SECOND = 253_402_300_799  # of the year 9999: what an instant of the log can say


@dataclass(frozen=True, slots=True)
class Found:
    """`index` is the leaf's number in the whole tree."""

    line: bytes
    segment: Row
    index: int


def made_at(event_id: str) -> float | None:
    """Read the Unix time in an id; None for what is no id of an event."""
    if not _ULID.fullmatch(event_id):
        return None
    milliseconds = 0
    for character in event_id[:_TIME_CHARACTERS]:
        milliseconds = milliseconds * 32 + _CROCKFORD.index(character)
    seconds = milliseconds / 1000
    return seconds if BEFORE_SECONDS < seconds < _LAST_SECOND - BEHIND_SECONDS else None


def find_sealed(log: SealedLog, event_id: str, made: float) -> Found | None:
    """Look for the event in what is sealed; None where it is in none of the segments that could hold it."""
    earliest, latest = rfc3339(made - BEFORE_SECONDS), rfc3339(made + BEHIND_SECONDS)
    last = log.head().segment
    first = log.first_segment(last, lambda row: row["after"]["time_max"] >= earliest)
    rows = (log.segment(number) for number in range(first, min(last, first + MAX_ROWS - 1) + 1))
    candidates = [row for row in rows if row["time"]["max"] >= earliest and row["time"]["min"] <= latest]
    candidates.sort(key=lambda row: _away(row, made))
    for row in itertools.islice(candidates, MAX_READ):
        offset = _offset(log.lines(row["no"]), event_id)
        if offset is not None:
            return Found(log.lines(row["no"])[offset], row, row["index"]["from"] + offset)
    return None


def _away(row: Row, made: float) -> tuple[float, bool]:
    """Say how far in seconds a segment's times lie from `made`; of two as far, the one behind is the likelier."""
    begins, ends = unix_seconds(row["time"]["min"]), unix_seconds(row["time"]["max"])
    return max(begins - made, made - ends, 0.0), ends < made


def _offset(lines: list[bytes], event_id: str) -> int | None:
    member = f',"id":"{event_id}",'.encode()
    for offset, line in enumerate(lines):
        if member in line and _own_id(line) == event_id:
            return offset
    return None


def _own_id(line: bytes) -> str:
    """Read the id of the event itself: objects within it have members of that name too."""
    return str(json.loads(line)["id"])
