"""One tenant's log as it is sealed and signed, read by number: how a proof finds what it needs without reading the log.

A seal row holds the frontier behind its segment. The root of any subtree that a proof names follows from the frontier
at the last boundary of segments within it, and the leaves of one segment behind that: so a proof reads about as many
segments as the tree is deep, however long the log is. Numbers run without a gap and sizes grow with them, so rows are
found by bisection.
"""

from __future__ import annotations

import bisect
import gzip
import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from shared.audit.merkle import Frontier, leaf_hash
from shared.audit.merkle_proof import Path, Span, consistency_spans, inclusion_spans, span_root
from shared.evidence.vault import LockedBucket
from shared.store.attribute import Row
from shared.store.audit_seals import (
    SealHead,
    head_of,
    read_digest,
    read_digest_head,
    read_seal_head,
    read_segment,
    rows_within,
)
from shared.store.wire import JsonService


@dataclass(slots=True)
class SealedLog:
    """`epoch` names one tree of the tenant. Rows and lines are kept for the life of this object: one request."""

    dynamodb: JsonService
    vault: LockedBucket
    table: str
    tenant: str
    epoch: int
    _segments: dict[int, Row] = field(default_factory=dict)
    _lines: dict[int, list[bytes]] = field(default_factory=dict)

    def head(self) -> SealHead:
        return read_seal_head(self.dynamodb, self.table, self.tenant, self.epoch)

    def last_digest(self) -> Row | None:
        return read_digest_head(self.dynamodb, self.table, self.tenant, self.epoch)

    def segment(self, number: int) -> Row:
        """Read a seal row at or below the head's; raises `RuntimeError` where it is missing."""
        if number not in self._segments:
            row = read_segment(self.dynamodb, self.table, self.tenant, self.epoch, number)
            if row is None:
                raise RuntimeError(f"segment {number} of {self.tenant} has no seal row")
            self._segments[number] = row
        return self._segments[number]

    def segments_within(self, first: int, last: int) -> Iterator[Row]:
        """Read the seal rows from `first` to `last` in pages, and keep none; raises `RuntimeError` where one lacks."""
        numbers = range(first, last + 1)
        rows = rows_within(self.dynamodb, self.table, self.tenant, "segment", self.epoch, numbers)
        for number, row in itertools.zip_longest(numbers, rows):
            if row is None or row["no"] != number:
                raise RuntimeError(f"segment {number} of {self.tenant} has no seal row")
            yield row

    def first_segment(self, last: int, holds: Callable[[Row], bool]) -> int:
        """Give the first segment for which `holds`, which stays true from there on; `last` + 1 if none up to it."""
        return 1 + bisect.bisect_left(range(1, last + 1), x=True, key=lambda number: holds(self.segment(number)))

    def first_digest(self, last: Row, holds: Callable[[Row], bool]) -> Row | None:
        """Give the first digest for which `holds`, which stays true from there on; None if none up to `last`."""

        def read(number: int) -> Row:
            row = read_digest(self.dynamodb, self.table, self.tenant, self.epoch, number)
            if row is None:
                raise RuntimeError(f"digest {number} of {self.tenant} has no row")
            return row

        number = 1 + bisect.bisect_left(range(1, last["no"] + 1), x=True, key=lambda each: holds(read(each)))
        return read(number) if number <= last["no"] else None

    def lines(self, number: int) -> list[bytes]:
        """Read the event lines of a segment; raises `RuntimeError` when it is not what was sealed."""
        if number not in self._lines:
            self._lines[number] = self.lines_of(self.segment(number))
        return self._lines[number]

    def lines_of(self, row: Row) -> list[bytes]:
        """Read the lines of a seal row's segment, as `lines`, and keep nothing: for whoever goes through many once."""
        packed = self.vault.read(row["key"], row["version_id"])
        if hashlib.sha256(packed).hexdigest() != row["sha256_gz"]:
            raise RuntimeError(f"{row['key']} is not the segment that was sealed")
        return gzip.decompress(packed).removesuffix(b"\n").split(b"\n")

    def inclusion(self, index: int, digest: Row) -> Path:
        """Prove leaf `index` in the tree of `digest` (a digest's row)."""
        return tuple(self._root(span, digest) for span in inclusion_spans(index, digest["tree_size"]))

    def consistency(self, older: Row, digest: Row) -> Path:
        """Prove that the tree of `digest` begins with that of `older`."""
        return tuple(self._root(span, digest) for span in consistency_spans(older["tree_size"], digest["tree_size"]))

    def _root(self, span: Span, digest: Row) -> bytes:
        # Strictly in front of the end: a boundary at the end may have merged the span into a larger subtree.
        number = self.first_segment(digest["segment"], lambda row: row["after"]["tree_size"] >= span.end)
        before = head_of(number - 1, self.segment(number - 1)["after"]).frontier if number > 1 else Frontier()
        lines = self.lines(number)[max(span.start - before.size, 0) : span.end - before.size]
        return span_root(span, before, [leaf_hash(line) for line in lines])
