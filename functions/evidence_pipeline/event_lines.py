"""Sealed event lines at speed, for the steps that read millions: ISA-L inflates, msgspec reads and writes.

What comes out is what `segment.unpack` and `canonical` give (a test holds them together); this module is apart because
the sealer and the readers of a page need neither library. Lines come from segments whose hash was checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import msgspec
from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor

from shared.audit.merkle import leaf_hash
from shared.evidence.segment import Event

_BLOCK = 1 << 17  # bytes of lines that are inflated at a time


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"a number without a canonical form: {number}")


_read = msgspec.json.Decoder(float_hook=_refuse).decode
canonical_again = msgspec.json.Encoder(order="deterministic").encode  # of what was read from a canonical line


def events_of(packed: bytes) -> Iterator[Event]:
    """Read a segment that this system sealed; raises `ValueError` when its last line is not complete."""
    for block in _blocks_of(packed):
        for line in block[:-1].split(b"\n"):
            yield Event(line, _read(line), leaf_hash(line))


def _blocks_of(packed: bytes) -> Iterator[bytes]:
    """Inflate some whole lines at a time: all those of a segment would be most of a worker's memory."""
    inflating, coming, rest, found = IgzipDecompressor(flag=DECOMP_GZIP), packed, b"", False
    while not inflating.eof:
        inflated, coming = inflating.decompress(coming, _BLOCK), b""
        if not inflated and not inflating.eof:
            break  # there is no more of it
        block = rest + inflated
        end = block.rfind(b"\n") + 1
        rest, found = block[end:], found or end > 0
        if end:
            yield block[:end]
    if rest or not found or not inflating.eof:
        raise ValueError("a segment ends within a line")
