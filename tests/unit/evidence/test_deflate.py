"""Fragments: what is described is what was written, and fragments join."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.evidence.deflate import FINAL_BLOCK, Fragment, deflate, store

Make = Callable[[Iterable[bytes], Callable[[bytes], object]], Fragment]
CONTENTS = st.lists(st.binary(max_size=400), max_size=5)


def _inflate(body: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(body)
    assert inflater.eof
    assert not inflater.unused_data
    return content


@given(CONTENTS)
def test_a_deflate_fragment_and_the_final_block_inflate_to_the_content(parts: list[bytes]) -> None:
    written = bytearray()
    deflate(parts, written.extend)
    assert _inflate(bytes(written) + FINAL_BLOCK) == b"".join(parts)


@given(st.lists(CONTENTS, max_size=4))
def test_fragments_made_apart_inflate_as_one_body(fragments: list[list[bytes]]) -> None:
    body = bytearray()
    for parts in fragments:
        deflate(parts, body.extend)
    assert _inflate(bytes(body) + FINAL_BLOCK) == b"".join(b"".join(parts) for parts in fragments)


@given(CONTENTS)
def test_a_stored_fragment_is_its_content(parts: list[bytes]) -> None:
    written = bytearray()
    fragment = store(parts, written.extend)
    assert bytes(written) == b"".join(parts)
    assert fragment.stored_bytes == fragment.content_bytes == len(written)


@pytest.mark.parametrize("make", [deflate, store])
def test_a_fragment_describes_its_content_and_its_stored_size(make: Make) -> None:
    written = bytearray()
    fragment = make([b"a,b\r\n" * 100, b"", b"c"], written.extend)
    content = b"a,b\r\n" * 100 + b"c"
    assert fragment.crc32 == zlib.crc32(content)
    assert fragment.content_bytes == len(content)
    assert fragment.content_sha256 == hashlib.sha256(content).hexdigest()
    assert fragment.stored_bytes == len(written)


def test_content_is_handed_on_while_it_is_read() -> None:
    written: list[bytes] = []
    source = (hashlib.shake_128(bytes([n])).digest(100_000) for n in range(20))
    deflate(source, written.append)
    assert len(written) >= 10
    assert max(map(len, written)) < 300_000


def test_a_fragment_survives_json() -> None:
    fragment = deflate([b"evidence"], bytearray().extend)
    assert Fragment.from_json(fragment.to_json()) == fragment


@pytest.mark.parametrize(
    "changed",
    [{"method": "bzip2"}, {"crc32": -1}, {"content_bytes": "7"}, {"content_sha256": None}],
)
def test_a_fragment_described_wrongly_is_broken_wiring(changed: dict[str, object]) -> None:
    described = deflate([b"evidence"], bytearray().extend).to_json() | changed
    with pytest.raises(RuntimeError, match="not a described fragment"):
        Fragment.from_json(described)


def test_a_fragment_described_in_part_is_broken_wiring() -> None:
    described = deflate([b"evidence"], bytearray().extend).to_json()
    del described["crc32"]
    with pytest.raises(RuntimeError, match="crc32"):
        Fragment.from_json(described)
