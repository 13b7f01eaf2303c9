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


class FragmentMaker:
    """Makes one fragment of content that comes bit by bit; `write` gets its bytes in order.

    Every piece costs a few calls, so small ones are better joined before.
    """

    def __init__(self, method: Method, write: Callable[[bytes], object]) -> None:
        self._method: Method = method
        self._write = write
        if method == "deflate":
            self._compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _WINDOW_BITS)
        self._crc = 0
        self._digest = hashlib.sha256()
        self.content_bytes = 0
        self.stored_bytes = 0

    def add(self, piece: bytes) -> None:
        self._crc = isal_zlib.crc32(piece, self._crc)
        self._digest.update(piece)
        self.content_bytes += len(piece)
        self._emit(piece if self._method == "stored" else self._compressor.compress(piece))

    def finish(self) -> Fragment:
        """Write what is held back, up to a byte's end, and describe the whole; nothing can be added afterwards."""
        if self._method == "deflate":
            self._emit(self._compressor.flush(isal_zlib.Z_FULL_FLUSH))
        return Fragment(self._method, self._crc, self.content_bytes, self.stored_bytes, self._digest.hexdigest())

    def _emit(self, encoded: bytes) -> None:
        self.stored_bytes += len(encoded)
        if encoded:
            self._write(encoded)


class GzipMember:
    """Makes a stored fragment out of content that it compresses into one gzip member.

    By zlib: these bytes are what the fragment's hash is of, so they must be the same on every processor.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_BITS)
        self._fragment = FragmentMaker("stored", write)

    def add(self, content: bytes) -> None:
        self._fragment.add(self._packer.compress(content))

    def finish(self) -> Fragment:
        self._fragment.add(self._packer.flush())
        return self._fragment.finish()


def deflate(content: Iterable[bytes], write: Callable[[bytes], object]) -> Fragment:
    """Compress the content into one deflate fragment, handing its bytes to `write` in order."""
    return _made("deflate", content, write)


def store(content: Iterable[bytes], write: Callable[[bytes], object]) -> Fragment:
    """Pass the content through as one stored fragment."""
    return _made("stored", content, write)


def _made(method: Method, content: Iterable[bytes], write: Callable[[bytes], object]) -> Fragment:
    maker = FragmentMaker(method, write)
    for piece in content:
        maker.add(piece)
    return maker.finish()
