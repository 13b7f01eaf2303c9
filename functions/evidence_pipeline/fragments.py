"""The growing fragments of one shard: one a file, each in an object of its own in the working folder.

S3 copies a part only out of an object above 5 MiB, and sealed segments are smaller. So the worker that reads them
anyway gathers them, and what a report gets of them, into objects that the archive can be made of without their bytes
passing through the assembler.
"""

from __future__ import annotations

import itertools
from types import TracebackType
from typing import Any, Self

from shared.evidence.deflate import FragmentMaker, GzipMember
from shared.evidence.s3_archive import GrowingPiece, Workbench

FRAGMENT_BYTES = 256 << 20  # where a fragment is closed and the next one begun
DISCLOSURE, EVENTS = "disclosure", "events"
_BLOCK = 65_536  # bytes of content that are compressed at a time


class Growing:
    """One fragment; `between` separates its records."""

    def __init__(self, name: str, piece: GrowingPiece, maker: FragmentMaker | GzipMember, between: bytes) -> None:
        self._name, self.piece, self._maker, self.between = name, piece, maker, between
        self._held: list[bytes] = []
        self._gathered = 0
        self._rows = self._first_index = self._last_index = self._neutralised = 0

    def add(self, index: int, record: bytes) -> None:
        self.add_all(index, index, 1, record)

    def add_all(self, first: int, last: int, count: int, records: bytes, neutralised: int = 0) -> None:
        """Take some records, at least one, that have what stands between them already."""
        if self._rows:
            records = self.between + records
        else:
            self._first_index = first
        self._rows += count
        self._last_index = last
        self._neutralised += neutralised
        self._held.append(records)
        self._gathered += len(records)
        if self._gathered >= _BLOCK:
            self._compress()

    @property
    def grown(self) -> int:
        """Count the bytes that are stored, and those that wait to be compressed."""
        return self.piece.size + self._gathered

    def close(self) -> dict[str, Any]:
        """Let the object appear; gives what the manifest needs to know of it."""
        self._compress()
        fragment = self._maker.finish()
        return {
            "name": self._name,
            "version_id": self.piece.close(),
            "fragment": fragment.to_json(),
            "rows": self._rows,
            "first_index": self._first_index,
            "last_index": self._last_index,
            "neutralised": self._neutralised,
        }

    def _compress(self) -> None:
        self._maker.add(b"".join(self._held))
        self._held, self._gathered = [], 0


class Fragments:
    """Takes content in the order of the log; leaving it by an exception gives up what is not closed."""

    def __init__(self, workbench: Workbench, shard: int) -> None:
        self._workbench = workbench
        self._shard = shard
        self._growing: dict[str, Growing] = {}
        self._closed: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        for growing in self._growing.values():
            growing.piece.abort()

    def of(self, slug: str, between: bytes = b"") -> Growing:
        """Give the fragment of a file that grows, or begin one."""
        growing = self._growing.get(slug)
        if growing is None:
            growing = self._growing[slug] = self._begun(slug, between)
        return growing

    def cut(self) -> None:
        """Close what has grown enough: the next content begins another fragment."""
        for slug, growing in list(self._growing.items()):
            if growing.grown >= FRAGMENT_BYTES:
                self._close(slug)

    def close(self) -> list[dict[str, Any]]:
        """Close what still grows; gives the first fragments of the files, then their second ones, and so on."""
        for slug in list(self._growing):
            self._close(slug)
        rounds = itertools.zip_longest(*self._closed.values())
        return [
            {slug: part for slug, part in zip(self._closed, parts, strict=True) if part is not None} for parts in rounds
        ]

    def _begun(self, slug: str, between: bytes) -> Growing:
        name = f"{slug}-{self._shard:05d}-{len(self._closed.get(slug, ())):05d}.deflate"
        piece = self._workbench.growing(name)
        if slug == DISCLOSURE:  # a gzip member, like the segments that it speaks of
            return Growing(name, piece, GzipMember(piece.write), between)
        return Growing(name, piece, FragmentMaker("stored" if slug == EVENTS else "deflate", piece.write), between)

    def _close(self, slug: str) -> None:
        self._closed.setdefault(slug, []).append(self._growing[slug].close())
        del self._growing[slug]
