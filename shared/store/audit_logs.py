"""`audit_logs`: the tail of every lane, one row an event. Rows are put once; nobody may change or remove one.

| attribute | what it holds |
| --- | --- |
| `log_lane` | `<tenant>#<epoch>#<lane>` |
| `seq` | 1, 2, 3 ... without a gap: the key is the lock that makes a lane a chain |
| `line` | the canonical line, exactly the bytes that are hashed and sealed |
| `leaf` | its leaf hash (hex), which the next event carries as `prev` |
| `ttl` | Unix seconds; long after sealing, the locked segments are the record |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.audit.event import GENESIS, Line
from shared.store.condition import absent, at_least, equals
from shared.store.item import Item, put, query
from shared.store.wire import JsonService


class Head(NamedTuple):
    """The last event of a lane; `seq` 0 and `GENESIS` stand for a lane without events."""

    seq: int = 0
    leaf: str = GENESIS


class Entry(NamedTuple):
    seq: int
    line: str
    leaf: str


def lane_key(tenant: str, epoch: int, lane: str) -> str:
    return f"{tenant}#{epoch}#{lane}"


def append_item(table: str, lane: str, seq: int, line: Line, ttl: int, label: str) -> Item:
    row = {"log_lane": lane, "seq": seq, "line": line.text, "leaf": line.leaf, "ttl": ttl}
    # A put without this condition would overwrite history; the stream would show it (see audit_tripwire).
    return put(table, row, absent("log_lane"), label=label)


def read_head(dynamodb: JsonService, table: str, lane: str) -> Head:
    for row in query(dynamodb, table, equals("log_lane", lane), descending=True, limit=1):
        return Head(row["seq"], row["leaf"])
    return Head()


def newest_entries(dynamodb: JsonService, table: str, lane: str) -> Iterator[Entry]:
    """Read what the table holds of a lane, the last event first: for whoever stops before long."""
    for row in query(dynamodb, table, equals("log_lane", lane), descending=True):
        yield Entry(row["seq"], row["line"], row["leaf"])


class BrokenLaneError(ValueError):
    """The table does not hold what was sealed from it: restored, emptied or rewritten. Never repaired here."""


def entries_after(dynamodb: JsonService, table: str, lane: str, sealed: Head) -> Iterator[Entry]:
    """Read a lane behind its sealed head, in order and consistently.

    Raises `BrokenLaneError` where the table does not hold that head itself: what came after it would otherwise be
    invisible, and the log would still be stated to end there.
    """
    rows = query(dynamodb, table, equals("log_lane", lane), at_least("seq", max(sealed.seq, 1)))
    if sealed.seq:
        first = next(rows, None)
        if first is None or (first["seq"], first["leaf"]) != (sealed.seq, sealed.leaf):
            raise BrokenLaneError(f"lane {lane} does not hold its sealed event {sealed.seq}")
    for row in rows:
        yield Entry(row["seq"], row["line"], row["leaf"])
