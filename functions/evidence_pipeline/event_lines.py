"""Sealed event lines at speed, for the steps that read millions: ISA-L inflates, msgspec reads and writes.

What comes out is what `segment.unpack` and `canonical` give (a test holds them together); this module is apart because
the sealer and the readers of a page need neither library. Lines come from segments whose hash was checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import msgspec
from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor

from shared.audit.merkle import LEAF_PREFIX, leaf_hash
from shared.evidence.segment import Event

_BLOCK = 1 << 16  # bytes of lines that are inflated at a time


class Actor(msgspec.Struct, gc=False):
    """Who acted, as a row tells it."""

    type: str
    id: str | None
    session: str | None


class Context(msgspec.Struct, gc=False):
    """Where from, as a row tells it."""

    ip_net: str | None = None
    country: str | None = None
    correlation_id: str | None = None


class Target(msgspec.Struct, gc=False):
    """On what."""

    type: str | None = None
    id: str | None = None


class Irregular(msgspec.Struct, gc=False):
    """What sorting asks of every line. One that says no more of its members is written by way of `whole`."""

    action: str
    id: str
    lane: str
    pii: tuple[dict[str, Any], ...]
    prev: str
    seq: int
    time: str


class Line(Irregular, gc=False):
    """A line whose members have the types that the ledger gives them; `meta` stays the bytes that stand in it."""

    actor: Actor
    change: dict[str, Any] | None
    context: Context
    meta: msgspec.Raw
    on_behalf_of: str | None
    outcome: str
    reason: str | None
    resource: str
    risk: dict[str, Any] | None
    targets: tuple[Target, ...]


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"a number without a canonical form: {number}")


read = msgspec.json.Decoder(float_hook=_refuse).decode
canonical_again = msgspec.json.Encoder(order="deterministic").encode  # of what was read from a canonical line
_lines = msgspec.json.Decoder(Line, float_hook=_refuse).decode_lines
_irregular_lines = msgspec.json.Decoder(Irregular, float_hook=_refuse).decode_lines
_leaf = hashlib.sha256(LEAF_PREFIX)


def whole(line: bytes) -> Event:
    """Read all members of a line."""
    return Event(line, read(line), leaf_hash(line))


def leaf_of(line: bytes) -> str:
    """Give the leaf hash of a line in hex."""
    begun = _leaf.copy()
    begun.update(line)
    return begun.hexdigest()


def blocks_of(packed: bytes) -> Iterator[tuple[Sequence[bytes], Sequence[Irregular]]]:
    """Read a segment that this system sealed, some lines at a time: the lines, and their members.

    All lines of a segment would be most of a worker's memory. Raises `ValueError` when the last one is not complete.
    """
    for block in _inflated(packed):
        yield block[:-1].split(b"\n"), _members(block)


def _members(block: bytes) -> Sequence[Irregular]:
    try:
        return _lines(block)
    except msgspec.ValidationError:
        return _irregular_lines(block)


def _inflated(packed: bytes) -> Iterator[bytes]:
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
