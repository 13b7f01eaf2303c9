"""Takes an archive of ours apart into its records, and writes forged ones that ZIP programs read differently."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.evidence import zip_layout

Fields = dict[str, Any]

_SAME = "version flags method time date crc stored content named extended"
_LOCAL = f"signature {_SAME}".split()
_CENTRAL = f"signature made {_SAME} commented disk internal external offset".split()
_END = ["signature", "disk", "directory_disk", "of_disk", "entries", "length", "start", "commented"]


@dataclass
class Part:
    """One entry: the fields of both headers (with name, extra and comment), its body, and bytes behind that."""

    local: Fields
    central: Fields
    body: bytes
    behind: bytes = b""

    @property
    def name(self) -> str:
        return str(self.central["name"].decode())

    def both(self, **fields: object) -> None:
        self.local.update(fields)
        self.central.update(fields)

    def holds(self, body: bytes) -> None:
        """Exchange the body, under headers that say how long it is."""
        self.body = body
        self.both(stored=len(body))


def taken_apart(archive: bytes) -> list[Part]:
    """Read an archive of `zip_layout` without ZIP64 records."""
    end = dict(zip(_END, zip_layout._END.unpack(archive[-zip_layout._END.size :]), strict=True))
    at, parts = end["start"], []
    for _ in range(end["entries"]):
        central = _fields(archive, at, zip_layout._CENTRAL, _CENTRAL)
        local = _fields(archive, central["offset"], zip_layout._LOCAL, _LOCAL)
        body = central["offset"] + zip_layout._LOCAL.size + local["named"] + local["extended"]
        parts.append(Part(local, central, archive[body : body + central["stored"]]))
        at += zip_layout._CENTRAL.size + central["named"] + central["extended"]
    return parts


def _fields(archive: bytes, at: int, packing: struct.Struct, names: list[str]) -> Fields:
    fields: Fields = dict(zip(names, packing.unpack_from(archive, at), strict=True))
    name, extra = at + packing.size, at + packing.size + fields["named"]
    fields |= {"name": archive[name:extra], "extra": archive[extra : extra + fields["extended"]], "comment": b""}
    return fields


def written(
    parts: Sequence[Part],
    listed: Sequence[Part] | None = None,
    *,
    before: bytes = b"",
    comment: bytes = b"",
    end: Mapping[str, int] | None = None,
) -> bytes:
    """Write the parts behind `before`, and a directory of `listed`; what `end` does not state is made to fit."""
    out = bytearray(before)
    for part in parts:
        part.central["offset"] = len(out)
        out += _record(part.local, zip_layout._LOCAL, _LOCAL) + part.body + part.behind
    directory = b"".join(_record(part.central, zip_layout._CENTRAL, _CENTRAL) for part in listed or parts)
    entries = len(listed or parts)
    told: Fields = {"signature": b"PK\5\6", "disk": 0, "directory_disk": 0, "of_disk": entries, "entries": entries}
    told |= {"length": len(directory), "start": len(out), "commented": len(comment), **(end or {})}
    return bytes(out) + directory + zip_layout._END.pack(*(told[name] for name in _END)) + comment


def _record(fields: Fields, packing: struct.Struct, names: list[str]) -> bytes:
    tail = [fields[name] for name in ("name", "extra", "comment")]
    lengths = dict(zip(("named", "extended", "commented"), map(len, tail), strict=True))
    fixed = packing.pack(*({**fields, **lengths}[name] for name in names))
    return fixed + b"".join(tail)


def forged(archive: bytes, name: str, forge: Callable[[Part], object]) -> bytes:
    """Forge one entry, and write the archive around it as an honest writer would."""
    parts = taken_apart(archive)
    forge(next(part for part in parts if part.name == name))
    return written(parts)


def raw_deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


def with_crc(content: bytes, crc: int) -> bytes:
    """Append four bytes so that the CRC-32 of the whole becomes `crc`."""
    table = [~zlib.crc32(bytes([byte]), 0xFFFFFFFF) & 0xFFFFFFFF for byte in range(256)]
    steps, state = [], ~crc & 0xFFFFFFFF
    for _ in range(4):  # backwards: the top byte of a state tells which row of the table made it
        row = next(row for row in range(256) if table[row] >> 24 == state >> 24)
        steps.append(row)
        state = (state ^ table[row]) << 8 & 0xFFFFFFFF
    state, patch = ~zlib.crc32(content) & 0xFFFFFFFF, bytearray()
    for row in reversed(steps):
        patch.append((state ^ row) & 0xFF)
        state = state >> 8 ^ table[row]
    return content + patch
