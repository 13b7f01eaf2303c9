"""`audit_seals`: how far each log is sealed and signed.

| `seal` | what the row holds |
| --- | --- |
| `head#<epoch>` | segments so far, tree size, frontier, lane heads, latest event time |
| `segment#<epoch>#<number>` | one sealed segment: object, hashes, index and time range, counts by action and by facet |
| `digest_head#<epoch>` | the last signed digest |
| `digest#<epoch>#<number>` | one signed digest: object, hash, tree, watermark |

The rows are bookkeeping over the locked objects, not a second truth: all of them can be rebuilt from the vault. A row
is put once; the heads move by conditional writes, so of two sealers one wins and the other starts over.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.audit.merkle import Frontier
from shared.store.attribute import Row
from shared.store.audit_logs import Head
from shared.store.condition import Clause, absent, between, equals
from shared.store.item import Item, get, put, query
from shared.store.wire import JsonService

NUMBER_DIGITS = 12
ROW_ONLY = frozenset({"tenant", "seal", "after", "facets"})  # of a segment's row: what no digest states of it


@dataclass(frozen=True, slots=True)
class SealHead:
    """How far a log is sealed. Of a log that never was: segment 0, an empty tree, no lanes."""

    segment: int = 0
    frontier: Frontier = field(default_factory=Frontier)
    lanes: Mapping[str, Head] = field(default_factory=dict)
    time_max: str | None = None


def state_of(head: SealHead) -> dict[str, Any]:
    """Write a head's tree and lanes as a row holds them; `head_of` reads them back."""
    return {
        "tree_size": head.frontier.size,
        "frontier": [node.hex() for node in head.frontier.nodes],
        "lanes": {lane: {"seq": entry.seq, "hash": entry.leaf} for lane, entry in head.lanes.items()},
        "time_max": head.time_max,
    }


def head_of(segment: int, state: Mapping[str, Any]) -> SealHead:
    return SealHead(
        segment=segment,
        frontier=Frontier(state["tree_size"], tuple(bytes.fromhex(node) for node in state["frontier"])),
        lanes={lane: Head(entry["seq"], entry["hash"]) for lane, entry in state["lanes"].items()},
        time_max=state["time_max"],
    )


def number_of(number: int) -> str:
    return f"{number:0{NUMBER_DIGITS}d}"


def read_seal_head_row(dynamodb: JsonService, table: str, tenant: str, epoch: int) -> Row | None:
    """Read the head as it stands, for whoever judges it; `None` for a log that was never sealed."""
    return get(dynamodb, table, {"tenant": tenant, "seal": f"head#{epoch}"})


def read_seal_head(dynamodb: JsonService, table: str, tenant: str, epoch: int) -> SealHead:
    row = get(dynamodb, table, {"tenant": tenant, "seal": f"head#{epoch}"})
    return SealHead() if row is None else head_of(row["segment"], row)


def seal_head_item(table: str, tenant: str, epoch: int, head: SealHead, previous_segment: int) -> Item:
    """Move the head from `previous_segment` (0: there is none yet); label `head`."""
    row = {
        "tenant": tenant,
        "seal": f"head#{epoch}",
        "segment": head.segment,
        **state_of(head),
    }
    return put(table, row, _still("segment", previous_segment), label="head")


def segment_item(table: str, tenant: str, epoch: int, segment: Row) -> Item:
    return put(table, _numbered(tenant, "segment", epoch, segment), absent("tenant"), label="segment")


def segments_after(dynamodb: JsonService, table: str, tenant: str, epoch: int, number: int) -> Iterator[Row]:
    """Read the rows of the segments behind `number`, in order."""
    return _rows_after(dynamodb, table, tenant, f"segment#{epoch}#", number)


def segments_back_to(dynamodb: JsonService, table: str, tenant: str, epoch: int, instant: str) -> Iterator[Row]:
    """Read the rows of the segments, newest first, as far back as events at or behind `instant` can stand."""
    first, last = (f"segment#{epoch}#{digit * NUMBER_DIGITS}" for digit in "09")
    rows = query(dynamodb, table, equals("tenant", tenant), between("seal", first, last), descending=True)
    return itertools.takewhile(lambda row: row["time"]["max"] >= instant, rows)


def read_segment(dynamodb: JsonService, table: str, tenant: str, epoch: int, number: int) -> Row | None:
    return get(dynamodb, table, {"tenant": tenant, "seal": f"segment#{epoch}#{number_of(number)}"})


def read_digest(dynamodb: JsonService, table: str, tenant: str, epoch: int, number: int) -> Row | None:
    return get(dynamodb, table, {"tenant": tenant, "seal": f"digest#{epoch}#{number_of(number)}"})


def read_digest_head(dynamodb: JsonService, table: str, tenant: str, epoch: int) -> Row | None:
    """Read the last digest's row; `None` while nothing was ever signed."""
    return get(dynamodb, table, {"tenant": tenant, "seal": f"digest_head#{epoch}"})


def digest_items(table: str, tenant: str, epoch: int, digest: Row) -> tuple[Item, Item]:
    """Add a digest's row and move the digest head to it; labels `digest` and `digest_head`."""
    head = {**digest, "tenant": tenant, "seal": f"digest_head#{epoch}"}
    return (
        put(table, _numbered(tenant, "digest", epoch, digest), absent("tenant"), label="digest"),
        put(table, head, _still("no", digest["no"] - 1), label="digest_head"),
    )


def digests_after(dynamodb: JsonService, table: str, tenant: str, epoch: int, number: int) -> Iterator[Row]:
    return _rows_after(dynamodb, table, tenant, f"digest#{epoch}#", number)


def newest_digests(dynamodb: JsonService, table: str, tenant: str, epoch: int) -> Iterator[Row]:
    """Read the rows of the digests, newest first."""
    first, last = (f"digest#{epoch}#{digit * NUMBER_DIGITS}" for digit in "09")
    return query(dynamodb, table, equals("tenant", tenant), between("seal", first, last), descending=True)


def rows_within(dynamodb: JsonService, table: str, tenant: str, kind: str, epoch: int, numbers: range) -> Iterator[Row]:
    """Read the rows of `kind` ("segment" or "digest") with these numbers, whatever they hold."""
    if not numbers:
        return iter(())
    first, last = (f"{kind}#{epoch}#{number_of(number)}" for number in (numbers[0], numbers[-1]))
    return query(dynamodb, table, equals("tenant", tenant), between("seal", first, last))


def _numbered(tenant: str, kind: str, epoch: int, row: Row) -> dict[str, Any]:
    return {**row, "tenant": tenant, "seal": f"{kind}#{epoch}#{number_of(row['no'])}"}


def _still(counter: str, number: int) -> Clause:
    return equals(counter, number) if number else absent("tenant")


def _rows_after(dynamodb: JsonService, table: str, tenant: str, prefix: str, number: int) -> Iterator[Row]:
    first = f"{prefix}{number_of(number + 1)}"
    last = f"{prefix}{'9' * NUMBER_DIGITS}"
    return query(dynamodb, table, equals("tenant", tenant), between("seal", first, last))
