"""ZIP archives laid out without their bodies: headers here, fragments by reference.

Clauses are those of PKWARE's APPNOTE 6.3.10.

Rules
- Same entries, same bytes: entries stand in the order given, with one fixed time, UTF-8 names and
  no comment.
- An entry's body is its pieces joined; a deflate body ends in the empty final block, a stored body
  ends with its last piece.
- ZIP64 records appear only where a size, an offset or the number of entries does not fit (4.3.14,
  4.5.3).
- Sizes and CRC-32s stand in the local headers: they are known beforehand, so there are no data
  descriptors.
- Names are relative paths that every platform extracts inside the chosen folder, each to a file of
  its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.evidence import crc32
from shared.evidence.deflate import FINAL_BLOCK, Fragment, Method

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A field that is full says "see the ZIP64 record".
_FULL_32 = 0xFFFFFFFF
_FULL_16 = 0xFFFF

_METHOD_CODES: dict[Method, int] = {"stored": 0, "deflate": 8}  # 4.4.5
_UTF8_NAMES = 1 << 11  # 4.4.4, general purpose bit 11
_DOS_TIME, _DOS_DATE = 0, 0x0021  # 1980-01-01 00:00:00, the earliest that the format can say
_VERSION_DEFLATE, _VERSION_ZIP64 = 20, 45  # 4.4.3
_MADE_ON_UNIX = 3 << 8  # 4.4.2, so that the attributes below are read as a mode
_REGULAR_FILE = 0o100644 << 16
_ZIP64_EXTRA = 0x0001
_ZIP64_END_REMAINDER = 44  # the record's own size field leaves out its first twelve bytes

_LOCAL = struct.Struct("<4sHHHHHLLLHH")  # 4.3.7
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")  # 4.3.12
_ZIP64_END = struct.Struct("<4sQHHLLQQQQ")  # 4.3.14
_ZIP64_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15
_END = struct.Struct("<4sHHHHLLH")  # 4.3.16


@dataclass(frozen=True, slots=True)
class ObjectRange:
    """`length` bytes from `offset` of one version of a stored object.

    `object_bytes` is the size of the whole object: S3 copies a range only out of objects above
    5 MiB. `version_id` is None only for a bucket without versions; a locked bucket is always read
    by version.
    """

    bucket: str
    key: str
    version_id: str | None
    offset: int
    length: int
    object_bytes: int

    def split(self, at: int) -> tuple[ObjectRange, ObjectRange]:
        """Cut into the first `at` bytes and the rest."""
        return self._part(self.offset, at), self._part(self.offset + at, self.length - at)

    def _part(self, offset: int, length: int) -> ObjectRange:
        return ObjectRange(self.bucket, self.key, self.version_id, offset, length, self.object_bytes)


Chunk = bytes | ObjectRange


@dataclass(frozen=True, slots=True)
class Piece:
    """A fragment and where its stored bytes are: inline, or in an object."""

    fragment: Fragment
    body: Chunk


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive; no pieces make an empty file."""

    name: str
    method: Method
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a value no longer fits its field; smaller ones exist for tests."""

    size: int = _FULL_32
    entries: int = _FULL_16


FORMAT = Thresholds()


@dataclass(frozen=True, slots=True)
class Layout:
    """The archive's bytes in order, no chunk empty."""

    chunks: tuple[Chunk, ...]
    total_bytes: int


@dataclass(frozen=True, slots=True)
class _Placed:
    name: bytes
    method: int
    crc: int
    stored: int
    content: int
    offset: int


def chunk_bytes(chunk: Chunk) -> int:
    return len(chunk) if isinstance(chunk, bytes) else chunk.length


def layout(entries: Sequence[Entry], thresholds: Thresholds = FORMAT) -> Layout:
    """Lay the archive out. RuntimeError: a name or a piece that must not stand in an archive."""
    check_names([entry.name for entry in entries])
    chunks: list[Chunk] = []
    placed: list[_Placed] = []
    position = 0
    for entry in entries:
        place = _place(entry, position)
        body = [_local_header(place, thresholds), *_body(entry)]
        placed.append(place)
        chunks += body
        position += sum(map(chunk_bytes, body))
    chunks.append(_directory(placed, position, thresholds))
    filled = tuple(_joined(chunks))
    return Layout(filled, sum(map(chunk_bytes, filled)))


def check_names(names: Iterable[str]) -> None:
    """Raise RuntimeError at a name that is no plain relative path or collides when extracted."""
    files: set[str] = set()
    folders: set[str] = set()
    for name in names:
        _check_name(name)
        folded = name.casefold()  # the file systems of macOS and Windows do not tell cases apart
        parents = {folded[:at] for at, letter in enumerate(folded) if letter == "/"}
        if folded in files or folded in folders or parents & files:
            raise RuntimeError(f"archive entry collides with another: {name!r}")
        files.add(folded)
        folders |= parents


def _check_name(name: str) -> None:
    if any(step in ("", ".", "..") for step in name.split("/")):
        raise RuntimeError(f"archive entry is no plain relative path: {name!r}")
    if any(letter in '\\:*?"<>|\x7f' or letter < " " for letter in name):
        raise RuntimeError(f"archive entry has a character that some platform refuses: {name!r}")
    if len(name.encode()) > _FULL_16:
        raise RuntimeError("archive entry has a name above 65,535 bytes")


def _place(entry: Entry, offset: int) -> _Placed:
    for piece in entry.pieces:
        if piece.fragment.method != entry.method:
            raise RuntimeError(f"{entry.name}: a {piece.fragment.method} piece in {entry.method}")
        if piece.fragment.stored_bytes != chunk_bytes(piece.body):
            raise RuntimeError(
                f"{entry.name}: piece of {chunk_bytes(piece.body)} bytes, "
                f"its fragment has {piece.fragment.stored_bytes}"
            )
    fragments = [piece.fragment for piece in entry.pieces]
    return _Placed(
        name=entry.name.encode(),
        method=_METHOD_CODES[entry.method],
        crc=crc32.combine_all((part.crc32, part.content_bytes) for part in fragments),
        stored=sum(part.stored_bytes for part in fragments) + len(_body_end(entry)),
        content=sum(part.content_bytes for part in fragments),
        offset=offset,
    )


def _body(entry: Entry) -> list[Chunk]:
    return [*(piece.body for piece in entry.pieces), _body_end(entry)]


def _body_end(entry: Entry) -> bytes:
    return FINAL_BLOCK if entry.method == "deflate" else b""


def _joined(chunks: Iterable[Chunk]) -> Iterable[Chunk]:
    """Leave empty chunks out and join inline neighbours."""
    inline = bytearray()
    for chunk in chunks:
        if isinstance(chunk, bytes):
            inline += chunk
            continue
        if chunk.length == 0:
            continue
        if inline:
            yield bytes(inline)
            inline.clear()
        yield chunk
    if inline:
        yield bytes(inline)


def _local_header(place: _Placed, thresholds: Thresholds) -> bytes:
    large = _is_large(place, thresholds)
    # 4.5.3: the local record carries both sizes, or neither.
    extra = _zip64_extra([place.content, place.stored] if large else [])
    header = _LOCAL.pack(
        b"PK\x03\x04",
        _VERSION_ZIP64 if large else _VERSION_DEFLATE,
        *_common_fields(place, large=large),
        len(place.name),
        len(extra),
    )
    return header + place.name + extra


def _central_header(place: _Placed, thresholds: Thresholds) -> bytes:
    large, far = _is_large(place, thresholds), place.offset >= thresholds.size
    wide = ([place.content, place.stored] if large else []) + ([place.offset] if far else [])
    extra = _zip64_extra(wide)
    version = _VERSION_ZIP64 if wide else _VERSION_DEFLATE
    header = _CENTRAL.pack(
        b"PK\x01\x02",
        _MADE_ON_UNIX | version,
        version,
        *_common_fields(place, large=large),
        len(place.name),
        len(extra),
        0,  # comment length
        0,  # disk
        0,  # internal attributes
        _REGULAR_FILE,
        _FULL_32 if far else place.offset,
    )
    return header + place.name + extra


def _common_fields(place: _Placed, *, large: bool) -> tuple[int, ...]:
    sizes = (_FULL_32, _FULL_32) if large else (place.stored, place.content)
    return (_UTF8_NAMES, place.method, _DOS_TIME, _DOS_DATE, place.crc, *sizes)


def _is_large(place: _Placed, thresholds: Thresholds) -> bool:
    return max(place.content, place.stored) >= thresholds.size


def _zip64_extra(values: Sequence[int]) -> bytes:
    if not values:
        return b""
    return struct.pack(f"<HH{len(values)}Q", _ZIP64_EXTRA, 8 * len(values), *values)


def _directory(placed: Sequence[_Placed], start: int, thresholds: Thresholds) -> bytes:
    headers = b"".join(_central_header(place, thresholds) for place in placed)
    many = len(placed) >= thresholds.entries
    far, long = start >= thresholds.size, len(headers) >= thresholds.size
    end = _END.pack(
        b"PK\x05\x06",
        0,
        0,
        *[_FULL_16 if many else len(placed)] * 2,
        _FULL_32 if long else len(headers),
        _FULL_32 if far else start,
        0,
    )
    wide = _zip64_end(len(placed), len(headers), start) if many or far or long else b""
    return headers + wide + end


def _zip64_end(entries: int, length: int, start: int) -> bytes:
    record = _ZIP64_END.pack(
        b"PK\x06\x06",
        _ZIP64_END_REMAINDER,
        _MADE_ON_UNIX | _VERSION_ZIP64,
        _VERSION_ZIP64,
        0,
        0,
        entries,
        entries,
        length,
        start,
    )
    return record + _ZIP64_LOCATOR.pack(b"PK\x06\x07", 0, start + length, 1)
