"""`audit_logs`: the tail of every lane, one row an event. Rows are put once; nobody may change or remove one.

A log has lane 0 from its first event on. Every other lane is opened by an AUDIT_LANE_OPENED in lane 0, committed
together with its first event, and none ever closes: whoever reads lane 0 learns of all. Whatever reads a log reads it
by `log_tail`, which leaves no lane out.

| attribute | what it holds |
| --- | --- |
| `log_lane` | `<tenant>#<epoch>#<lane>` |
| `seq` | 1, 2, 3 ... without a gap: the key is the lock that makes a lane a chain |
| `line` | the canonical line, exactly the bytes that are hashed and sealed |
| `leaf` | its leaf hash (hex), which the next event carries as `prev` |
| `ttl` | Unix seconds; long after sealing, the locked segments are the record |

Beside each lane stands one row that never expires, put together with the first event of the lane: `log_lane` is
`<tenant>#<epoch>#<lane>#begun`, `seq` 1, and `begun` the Unix second. A lane of which nothing is left in the table
looks like one that never began; this row tells them apart, and its condition keeps writers from beginning a lane twice.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.audit.canonical import canonical
from shared.audit.event import GENESIS, NOTHING, Line
from shared.audit.merkle import leaf_hash
from shared.audit.moment import unix_seconds
from shared.store.attribute import Row
from shared.store.condition import absent, at_least, equals, within
from shared.store.item import Item, put, query
from shared.store.wire import JsonService

FIRST_LANE = "0"
LANE_OPENED = "AUDIT_LANE_OPENED"  # in lane 0; `meta.lane` names the lane
MOST_LANES = 64
EXPIRY_MARGIN_SECONDS = 2 * 86_400  # clocks differ, and a writer may remember a head for a day
_NAME_OF_OPENED = re.compile(r"[1-9][0-9]?")


class Head(NamedTuple):
    """The last event of a lane; `seq` 0 and `GENESIS` stand for a lane without events."""

    seq: int = 0
    leaf: str = GENESIS


class Entry(NamedTuple):
    """One row; `members` are those of its line where the reader has checked it (`entries_after`), else empty."""

    seq: int
    line: str
    leaf: str
    members: Mapping[str, Any] = NOTHING


def lane_key(tenant: str, epoch: int, lane: str) -> str:
    return f"{tenant}#{epoch}#{lane}"


def append_item(table: str, lane: str, seq: int, line: Line, ttl: int, label: str) -> Item:
    row = {"log_lane": lane, "seq": seq, "line": line.text, "leaf": line.leaf, "ttl": ttl}
    # A put without this condition would overwrite history; the stream would show it (see audit_tripwire).
    return put(table, row, absent("log_lane"), label=label)


def begin_item(table: str, lane: str, now: float, label: str) -> Item:
    """Say for good that a lane has begun: part of the transaction that puts its first event."""
    return put(table, {**_beginning_of(lane), "begun": int(now)}, absent("log_lane"), label=label)


def read_head(dynamodb: JsonService, table: str, lane: str) -> Head:
    for row in query(dynamodb, table, equals("log_lane", lane), descending=True, limit=1):
        return Head(row["seq"], row["leaf"])
    return Head()


class ExpiredLaneError(RuntimeError):
    """The last row of a lane has expired, or is about to: who appended now could write its history a second time."""


def head_to_continue(dynamodb: JsonService, table: str, lane: str, now: float, ttl_seconds: int) -> Head:
    """Read where a lane ends, for whoever appends at `now`; rows live `ttl_seconds` by the present setting.

    Raises `ExpiredLaneError` where that cannot be known. DynamoDB removes expired rows in any order, so the last row
    that is there is the lane's last only if no later one can have expired: an expired row says nothing, nor does an
    empty lane that began long ago.
    """
    latest = int(now) + EXPIRY_MARGIN_SECONDS
    for row in query(dynamodb, table, equals("log_lane", lane), descending=True, limit=1):
        if _expires_at(row, ttl_seconds) <= latest:
            raise ExpiredLaneError(f"lane {lane}: event {row['seq']} expires, and what came behind it may be gone")
        return Head(row["seq"], row["leaf"])
    # By Query: whoever writes may put and query here, and nothing else.
    for beginning in query(dynamodb, table, equals("log_lane", _beginning_of(lane)["log_lane"]), limit=1):
        if beginning["begun"] + ttl_seconds <= latest:
            raise ExpiredLaneError(f"lane {lane} has begun, and all of its events have expired")
    return Head()  # or somebody is just beginning it: then the put of the beginning fails


def _expires_at(row: Row, ttl_seconds: int) -> float:
    """Say when a row expires, by the present setting too: a later row lived shorter where that was lowered.

    Of a row that no writer put, never: what was tampered with is told of in the log itself, behind it.
    """
    try:
        return float(min(row["ttl"], unix_seconds(json.loads(row["line"])["time"]) + ttl_seconds))
    except (ValueError, KeyError, TypeError, RecursionError):
        return math.inf


def _beginning_of(lane: str) -> dict[str, Any]:
    return {"log_lane": f"{lane}#begun", "seq": 1}


def newest_entries(dynamodb: JsonService, table: str, lane: str) -> Iterator[Entry]:
    """Read what the table holds of one lane (see `open_lanes`), the last event first: for whoever stops before long.

    Raises `BrokenLaneError` at the first row that is no event of this place, or that the one behind it does not follow.
    """
    behind: Entry | None = None
    for row in query(dynamodb, table, equals("log_lane", lane), descending=True):
        entry = _checked(lane, row)
        if behind is not None and (behind.seq, behind.members.get("prev")) != (entry.seq + 1, entry.leaf):
            raise BrokenLaneError(f"lane {lane}: {behind.seq} does not follow {entry.seq}")
        yield entry
        behind = entry


class BrokenLaneError(ValueError):
    """The table does not hold what was sealed from it: restored, emptied or rewritten. Never repaired here."""


def entries_after(dynamodb: JsonService, table: str, lane: str, sealed: Head) -> Iterator[Entry]:
    """Read a lane behind its sealed head, in order and consistently.

    Raises `BrokenLaneError` where the table does not hold that head itself: what came after it would otherwise be
    invisible, and the log would still be stated to end there. Raises it, too, at the first row that no writer of this
    system can have put there; every row before it was handed out by then.
    """
    rows = query(dynamodb, table, equals("log_lane", lane), at_least("seq", max(sealed.seq, 1)))
    if sealed.seq:
        first = next(rows, None)
        if first is None or (first["seq"], first["leaf"]) != (sealed.seq, sealed.leaf):
            raise BrokenLaneError(f"lane {lane} does not hold its sealed event {sealed.seq}")
    head = sealed
    for row in rows:
        entry = _checked(lane, row)
        if entry.seq != head.seq + 1:
            raise BrokenLaneError(f"lane {lane}: {entry.seq} does not follow {head.seq}")
        if entry.members.get("prev") != head.leaf:
            raise BrokenLaneError(f"lane {lane}: {entry.seq} does not follow {head.seq}, whose leaf is another")
        yield entry
        head = Head(entry.seq, entry.leaf)


def opened_lane(members: Mapping[str, Any]) -> str | None:
    """Name the lane that an event opens, `None` for every other event. `members` is the parsed line.

    Raises `BrokenLaneError` for an opening that this system never writes.
    """
    if members["action"] != LANE_OPENED:
        return None
    name = members["meta"].get("lane")
    if members["lane"] != FIRST_LANE or not isinstance(name, str) or not _NAME_OF_OPENED.fullmatch(name):
        raise BrokenLaneError(f"event {members['seq']} of lane {members['lane']} opens {name!r}")
    if int(name) >= MOST_LANES:
        raise BrokenLaneError(f"event {members['seq']} opens lane {name}, of {MOST_LANES}")
    return name


def log_tail(dynamodb: JsonService, table: str, tenant: str, epoch: int, sealed: Mapping[str, Head]) -> Iterator[Entry]:
    """Read what comes behind the sealed heads: of lane 0 first, then of each other lane in the order of the numbers.

    The lanes are those with a sealed head, and those that the tail of lane 0 opens; so an opening stands before the
    first event of its lane, and nothing is read of a lane that was opened later than lane 0 was read. Between lanes
    the order says nothing about time. Raises `BrokenLaneError` as `entries_after` and `opened_lane` do.
    """
    opened = {lane for lane in sealed if lane != FIRST_LANE}
    for entry in entries_after(dynamodb, table, _first(tenant, epoch), sealed.get(FIRST_LANE, Head())):
        opened |= _opened_by(entry)
        yield entry
    for lane in sorted(opened, key=int):
        yield from entries_after(dynamodb, table, lane_key(tenant, epoch, lane), sealed.get(lane, Head()))


def open_lanes(dynamodb: JsonService, table: str, tenant: str, epoch: int, sealed: Mapping[str, Head]) -> list[str]:
    """Name every open lane, in the order of numbers: those with a sealed head, and those that lane 0 opened since."""
    opened = {FIRST_LANE, *sealed}
    for entry in entries_after(dynamodb, table, _first(tenant, epoch), sealed.get(FIRST_LANE, Head())):
        opened |= _opened_by(entry)
    return sorted(opened, key=int)


def _first(tenant: str, epoch: int) -> str:
    return lane_key(tenant, epoch, FIRST_LANE)


def _opened_by(entry: Entry) -> set[str]:
    lane = opened_lane(entry.members)
    return set() if lane is None else {lane}


def entries_within(dynamodb: JsonService, table: str, lane: str, first: int, last: int | None) -> Iterator[Entry]:
    """Read what the table holds between two numbers, both included, whatever it is: for whoever judges it.

    A row without a line or a leaf has "" there.
    """
    bound = at_least("seq", first) if last is None else within("seq", first, last)
    for row in query(dynamodb, table, equals("log_lane", lane), bound):
        yield Entry(row["seq"], str(row.get("line", "")), str(row.get("leaf", "")))


def _checked(lane: str, row: Row) -> Entry:
    """Read a row as what it must be: the canonical line of an event of this place, and its leaf."""
    seq, line = row["seq"], row.get("line")
    place = f"row {seq} of lane {lane}"
    if not isinstance(line, str):
        raise BrokenLaneError(f"{place} has no line")
    members = _members(line, place)
    tenant, epoch, name = lane.rsplit("#", 2)
    if [members.get(each) for each in ("tenant", "epoch", "lane", "seq")] != [tenant, int(epoch), name, seq]:
        raise BrokenLaneError(f"{place} holds an event of another place")
    leaf = leaf_hash(line.encode()).hex()
    if row.get("leaf") != leaf:
        raise BrokenLaneError(f"{place} does not have the leaf of its line")
    return Entry(seq, line, leaf, members)


def _members(line: str, place: str) -> Mapping[str, Any]:
    """Parse a line. Anything but canonical JSON would be locked for years, and verify never."""
    try:
        members = json.loads(line)
        sound = isinstance(members, dict) and canonical(members) == line.encode()
        sound = sound and isinstance(members["action"], str) and isinstance(members["meta"], dict)
        sound = sound and unix_seconds(members["time"]) >= 0
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise BrokenLaneError(f"{place} holds no canonical line of an event: {type(fault).__name__}") from fault
    if not sound:
        raise BrokenLaneError(f"{place} holds no canonical line of an event")
    event: Mapping[str, Any] = members
    return event
