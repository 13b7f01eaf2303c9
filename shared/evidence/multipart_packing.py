"""Which part of a multipart upload carries which bytes of a laid-out archive: arithmetic on sizes.

Rules (Amazon S3 user guide, "Multipart upload limits" and UploadPartCopy)
- Every part but the last is 5 MiB to 5 GiB; at most 10,000 parts.
- A range is copied inside S3 only out of an object above 5 MiB, and only when the range itself
  makes whole parts.
- Everything else (headers, small fragments) collects in glue parts, which pass through our memory.
- A glue part below the minimum takes what it lacks from the head of the range that follows it; the
  rest is copied.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.evidence.zip_layout import Chunk, Layout, ObjectRange, chunk_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class PartLimits:
    """Sizes in bytes. `glue` closes a glue part: a bound on our memory, not one of the protocol.

    An archive of too many parts gets larger glue parts, up to `widest`.
    """

    least: int = 5 * MIB
    most: int = 5 * GIB
    parts: int = 10_000
    glue: int = 8 * MIB
    widest: int = 64 * MIB

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.glue <= self.most or self.most < 2 * self.least:
            raise RuntimeError(f"no archive can be packed under {self}")


S3_LIMITS = PartLimits()


@dataclass(frozen=True, slots=True)
class CopyPart:
    """A part that S3 copies by itself."""

    source: ObjectRange

    @property
    def size(self) -> int:
        return self.source.length


@dataclass(frozen=True, slots=True)
class GluePart:
    """A part that is read, joined and uploaded."""

    chunks: tuple[Chunk, ...]

    @property
    def size(self) -> int:
        return sum(map(chunk_bytes, self.chunks))


Part = CopyPart | GluePart


def pack(archive: Layout, limits: PartLimits = S3_LIMITS) -> tuple[Part, ...]:
    """Choose the parts, in order.

    RuntimeError: the archive needs more parts than one upload may have (make larger fragments).
    """
    packing = _Packing(limits)
    for chunk in archive.chunks:
        packing.add(chunk)
    packing.close()
    if len(packing.parts) <= limits.parts:
        return tuple(packing.parts)
    if 2 * limits.glue > min(limits.widest, limits.most):
        raise RuntimeError(f"{len(packing.parts)} parts, one upload takes {limits.parts}")
    return pack(archive, dataclasses.replace(limits, glue=2 * limits.glue))


@dataclass(slots=True)
class _Packing:
    limits: PartLimits
    parts: list[Part] = field(default_factory=list)
    glue: list[Chunk] = field(default_factory=list)
    held: int = 0  # bytes in `glue`

    def add(self, chunk: Chunk) -> None:
        if isinstance(chunk, ObjectRange) and self._copyable(chunk):
            self._copy(chunk)
            return
        while chunk_bytes(chunk) > (room := self.limits.glue - self.held):
            head, chunk = _split(chunk, room)
            self._hold(head)
        self._hold(chunk)

    def _copy(self, source: ObjectRange) -> None:
        if missing := self._missing():
            head, source = source.split(missing)
            self._hold(head)
        self.close()
        self.parts += map(CopyPart, _whole_parts(source, self.limits))

    def close(self) -> None:
        if self.glue:
            self.parts.append(GluePart(tuple(self.glue)))
            self.glue, self.held = [], 0

    def _missing(self) -> int:
        """Count what the open glue part lacks before another part may follow it."""
        return max(0, self.limits.least - self.held) if self.glue else 0

    def _copyable(self, chunk: ObjectRange) -> bool:
        enough = chunk.length - self._missing() >= self.limits.least
        return enough and chunk.object_bytes > self.limits.least

    def _hold(self, chunk: Chunk) -> None:
        self.glue.append(chunk)
        self.held += chunk_bytes(chunk)
        if self.held >= self.limits.glue:
            self.close()


def _split(chunk: Chunk, at: int) -> tuple[Chunk, Chunk]:
    return (chunk[:at], chunk[at:]) if isinstance(chunk, bytes) else chunk.split(at)


def _whole_parts(source: ObjectRange, limits: PartLimits) -> Iterator[ObjectRange]:
    while source.length > limits.most:
        # The rest must still make a part of its own.
        head, source = source.split(min(limits.most, source.length - limits.least))
        yield head
    yield source
