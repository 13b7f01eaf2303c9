"""One tenant's log as it is sealed and signed, read by number: how a proof finds what it needs without reading the log.

A seal row holds the frontier behind its segment. The root of any subtree that a proof names follows from the frontier
at the last boundary of segments within it, and the leaves of one segment behind that: so a proof reads about as many
segments as the tree is deep, however long the log is.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass, field

from shared.audit.merkle import Frontier, leaf_hash
from shared.audit.merkle_proof import Path, Span, consistency_spans, inclusion_spans, span_root
from shared.evidence.vault import LockedBucket
from shared.store.attribute import Row
from shared.store.audit_seals import head_of
from shared.store.seal_search import SealSearch


@dataclass(slots=True)
class SealedLog(SealSearch):
    """Rows and lines are kept for the life of this object: one request."""

    vault: LockedBucket = field(kw_only=True)
    _lines: dict[int, list[bytes]] = field(default_factory=dict)

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
