"""Fragments: pieces of a ZIP entry's body, compressed apart and joined without being read again.

Rules
- A deflate fragment is raw deflate (RFC 1951, no zlib or gzip frame) that ends in a full flush:
  byte aligned, without a final block, and without references across its start. So fragments join
  by concatenation, and `FINAL_BLOCK` closes the body.
- A stored fragment is its content, byte for byte.
- A fragment is described by what a ZIP header and the manifest need: CRC-32, both sizes and the
  SHA-256 of the *content*.
- Bytes go to `write` as they are made; nothing here holds a whole fragment.
- ISA-L compresses (docs/adr/0033): its bytes may differ from one processor to another, so no hash of *stored* bytes of
  a deflate fragment is promised to anybody.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from isal import isal_zlib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Method = Literal["deflate", "stored"]

FINAL_BLOCK = b"\x03\x00"  # RFC 1951 section 3.2.6: an empty block of fixed codes with BFINAL set

_LEVEL = 1  # of ISA-L, 0 to 3: twelve times as fast as zlib at 6; 2 and 3 take longer and gain nothing on reports
_WINDOW_BITS = -15  # negative: raw deflate without header and trailer
_GZIP_LEVEL, _GZIP_BITS = 6, 31  # of zlib; 31: a gzip frame, without name and time


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


class FragmentWriter:
    """Makes one fragment of content that comes piece by piece: `add` each, then `end`.

    Every piece costs a few calls, so small ones are better joined before.
    """

    def __init__(
        self,
        method: Method,
        write: Callable[[bytes], object],
        encode: Callable[[bytes], bytes],
        rest: Callable[[], bytes],
    ) -> None:
        self._method: Method = method
        self._write, self._encode, self._rest = write, encode, rest
        self._crc, self._content_bytes, self._stored_bytes, self._digest = 0, 0, 0, hashlib.sha256()

    def add(self, content: bytes) -> None:
        self._crc = isal_zlib.crc32(content, self._crc)
        self._content_bytes += len(content)
        self._digest.update(content)
        self._emit(self._encode(content))

    def end(self) -> Fragment:
        self._emit(self._rest())
        return Fragment(self._method, self._crc, self._content_bytes, self._stored_bytes, self._digest.hexdigest())

    def _emit(self, encoded: bytes) -> None:
        if encoded:
            self._write(encoded)
        self._stored_bytes += len(encoded)


class GzipMember:
    """Makes a stored fragment out of content that it compresses into one gzip member.

    By zlib: these bytes are what the fragment's hash is of, so they must be the same on every processor.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_BITS)
        self._fragment = storing(write)

    def add(self, content: bytes) -> None:
        self._fragment.add(self._packer.compress(content))

    def end(self) -> Fragment:
        self._fragment.add(self._packer.flush())
        return self._fragment.end()


def deflating(write: Callable[[bytes], object]) -> FragmentWriter:
    """Begin a deflate fragment, whose bytes go to `write` in order."""
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _WINDOW_BITS)
    return FragmentWriter("deflate", write, compressor.compress, lambda: compressor.flush(isal_zlib.Z_FULL_FLUSH))


def storing(write: Callable[[bytes], object]) -> FragmentWriter:
    """Begin a stored fragment, for bytes that are compressed already."""
    return FragmentWriter("stored", write, bytes, bytes)


def deflate(content: Iterable[bytes], write: Callable[[bytes], object]) -> Fragment:
    """Compress the content into one deflate fragment, handing its bytes to `write` in order."""
    return _all_of(content, deflating(write))


def store(content: Iterable[bytes], write: Callable[[bytes], object]) -> Fragment:
    """Pass the content through as one stored fragment."""
    return _all_of(content, storing(write))


def _all_of(content: Iterable[bytes], writer: FragmentWriter) -> Fragment:
    for piece in content:
        writer.add(piece)
    return writer.end()
