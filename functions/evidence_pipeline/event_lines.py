"""Sealed event lines at speed, for the steps that read millions: ISA-L inflates, msgspec reads and writes.

What comes out is what `segment.unpack` and `canonical` give (a test holds them together); this module is apart because
the sealer and the readers of a page need neither library. Lines come from segments whose hash was checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import msgspec
from isal import isal_zlib

from shared.audit.merkle import leaf_hash
from shared.evidence.segment import Event

_GZIP = 31  # window bits: 15, and 16 for a gzip frame with its CRC-32


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"a number without a canonical form: {number}")


_read = msgspec.json.Decoder(float_hook=_refuse).decode
canonical_again = msgspec.json.Encoder(order="deterministic").encode  # of what was read from a canonical line


def events_of(packed: bytes) -> Iterator[Event]:
    """Read a segment that this system sealed; raises `ValueError` when its last line is not complete."""
    raw = isal_zlib.decompress(packed, wbits=_GZIP)
    if not raw.endswith(b"\n"):
        raise ValueError("a segment ends within a line")
    for line in raw[:-1].split(b"\n"):
        yield Event(line, _read(line), leaf_hash(line))
