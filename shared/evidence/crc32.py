"""CRC-32 of joined bytes, computed from the CRC-32s of the parts.

Workers compress fragments of one file far apart; the ZIP entry needs the CRC-32 of the whole
content, which nobody reads again. CRC-32 is linear over GF(2): appending n bytes multiplies the CRC
so far by x^(8n) modulo the polynomial, and the CRC of the second part is added (exclusive or).
Polynomials are in the reflected bit order of ZIP and zlib: bit 31 is x^0.
"""

from __future__ import annotations

from functools import cache, reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_POLYNOMIAL = 0xEDB88320  # ZIP APPNOTE 4.4.7, reflected
_ONE = 1 << 31  # x^0
_X = 1 << 30  # x^1


def combine(first: int, second: int, second_bytes: int) -> int:
    """CRC-32 of `a + b`, given `crc32(a)`, `crc32(b)` and `len(b)`."""
    return _multiply(_power_of_x8(second_bytes), first) ^ second


def combine_all(parts: Iterable[tuple[int, int]]) -> int:
    """CRC-32 of all parts joined, each given as (CRC-32, length in bytes); 0 for no parts."""
    return reduce(lambda joined, part: combine(joined, *part), parts, 0)


def _multiply(a: int, b: int) -> int:
    product = 0
    for shift in range(31, -1, -1):
        if a >> shift & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


@cache
def _squared_x(times: int) -> int:
    """x^(2^times) modulo the polynomial."""
    if times == 0:
        return _X
    root = _squared_x(times - 1)
    return _multiply(root, root)


def _power_of_x8(exponent: int) -> int:
    """x^(8 * exponent) modulo the polynomial, by the binary digits of the exponent."""
    power, times = _ONE, 3  # 2^3 = 8 bits a byte
    while exponent:
        if exponent & 1:
            power = _multiply(_squared_x(times), power)
        exponent >>= 1
        times += 1
    return power
