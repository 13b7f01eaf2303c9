"""Rows of one log in `audit_seals`, found by number: whoever looks for a moment or an index reads a few of them.

Numbers run without a gap, and sizes, latest times and watermarks never go back, so a row is found by bisection,
however long the log has lived.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from shared.store.attribute import Row
from shared.store.audit_seals import (
    SealHead,
    read_digest,
    read_digest_head,
    read_seal_head,
    read_segment,
    rows_within,
)
from shared.store.wire import JsonService


@dataclass(slots=True)
class SealSearch:
    """`epoch` names one tree of the tenant. Rows that were looked up are kept for the life of this object."""

    dynamodb: JsonService
    table: str
    tenant: str
    epoch: int
    _segments: dict[int, Row] = field(default_factory=dict)
    _digests: dict[int, Row] = field(default_factory=dict)

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

    def digest(self, number: int) -> Row:
        """Read the row of a digest at or below the last one; raises `RuntimeError` where it is missing."""
        if number not in self._digests:
            row = read_digest(self.dynamodb, self.table, self.tenant, self.epoch, number)
            if row is None:
                raise RuntimeError(f"digest {number} of {self.tenant} has no row")
            self._digests[number] = row
        return self._digests[number]

    def segments_within(self, first: int, last: int) -> Iterator[Row]:
        """Read the seal rows from `first` to `last` in pages, and keep none; raises `RuntimeError` where one lacks."""
        return self._within("segment", first, last)

    def digests_within(self, first: int, last: int) -> Iterator[Row]:
        """Read the rows of the digests from `first` to `last` as `segments_within` does."""
        return self._within("digest", first, last)

    def first_segment(self, last: int, holds: Callable[[Row], bool]) -> int:
        """Give the first segment for which `holds`, which stays true from there on; `last` + 1 if none up to it."""
        return 1 + bisect.bisect_left(range(1, last + 1), x=True, key=lambda number: holds(self.segment(number)))

    def first_digest(self, last: Row, holds: Callable[[Row], bool]) -> Row | None:
        """Give the first digest for which `holds`, which stays true from there on; None if none up to `last`."""
        numbers = range(1, last["no"] + 1)
        number = 1 + bisect.bisect_left(numbers, x=True, key=lambda each: holds(self.digest(each)))
        return self.digest(number) if number <= last["no"] else None

    def _within(self, kind: Literal["segment", "digest"], first: int, last: int) -> Iterator[Row]:
        numbers = range(first, last + 1)
        rows = rows_within(self.dynamodb, self.table, self.tenant, kind, self.epoch, numbers)
        for number, row in itertools.zip_longest(numbers, rows):
            if row is None or row["no"] != number:
                raise RuntimeError(f"{kind} {number} of {self.tenant} has no row")
            yield row
