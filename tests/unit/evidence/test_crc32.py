"""CRC-32 arithmetic against zlib, which reads the bytes."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from shared.evidence import crc32


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_combined_crc_is_the_crc_of_the_joined_bytes(first: bytes, second: bytes) -> None:
    combined = crc32.combine(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_many_parts_combine_to_the_crc_of_all_of_them(parts: list[bytes]) -> None:
    assert crc32.combine_all((zlib.crc32(p), len(p)) for p in parts) == zlib.crc32(b"".join(parts))


def test_parts_of_gibibytes_combine_without_being_read() -> None:
    # CRC-32 of 2^30 and of 2^33 zero bytes, each by joining two halves from one zero byte upwards.
    crc, size, sizes = zlib.crc32(b"\0"), 1, {}
    for _ in range(33):
        crc, size = crc32.combine(crc, crc, size), size * 2
        sizes[size] = crc
    assert sizes[1 << 20] == zlib.crc32(bytes(1 << 20))
    three_gib = crc32.combine(sizes[1 << 31], sizes[1 << 30], 1 << 30)
    assert crc32.combine(sizes[1 << 30], sizes[1 << 31], 1 << 31) == three_gib
    assert crc32.combine(three_gib, sizes[1 << 30], 1 << 30) == sizes[1 << 32]
