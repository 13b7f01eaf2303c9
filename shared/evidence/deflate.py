"""Fragments: pieces of a ZIP entry's body, compressed apart and joined without being read again.

Rules
- A deflate fragment is raw deflate (RFC 1951, no zlib or gzip frame) that ends in a full flush:
  byte aligned, without a final block, and without references across its start. So fragments join
  by concatenation, and `FINAL_BLOCK` closes the body.
- A stored fragment is its content, byte for byte.
- A fragment is described by what a ZIP header and the manifest need: CRC-32, both sizes and the
  SHA-256 of the *content*.
- Bytes go to `write` as they are made; nothing here holds a whole fragment.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Method = Literal["deflate", "stored"]

FINAL_BLOCK = b"\x03\x00"  # RFC 1951 section 3.2.6: an empty block of fixed codes with BFINAL set

_LEVEL = 6
_WINDOW_BITS = -zlib.MAX_WBITS  # negative: raw deflate without header and trailer


@dataclass(frozen=True, slots=True)
class Fragment:
    """What is known of a fragment without its bytes.

    `content_bytes` counts before and `stored_bytes` after compression; `content_sha256` is
    lower-case hex of the content.
    """

    method: Method
    crc32: int
    content_bytes: int
    stored_bytes: int
    content_sha256: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> Self:
        """Read what `to_json` wrote: our own worker's word, so anything else is a RuntimeError."""
        try:
            fragment = cls(**described)
        except TypeError as error:
            raise RuntimeError(f"not a described fragment: {error}") from error
        fragment._check()
        return fragment

    def _check(self) -> None:
        numbers = (self.crc32, self.content_bytes, self.stored_bytes)
        if self.method not in ("deflate", "stored") or not isinstance(self.content_sha256, str):
            raise RuntimeError(f"not a described fragment: method {self.method!r}")
        if any(type(number) is not int or number < 0 for number in numbers):
            raise RuntimeError(f"not a described fragment: crc32 and sizes {numbers!r}")


def deflate(content: Iterable[bytes], write: Callable[[bytes], object]) -> Fragment:
    """Compress the content into one deflate fragment, handing its bytes to `write` in order."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS)
    return _fragment("deflate", content, write, compressor.compress, _full_flush(compressor))


def store(content: Iterable[bytes], write: Callable[[bytes], object]) -> Fragment:
    """Pass the content through as one stored fragment, for bytes that are compressed already."""
    return _fragment("stored", content, write, _unchanged, bytes)


def _fragment(
    method: Method,
    content: Iterable[bytes],
    write: Callable[[bytes], object],
    encode: Callable[[bytes], bytes],
    end: Callable[[], bytes],
) -> Fragment:
    crc, content_bytes, stored_bytes, digest = 0, 0, 0, hashlib.sha256()
    for piece in content:
        crc = zlib.crc32(piece, crc)
        content_bytes += len(piece)
        digest.update(piece)
        stored_bytes += _emit(encode(piece), write)
    stored_bytes += _emit(end(), write)
    return Fragment(method, crc, content_bytes, stored_bytes, digest.hexdigest())


def _emit(encoded: bytes, write: Callable[[bytes], object]) -> int:
    if encoded:
        write(encoded)
    return len(encoded)


def _full_flush(compressor: zlib._Compress) -> Callable[[], bytes]:
    return lambda: compressor.flush(zlib.Z_FULL_FLUSH)


def _unchanged(piece: bytes) -> bytes:
    return piece
