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
from dataclasses import dataclass

from shared.audit.event import GENESIS, Line
from shared.store.condition import above, absent, equals
from shared.store.item import Item, put, query
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of a lane; `seq` 0 and `GENESIS` stand for a lane without events."""

    seq: int = 0
    leaf: str = GENESIS


@dataclass(frozen=True, slots=True)
class Entry:
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


def entries_after(dynamodb: JsonService, table: str, lane: str, seq: int) -> Iterator[Entry]:
    """Read a lane from `seq` (exclusive) to its end, in order and consistently."""
    for row in query(dynamodb, table, equals("log_lane", lane), above("seq", seq)):
        yield Entry(row["seq"], row["line"], row["leaf"])
