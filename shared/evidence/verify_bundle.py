#!/usr/bin/env python3
"""Verify an evidence bundle offline: one file, Python 3.9 or later, standard library only.

    verify_bundle.py BUNDLE.zip [--key-fingerprint HEX]... [--previous EARLIER.zip] [--json]

A fingerprint is the SHA-256 of a key's DER SubjectPublicKeyInfo, or its first 16 or more hex digits.
Take the fingerprints of the ledger key and of the evidence key from a place that the bundle's maker
does not control: a bundle that is checked with its own keys alone proves nothing against its maker.

Exit: 0 passed, 1 integrity failure, 2 provisional, 3 passed but a key was not pinned, 64 usage.

Rules of this program
- Everything in the bundle is hostile until checked. Reads are bounded; no input ends in a traceback.
- The archive must have, to the byte of every header, the one layout in which it was delivered: programs
  differ in which of several readings of a ZIP they extract, so there must be only one. An archive that
  was packed anew with another tool is refused, even if its files are the same.
- A check that could not be made is reported as such, and never as passed.
- Steps 4 to 7 read each event once, in order; memory does not grow with their number.
- The formats are those of docs/formats.md; a step's number is the same here, there and in the output.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import hmac
import io
import json
import os
import re
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple, NoReturn

PASSED, FAILED, PROVISIONAL, NOT_PINNED, USAGE = 0, 1, 2, 3, 64
RESULTS = {0: "PASSED", 1: "FAILED", 2: "PROVISIONAL", 3: "KEY NOT PINNED"}

Json = Any  # a value from outside: of any kind until its form was checked
Members = dict[str, Any]
Buffer = Any  # a writable one; the library names the type from Python 3.12 on

MIB = 1 << 20
MAX_ENTRIES = 1_000_000
MAX_RATIO = 250  # evidence compresses 5 to 60 times; deflate itself ends at 1,032
RATIO_MATTERS = 64 * MIB
MAX_MANIFEST, MAX_DIGEST, MAX_SMALL = 32 * MIB, 16 * MIB, MIB
MAX_SEGMENT = 64 * MIB  # of lines; the sealer aims at 5
LEAST_LINE = 64  # bytes: no event is as short
MAX_LINE = 2 * MIB
BLOCK = 64 << 10
MAX_FINDINGS = 20  # told for each step; all are counted
MAX_TOLD = 300  # characters of any one text from the bundle

MANIFEST, OPENING = "manifest.json", "integrity/opening.json"
EVENTS, DISCLOSURE = "events/events.ndjson.gz", "events/disclosure.ndjson.gz"
GENESIS = "0" * 64
LANE_OPENED, EPOCH_STARTED = "AUDIT_LANE_OPENED", "AUDIT_EPOCH_STARTED"
UNEXPLAINED = "unexplained restart"

# Name of each step, and what holds when it passed.
STEPS = (
    ("files of the manifest", "the archive, laid out as delivered, holds the listed files, unchanged, and no others"),
    ("manifest signature and keys", "the evidence key signed this manifest"),
    ("digest chain", "the ledger key signed every digest of the range, and none is missing"),
    ("segments and lines", "the event lines are, byte for byte, those that the digests sealed"),
    ("lanes and completeness", "no event of the range is missing, added, moved or repeated"),
    ("tree and checkpoints", "the events extend the opening tree to the signed closing tree"),
    ("personal data and row counts", "disclosed values are those committed to when written"),
)
NOT_CHECKED = (
    "that each report is byte for byte what the events give (re-derivation)",
    "how many rows a JSON report has",
    "samples drawn from the population",
    "external time stamps of the log (anchors)",
)
NOT_PROVEN_UNPINNED = "who signed: the keys came with the bundle, so anybody could have made all of it"
NOT_PROVEN = (
    "that an event was true when it was written, or that every act wrote an event",
    "when the log was sealed, beyond the signer's own clock",
)


# --- Findings -------------------------------------------------------------------------------------


class BrokenError(Exception):
    """Input that is not what the formats say: the problem, what was expected, and what was found."""

    def __init__(self, problem: str, expected: object = None, got: object = None) -> None:
        super().__init__(problem)
        self.problem, self.expected, self.got = problem, expected, got


@dataclass
class Step:
    """One numbered step: what was counted, what failed, and what kept it from being made."""

    number: int
    name: str
    counted: dict[str, int] = field(default_factory=Counter)
    findings: list[Members] = field(default_factory=list)
    failures: int = 0
    provisional: list[str] = field(default_factory=list)
    blocked: str = "an earlier step did not get this far"

    @property
    def status(self) -> str:
        if self.failures:
            return "failed"
        if self.blocked:
            return "not checked"
        return "provisional" if self.provisional else "passed"

    def fail(self, file: str, where: str, broken: BrokenError) -> None:
        self.failures += 1
        if len(self.findings) < MAX_FINDINGS:
            told = {"file": plain(file), "where": plain(where), "problem": broken.problem}
            if broken.expected is not None or broken.got is not None:
                told.update(expected=plain(broken.expected), got=plain(broken.got))
            self.findings.append(told)

    def equal(self, file: str, where: str, what: str, expected: object, got: object) -> None:
        if expected != got:
            self.fail(file, where, BrokenError(f"{what} differs", expected, got))

    def guard(self, file: str, where: str = "") -> Guard:
        """Run a block whose failure is a finding about `file`, after which the program goes on."""
        return Guard(self, file, where)


@dataclass
class Guard:
    """Turns what a block raises into a finding: also a reader's crash on hostile input."""

    step: Step
    file: str
    where: str

    def __enter__(self) -> None:
        """Enter the block; there is nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        unread = BrokenError(f"unreadable: {plain(str(error) or type(error).__name__)}")
        self.step.fail(self.file, self.where, error if isinstance(error, BrokenError) else unread)
        return True


def plain(value: object) -> str:
    """Text from the bundle as printable ASCII of bounded length: it must not steer a terminal."""
    text = value if isinstance(value, str) else repr(value)
    shown = text[:MAX_TOLD].encode("unicode_escape").decode("ascii")
    return shown if len(text) <= MAX_TOLD else shown + "..."


# --- Canonical JSON -------------------------------------------------------------------------------


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) >= 1 << 53:  # noqa: PLR2004 - RFC 8785 section 3.2.2.3
        raise BrokenError("an integer beyond 2^53")
    return int(digits)


def _refuse(number: str) -> NoReturn:
    raise BrokenError(f"a number that is no integer: {plain(number)}")


_DECODE = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse).decode
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def parse(text: bytes) -> Json:
    """Read one canonical JSON text; any other spelling of the same value is refused."""
    try:
        value = _DECODE(text.decode())
        same = _ENCODE(value).encode() == text
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"no canonical JSON: {plain(error)}") from error
    if not same:  # spaces, order, escapes, a key twice
        raise BrokenError("JSON that is not in its canonical form")
    return value


Pattern = Callable[[Json], bool]


def _matching(expression: str) -> Pattern:
    compiled = re.compile(expression)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def count(value: Json) -> bool:
    return type(value) is int and value >= 0


other_lane = _matching("[1-9]|[1-5][0-9]|6[0-3]")
instant = _matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
sha256_hex = _matching(r"[0-9a-f]{64}")


def each(pattern: Json) -> Pattern:
    return lambda value: isinstance(value, list) and all(fits(item, pattern) for item in value)


def mapped(pattern: Json) -> Pattern:
    return lambda value: isinstance(value, dict) and all(fits(v, pattern) for v in value.values())


def maybe(pattern: Json) -> Pattern:
    return lambda value: value is None or fits(value, pattern)


def fits(value: Json, pattern: Json) -> bool:
    return not misfit(value, pattern) if isinstance(pattern, dict) else bool(pattern(value))


def misfit(value: Json, pattern: Members) -> str:
    """Name the first member that is absent or of another kind than its pattern; "" for none."""
    if not isinstance(value, dict):
        return "object"
    for name, inner in pattern.items():
        if name not in value:
            return name
        if isinstance(inner, dict):
            below = misfit(value[name], inner)
            if below:
                return f"{name}.{below}"
        elif not inner(value[name]):
            return name
    return ""


def parse_as(text: bytes, pattern: Members) -> Json:
    value = parse(text)
    wrong = misfit(value, pattern)
    if wrong:
        raise BrokenError(f"member absent or of a wrong kind: {wrong}")
    return value


def form(description: str, **kinds: Pattern) -> Members:
    """Compile `path:kind` words into nested patterns; a kind is one of `kinds` or of KINDS."""
    compiled: Members = {}
    for word in description.split():
        path, _, kind = word.partition(":")
        *outer, name = path.split(".")
        inner = compiled
        for step in outer:
            inner = inner.setdefault(step, {})
        inner[name] = kinds[kind] if kind in kinds else KINDS[kind]
    return compiled


KINDS: dict[str, Pattern] = {
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, bool),
    "count": count,
    "instant": instant,
    "sha256": sha256_hex,
    "v1": lambda value: value == 1,
    "counts": mapped(count),
    "instant?": maybe(instant),
    "status": _matching("final|provisional"),
    "one": lambda value: each(count)(value) and len(value) == 1,
    "object": lambda value: isinstance(value, dict),
}
KINDS["heads"] = mapped(form("seq:count hash:sha256"))
FRAGMENTS = each(form("bytes:count sha256:sha256"))
MANIFEST_FORM = form(
    """type:type v:v1 id:text name:text tenant.id:text resolved.from:instant resolved.to_exclusive:instant
    cut:flag status:status watermark:instant simulated:span source.log:text source.epochs:one
    source.opening.digest:count source.opening.tree_size:count source.closing.digest:count
    source.closing.tree_size:count source.closing.root:text source.events:count source.population:count
    source.by_action:counts source.unsealed:count files:files keys.ledger:sha256 keys.evidence:sha256 kid:sha256""",
    type=_matching("evidence-bundle"),
    span=maybe(form("from:instant to:instant")),
    files=each(form("path:text")),
)
SEGMENT_FORM = form(
    """no:count bytes:count sha256_gz:sha256 sha256_raw:sha256 events:count index.from:count index.to:count
    time.min:instant time.max:instant lanes:spans counts:counts""",
    spans=mapped(form("from:count to:count")),
)
DIGEST_FORM = form(
    """type:type v:v1 log:text tenant:text epoch:count no:count period.from:instant period.to:instant prev:prev
    segments:segments lanes:heads source.last:counts source.unsealed:count counts.total:count
    counts.by_action:counts time_max:instant? watermark:instant tree.size:count tree.root:text checkpoint:text
    kid:sha256""",
    type=_matching("digest"),
    prev=maybe(form("no:count sha256:sha256")),
    segments=each(SEGMENT_FORM),
)
ROTATION_FORM = form("type:type v:v1 log:text previous:sha256 next:sha256 at:instant", type=_matching("key-rotation"))
RESTART_FORM = form(
    """previous_epoch:count reason:text digest:digest sealed.segment:count sealed.size:count sealed.root:text
    sealed.lanes:heads""",
    digest=maybe(form("no:count sha256:sha256")),
)
OPENING_FORM = form("digest:count size:count frontier:nodes lanes:heads", nodes=each(sha256_hex))
EVENT_FORM = form(
    """id:text log:text tenant:text epoch:count lane:text seq:count prev:sha256 time:instant action:text
    meta:object pii:persons""",
    persons=each(form("of:text mac:sha256")),
)
DISCLOSURE_FORM = form("id:text pii:persons", persons=each(form("of:text")))


# --- ECDSA over P-256 with SHA-256 (FIPS 186-5 section 6.4, SEC 1 section 4.1.4) ---------------------

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)
# SubjectPublicKeyInfo of an uncompressed point on the named curve (RFC 5480 section 2).
SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
Point = tuple[int, int, int]  # Jacobian: x = X / Z^2, y = Y / Z^3; Z = 0 is infinity


def _double(point: Point) -> Point:
    x, y, z = point
    delta, gamma = z * z % P, y * y % P
    beta, alpha = x * gamma % P, 3 * (x - delta) * (x + delta) % P
    x3 = (alpha * alpha - 8 * beta) % P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % P, 2 * y * z % P


def _add(left: Point, right: Point) -> Point:
    if not left[2] or not right[2]:
        return right if right[2] else left
    z1z1, z2z2 = left[2] * left[2] % P, right[2] * right[2] % P
    u1, u2 = left[0] * z2z2 % P, right[0] * z1z1 % P
    s1, s2 = left[1] * right[2] * z2z2 % P, right[1] * left[2] * z1z1 % P
    if u1 == u2:
        return _double(left) if s1 == s2 else (1, 1, 0)
    h, r = u2 - u1, s2 - s1
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * left[2] * right[2] % P


def public_key(pem: bytes) -> tuple[str, Point]:
    """Read a key: its id (SHA-256 of the DER, hex) and its point, which lies on the curve."""
    found = re.fullmatch(rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", pem)
    if not found:
        raise BrokenError("no PEM of a public key")
    der = base64.b64decode(b"".join(found[1].split()), validate=True)
    if len(der) != 91 or not der.startswith(SPKI_PREFIX):  # noqa: PLR2004 - prefix and two coordinates
        raise BrokenError("no P-256 key with an uncompressed point")
    x, y = int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big")
    if x >= P or y >= P or (y * y - x * x * x + 3 * x - B) % P:
        raise BrokenError("a point that is not on the curve")
    return hashlib.sha256(der).hexdigest(), (x, y, 1)


def _signature_numbers(der: bytes) -> tuple[int, int]:
    """Both numbers of a strict DER signature (X.690 section 10: shortest lengths and integers)."""
    numbers, at = [], 2
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[1] > 0x7F:  # noqa: PLR2004 - X.690
        raise BrokenError("no strict DER signature")
    for _ in range(2):
        value = der[at + 2 : at + 2 + der[at + 1]] if at + 2 < len(der) else b""
        padded = len(value) > 1 and value[0] == 0 and value[1] < 0x80  # noqa: PLR2004 - X.690
        if not value or der[at] != 0x02 or len(value) != der[at + 1] or value[0] > 0x7F or padded:  # noqa: PLR2004 - X.690
            raise BrokenError("no strict DER signature")
        numbers.append(int.from_bytes(value, "big"))
        at += 2 + len(value)
    if at != len(der):
        raise BrokenError("no strict DER signature")
    return numbers[0], numbers[1]


def verifies(key: Point, message: bytes, signature: bytes) -> bool:
    """Whether the key signed the message; BrokenError for a signature that is not strict DER."""
    r, s = _signature_numbers(signature)
    if not (0 < r < N and 0 < s < N):
        return False
    digest, inverse = int.from_bytes(hashlib.sha256(message).digest(), "big"), pow(s, -1, N)
    u, v = digest * inverse % N, r * inverse % N
    both, total = _add(G, key), (1, 1, 0)
    for bit in range(255, -1, -1):  # Shamir's trick: u * G + v * key in one run
        total = _double(total)
        pair = (u >> bit & 1, v >> bit & 1)
        if any(pair):
            total = _add(total, both if all(pair) else G if pair[0] else key)
    return bool(total[2]) and total[0] * pow(total[2], -2, P) % P % N == r


# --- The archive: PKWARE APPNOTE 6.3.10, the part that our writer uses --------------------------------

STORED, DEFLATED = 0, 8  # 4.4.5
UTF8_NAMES = 1 << 11  # 4.4.4: the one flag; so no encryption and no data descriptors
DOS_TIME, DOS_DATE = 0, 0x0021  # 1980-01-01 00:00:00
UNIX, VERSION, VERSION_ZIP64 = 3 << 8, 20, 45  # 4.4.2, 4.4.3
REGULAR_FILE = 0o100644 << 16  # no symbolic link, no folder
FULL_32, FULL_16 = 0xFFFFFFFF, 0xFFFF  # a field that is full says: see the ZIP64 one
ZIP64_SIZE, ZIP64_ENTRIES = FULL_32, FULL_16  # from here on a value does not fit; smaller in tests
ZIP64_EXTRA = 0x0001  # 4.5.3: the only extra field
NOT_DELIVERED = "not the archive as it was delivered"


class Header:
    """One kind of record: how its fields are packed, and what they are called."""

    def __init__(self, name: str, packing: str, fields: str) -> None:
        self.name, self.packing, self.fields = name, struct.Struct(packing), fields.split(", ")
        self.size = self.packing.size

    def check(self, expected: bytes, got: bytes, *, stamps: bool = False) -> bool:
        """Demand the bytes that our writer makes; the finding names each field that differs.

        Returns whether all was as expected. False, with `stamps`: only such fields differ as another program fills
        otherwise when it packs the same files again, and by which no program reads another archive.
        """
        if got == expected:
            return True
        if len(got) < self.size:
            raise BrokenError(f"{NOT_DELIVERED}: the file ends inside a {self.name}")
        names, size = [*self.fields, "name, extra field, comment"], self.size
        fields = (
            (*self.packing.unpack(expected[:size]), expected[size:]),
            (*self.packing.unpack(got[:size]), got[size:]),
        )
        differing = [at for at in range(len(names)) if fields[0][at] != fields[1][at]]
        if stamps and all(names[at] in STAMPS and STAMPS[names[at]](fields[1][at]) for at in differing):
            return False
        told = [", ".join(f"{names[at]} {values[at]!r}" for at in differing) for values in fields]
        raise BrokenError(f"{NOT_DELIVERED}: its {self.name} differs", *told)


# What another program stamps when it packs the same files again, and the values that mean nothing to a reader.
STAMPS: dict[str, Callable[[int], bool]] = {
    "version made by": lambda _: True,
    "version needed": lambda version: version <= VERSION_ZIP64,
    "flags": lambda flags: flags in (0, UTF8_NAMES),
    "time": lambda _: True,
    "date": lambda _: True,
    "internal attributes": lambda _: True,
    # A regular file, or no type at all; and not the folder of DOS.
    "external attributes": lambda told: (told >> 28) in (0, REGULAR_FILE >> 28) and not told & 0x10,
}

_SAME = "version needed, flags, method, time, date, CRC-32, packed size, size, name length, extra field length"
_END = "end signature, disk, directory disk, entries of disk, entries, directory size, directory offset, comment length"
_END_64 = "signature, size, version made by, version needed, disk, directory disk, entries of disk, entries"
_LOCATOR = "locator signature, locator disk, ZIP64 offset, disks"
_CENTRAL_ALONE = "comment length, disk, internal attributes, external attributes, offset"

LOCAL = Header("local header", "<4sHHHHHLLLHH", f"signature, {_SAME}")  # 4.3.7
CENTRAL = Header(  # 4.3.12
    "central header",
    "<4sHHHHHHLLLHHHHHLL",
    f"signature, version made by, {_SAME}, {_CENTRAL_ALONE}",
)
END = Header("end record", "<4sHHHHLLH", _END)  # 4.3.16
WIDE_END = Header(  # 4.3.14 to 4.3.16, back to back
    "ZIP64 end record",
    "<4sQHHLLQQQQ 4sLQL 4sHHHHLLH",
    f"{_END_64}, directory size, directory offset, {_LOCATOR}, {_END}",
)


class Entry(NamedTuple):
    """What the central directory says of one entry, and the headers that say just this."""

    raw_name: bytes
    method: int
    crc: int
    stored: int
    content: int
    offset: int

    @classmethod
    def of(cls, record: bytes) -> Entry:
        """Read a central record; whether it has the right form, its comparison with `central` tells."""
        _, _, _, _, method, _, _, crc, stored, content, named, extended, *_, offset = CENTRAL.packing.unpack(
            record[: CENTRAL.size]
        )
        extra = record[CENTRAL.size + named :][:extended]
        whole = len(extra) % 8 == 4 and extra[:2] == b"\1\0"  # noqa: PLR2004 - four bytes, then values of eight
        wide = iter(struct.unpack(f"<{len(extra) // 8}Q", extra[4:]) if whole else ())
        content, stored, offset = (next(wide, n) if n == FULL_32 else n for n in (content, stored, offset))
        return cls(record[CENTRAL.size :][:named], method, crc, stored, content, offset)

    def local(self) -> bytes:
        extra = _zip64_extra([self.content, self.stored] if self._large else [])
        return LOCAL.packing.pack(b"PK\3\4", *self._same(extra)) + self.raw_name + extra

    def central(self) -> bytes:
        far = self.offset >= ZIP64_SIZE
        extra = _zip64_extra([self.content, self.stored] * self._large + [self.offset] * far)
        version, *same = self._same(extra)
        place = 0, 0, 0, REGULAR_FILE, FULL_32 if far else self.offset
        return CENTRAL.packing.pack(b"PK\1\2", UNIX | version, version, *same, *place) + self.raw_name + extra

    @property
    def body_offset(self) -> int:
        return self.offset + len(self.local())

    @property
    def _large(self) -> bool:
        return max(self.content, self.stored) >= ZIP64_SIZE

    def _same(self, extra: bytes) -> tuple[int, ...]:
        """Give the fields that both headers have."""
        sizes = (FULL_32, FULL_32) if self._large else (self.stored, self.content)
        fixed = VERSION_ZIP64 if extra else VERSION, UTF8_NAMES, self.method, DOS_TIME, DOS_DATE
        return (*fixed, self.crc, *sizes, len(self.raw_name), len(extra))


def _zip64_extra(values: list[int]) -> bytes:
    return struct.pack(f"<HH{len(values)}Q", ZIP64_EXTRA, 8 * len(values), *values) if values else b""


def end_records(entries: int, length: int, start: int) -> bytes:
    """Give what stands behind a central directory of so many entries and bytes at `start`."""
    many, long, far = entries >= ZIP64_ENTRIES, length >= ZIP64_SIZE, start >= ZIP64_SIZE
    told = FULL_16 if many else entries, FULL_32 if long else length, FULL_32 if far else start
    end = b"PK\5\6", 0, 0, told[0], *told, 0
    if not (many or long or far):
        return END.packing.pack(*end)
    wide = b"PK\6\6", 44, UNIX | VERSION_ZIP64, VERSION_ZIP64, 0, 0, entries, entries, length, start
    return WIDE_END.packing.pack(*wide, b"PK\6\7", 0, start + length, 1, *end)


def read_at(file: IO[bytes], offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def find_directory(file: IO[bytes]) -> tuple[int, int, int]:
    """Read the end of the file: how many entries the central directory has, how many bytes, and where."""
    size = file.seek(0, io.SEEK_END)
    tail = read_at(file, max(0, size - WIDE_END.size), WIDE_END.size)
    if tail[-END.size :][:4] != b"PK\5\6":
        raise BrokenError(f"no ZIP archive, or {NOT_DELIVERED}: the file does not end in an end record without comment")
    entries, length, start = END.packing.unpack(tail[-END.size :])[4:7]
    if entries == FULL_16 or FULL_32 in (length, start):
        if len(tail) < WIDE_END.size:
            raise BrokenError(f"{NOT_DELIVERED}: no ZIP64 end record before the end record")
        entries, length, start = WIDE_END.packing.unpack(tail)[7:10]
    expected = end_records(entries, length, start)
    (WIDE_END if len(expected) == WIDE_END.size else END).check(expected, tail[-len(expected) :])
    if start + length + len(expected) != size:
        problem = f"{NOT_DELIVERED}: the central directory does not stand right before its end record"
        raise BrokenError(problem, size - len(expected), start + length)
    return entries, length, start


class Content(io.RawIOBase):
    """An entry's content as a stream. Its last byte is given only when all that the headers say has held."""

    def __init__(self, file: IO[bytes], entry: Entry) -> None:
        self._file, self._entry = file, entry
        self._at, self._left = entry.body_offset, entry.stored
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == DEFLATED else None
        self._given = self._crc = 0
        if entry.content == 0:
            self._end()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        limit = min(len(buffer), self._entry.content - self._given)
        if not limit:
            return 0
        piece = self._unpack(limit)
        if not piece:
            raise BrokenError(f"{NOT_DELIVERED}: less content than its headers say", self._entry.content, self._given)
        buffer[: len(piece)] = piece
        self._given += len(piece)
        self._crc = zlib.crc32(piece, self._crc)
        if self._given == self._entry.content:
            self._end()
        return len(piece)

    def _unpack(self, limit: int) -> bytes:
        """Give at least one byte and at most `limit`, or none at the end of the body."""
        if self._inflater is None:
            return self._packed(limit)
        piece = b""
        while not piece and not self._inflater.eof:
            block = self._inflater.unconsumed_tail or self._packed(BLOCK)
            piece = self._inflater.decompress(block, limit)
            if not block:  # what was left inside the inflater is `piece`
                break
        return piece

    def _packed(self, limit: int) -> bytes:
        block = read_at(self._file, self._at, min(limit, self._left))
        self._at, self._left = self._at + len(block), self._left - len(block)
        return block

    def _end(self) -> None:
        """Demand that the body ends here: other programs extract all that it holds, not the stated size."""
        if self._unpack(1):
            raise BrokenError(f"{NOT_DELIVERED}: more content than its headers say", self._entry.content, "more")
        if self._inflater and not self._inflater.eof:
            raise BrokenError(f"{NOT_DELIVERED}: a deflate stream without its end")
        if self._left or (self._inflater and self._inflater.unused_data):
            raise BrokenError(f"{NOT_DELIVERED}: bytes behind the end of the deflate stream")
        if self._crc != self._entry.crc:
            raise BrokenError("CRC-32 differs", f"{self._entry.crc:08x}", f"{self._crc:08x}")


class Archive:
    """The entries of the ZIP, each laid out as our writer does, from the first byte of the file to the last."""

    def __init__(self, file: IO[bytes], step: Step) -> None:
        self.file = file
        self.entries: dict[str, Entry] = {}
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._restamped = 0
        listed, length, start = find_directory(file)
        if listed > MAX_ENTRIES:
            raise BrokenError("more entries than a bundle has", MAX_ENTRIES, listed)
        end, at = 0, start
        for _ in range(listed):
            record = self._record(at)
            entry = Entry.of(record)
            with step.guard(entry.raw_name.decode(errors="backslashreplace"), "entry of the ZIP"):
                self._admit(entry, record, end)
            end, at = entry.body_offset + entry.stored, at + len(record)
        if at != start + length:
            raise BrokenError(f"{NOT_DELIVERED}: the end of the central directory", start + length, at)
        if end != start:
            raise BrokenError(f"{NOT_DELIVERED}: the central directory does not follow the last entry", end, start)
        if self._restamped:
            problem = f"{NOT_DELIVERED}: it was packed again, entries with other stamps, flags or attributes"
            step.fail("the archive", "", BrokenError(problem, 0, self._restamped))

    def _record(self, at: int) -> bytes:
        fixed = read_at(self.file, at, CENTRAL.size)
        if len(fixed) < CENTRAL.size:
            raise BrokenError(f"{NOT_DELIVERED}: a central directory that ends early")
        return fixed + self.file.read(sum(CENTRAL.packing.unpack(fixed)[10:13]))

    def _admit(self, entry: Entry, record: bytes, end: int) -> None:
        """Check one entry, which must begin where the one before ended."""
        name = entry.raw_name.decode()
        self._check_name(name)
        if entry.method not in (STORED, DEFLATED):
            raise BrokenError("an entry that is neither stored nor deflated", f"{STORED} or {DEFLATED}", entry.method)
        if entry.method == STORED and entry.stored != entry.content:
            raise BrokenError("a stored entry whose sizes differ", entry.stored, entry.content)
        if entry.content > RATIO_MATTERS and entry.content > MAX_RATIO * entry.stored:
            raise BrokenError("a declared size that is absurd", f"at most {MAX_RATIO} to 1", entry.content)
        as_written = CENTRAL.check(entry.central(), record, stamps=True)
        if entry.offset != end:
            problem = f"{NOT_DELIVERED}: an entry that does not begin right behind the one before (gap, overlap, order)"
            raise BrokenError(problem, f"offset {end}", f"offset {entry.offset}")
        local = entry.local()
        as_written &= LOCAL.check(local, read_at(self.file, end, len(local)), stamps=True)
        if not (as_written or name.isascii()):
            raise BrokenError(f"{NOT_DELIVERED}: packed again under a name that programs read differently")
        # One finding tells of all of them below, and the content is still held against the manifest.
        self._restamped += not as_written
        self.entries[name] = entry

    def _check_name(self, name: str) -> None:
        """Demand a relative path that every platform extracts to a file of its own inside the folder."""
        if any(part in ("", ".", "..") for part in name.split("/")) or re.search(r'[\\:*?"<>|\x00-\x1f\x7f]', name):
            raise BrokenError("a name that is no plain relative path")
        folded = name.casefold()  # the file systems of macOS and Windows do not tell cases apart
        parents = {folded[:at] for at, letter in enumerate(folded) if letter == "/"}
        if folded in self._files:
            raise BrokenError("a second entry of this name")
        if folded in self._folders or parents & self._files:
            raise BrokenError("a name that is a file and a folder")
        self._files.add(folded)
        self._folders |= parents

    def open(self, name: str) -> IO[bytes]:
        if name not in self.entries:
            raise BrokenError("a file that is missing or was refused")
        return io.BufferedReader(Content(self.file, self.entries[name]), BLOCK)

    def read(self, name: str, limit: int = MAX_SMALL) -> bytes:
        with self.open(name) as stream:
            if self.entries[name].content > limit:
                raise BrokenError("a file that is larger than its kind may be", f"at most {limit}")
            return stream.read()

    def numbered(self, step: Step, pattern: str) -> dict[int, str]:
        """Find the names that fit the pattern, by number; a number under two names is a finding."""
        found: dict[int, str] = {}
        for name in sorted(self.entries):
            match = re.fullmatch(pattern, name)
            if match and found.setdefault(int(match[1]), name) != name:
                step.fail(name, "", BrokenError("a number that another file has"))
        return found


# --- Step 1: files --------------------------------------------------------------------------------


@dataclass
class Rows:
    """Counts the records of a CSV while its bytes pass: line feeds outside quotes (RFC 4180)."""

    quoted: bool = False
    ends: int = 0

    def feed(self, block: bytes) -> None:
        for number, part in enumerate(block.split(b'"')):
            self.quoted ^= number > 0
            self.ends += 0 if self.quoted else part.count(b"\n")


def check_files(step: Step, archive: Archive, files: list[Members]) -> dict[str, int]:
    """Step 1. Returns the records found in each file (for a CSV: its header and its rows)."""
    listed = Counter(entry["path"] for entry in files)
    for name in sorted(set(archive.entries) - set(listed) - {MANIFEST, MANIFEST + ".sig"}):
        step.fail(name, "", BrokenError("a file that the manifest does not list"))
    records: dict[str, int] = {}
    for entry in files:
        with step.guard(entry["path"]):
            if listed[entry["path"]] > 1:
                raise BrokenError("a file that the manifest lists twice")
            records[entry["path"]] = _check_file(step, archive, entry)
    step.blocked = ""
    return records


def _check_file(step: Step, archive: Archive, entry: Members) -> int:
    path, whole = entry["path"], entry.get("sha256")
    parts = entry.get("fragments", [{"bytes": entry.get("bytes"), "sha256": whole}])
    if not FRAGMENTS(parts):
        raise BrokenError("no size and SHA-256 in the manifest")
    size, rows, digest = sum(part["bytes"] for part in parts), Rows(), hashlib.sha256()
    with archive.open(path) as stream:
        found = archive.entries[path].content
        if not size == found == entry.get("bytes", size):
            raise BrokenError("size differs", f"{entry.get('bytes', size)} bytes", f"{found} bytes")
        for number, part in enumerate(parts):
            got = _hash_part(stream, part["bytes"], rows, digest)
            if got != part["sha256"]:
                what = "SHA-256 differs" if len(parts) == 1 else f"SHA-256 of fragment {number} differs"
                raise BrokenError(what, part["sha256"], got)
    if whole not in (None, digest.hexdigest()):
        raise BrokenError("SHA-256 differs", whole, digest.hexdigest())
    step.counted["files"] += 1
    step.counted["bytes"] += size
    return rows.ends


def _hash_part(stream: IO[bytes], size: int, rows: Rows, whole: hashlib._Hash) -> str:
    part, left = hashlib.sha256(), size
    while left:
        block = stream.read(min(left, MIB))  # never empty: `Content` gives its stated size, or fails
        left -= len(block)
        rows.feed(block)
        part.update(block)
        whole.update(block)
    return part.hexdigest()


# --- Step 2: signature and keys -------------------------------------------------------------------


class Keys:
    """The ledger's keys, oldest first, and the evidence key: each with one purpose."""

    def __init__(self, step: Step, archive: Archive, manifest: Members) -> None:
        told = manifest["keys"]
        self.kids: dict[str, str] = {role: told[role] for role in ("ledger", "evidence")}
        previous = told.get("ledger_previous", [])
        if not each(sha256_hex)(previous):
            raise BrokenError("member absent or of a wrong kind: keys.ledger_previous")
        self.ledger = [*previous, told["ledger"]]
        self.points: dict[str, Point] = {}
        for kid in (*self.ledger, told["evidence"]):
            role = "evidence" if kid == told["evidence"] else "ledger"
            with step.guard(f"keys/{kid}.pem", role):
                found, point = public_key(archive.read(f"keys/{kid}.pem"))
                if found != kid:
                    raise BrokenError("the file holds another key", kid, found)
                self.points[kid] = point
        if told["evidence"] in self.ledger:
            step.fail(MANIFEST, "keys", BrokenError("one key for both purposes (cross-use)"))
        if len(set(self.ledger)) < len(self.ledger):
            step.fail(MANIFEST, "keys.ledger_previous", BrokenError("a ledger key that came back after another one"))
        for before, after in zip(self.ledger, self.ledger[1:]):  # noqa: B905 - Python 3.9 has no `strict`
            self._change(step, archive, manifest["source"]["log"], before, after)

    def _change(self, step: Step, archive: Archive, log: str, before: str, after: str) -> None:
        """Demand the statement of one change of the ledger's key, signed by both keys."""
        name = f"keys/{after}.rotation.json"
        with step.guard(name):
            raw = archive.read(name)
            told = parse_as(raw, ROTATION_FORM)
            stated = [told["log"], told["previous"], told["next"]]
            if stated != [log, before, after]:
                raise BrokenError("a change between other keys", [log, before, after], stated)
            for side, kid in (("previous", before), ("next", after)):
                with step.guard(f"{name}.{side}.sig"):
                    self.check("ledger", raw, archive.read(f"{name}.{side}.sig"), kid)
                    step.counted["signatures"] += 1
            step.counted["changes of the ledger key"] += 1

    def check(self, role: str, message: bytes, signature: bytes, kid: str = "") -> None:
        """Check a signature by the key `kid`; without one, by the latest key of the role."""
        kid = kid or self.kids[role]
        if kid not in self.points or (role == "ledger" and kid not in self.ledger):
            raise BrokenError(f"no usable {role} key to check the signature with", None, kid)
        if verifies(self.points[kid], message, signature):
            return
        for other, key in self.points.items():
            if other != kid and verifies(key, message, signature):
                crossed = (role == "ledger") != (other in self.ledger)
                problem = "signed by the other key (cross-use)" if crossed else "signed by another ledger key"
                raise BrokenError(problem, kid, other)
        raise BrokenError("the signature does not verify")

    def unpinned(self, step: Step, fingerprints: list[str]) -> list[str]:
        """Name the roles that no fingerprint pins; a fingerprint that names no key is a failure.

        A pinned ledger key vouches for those before and behind it: the statement of each change, which step 2
        demands, is signed by both.
        """
        pinned = set()
        keys = [("ledger", kid) for kid in self.ledger] + [("evidence", self.kids["evidence"])]
        for given in fingerprints:
            roles = [role for role, kid in keys if kid.startswith(given)]
            if len(roles) == 1:
                pinned.update(roles)
            else:
                told = ", ".join(f"{role} {kid}" for role, kid in keys)
                step.fail("keys/", "", BrokenError("the pinned key is not the signer's", given, told))
        step.counted["pinned keys"] = len(pinned)
        return sorted(set(self.kids) - pinned)


def check_manifest(step: Step, archive: Archive, manifest: Members, raw: bytes) -> Keys | None:
    """Step 2, all but the pinning. None: the manifest names no keys in the form that it must."""
    keys = None
    with step.guard(MANIFEST):
        keys = Keys(step, archive, manifest)
        step.equal(MANIFEST, "kid", "signing key", keys.kids["evidence"], manifest["kid"])
        with step.guard(MANIFEST + ".sig"):
            keys.check("evidence", raw, archive.read(MANIFEST + ".sig"))
            step.counted["signatures"] += 1
        step.blocked = ""
    return keys


# --- Step 3: the digest chain ---------------------------------------------------------------------


class Chain:
    """The digests from the opening to the closing one; `whole` when each could be read."""

    def __init__(self, step: Step, archive: Archive, manifest: Members, keys: Keys) -> None:
        self.step, self.archive, self.manifest, self.keys = step, archive, manifest, keys
        source = manifest["source"]
        self.place = [source["log"], manifest["tenant"]["id"], source["epochs"][0]]
        first, last = max(1, source["opening"]["digest"]), source["closing"]["digest"]
        if not first <= last < first + MAX_ENTRIES:
            raise BrokenError("no such range of digests", None, f"{first} to {last}")
        self.names = archive.numbered(step, r"integrity/digests/([0-9]{1,15})\.json")
        self.digests: list[Members] = []
        self.hashes: dict[int, str] = {}
        for number in range(first, last + 1):
            with step.guard(self.name(number)):
                self._read(number)
        for number in sorted(set(self.names) - set(range(first, last + 1))):
            step.fail(self.names[number], "", BrokenError("a digest outside the range"))
        self.whole = len(self.digests) == last - first + 1
        if self.whole:
            signer = self.digests[-1]["kid"]
            step.equal(self.name(last), "kid", "ledger key of the closing digest", keys.kids["ledger"], signer)
        step.blocked = ""

    def name(self, number: int) -> str:
        return self.names.get(number, f"integrity/digests/{number:012d}.json")

    def _read(self, number: int) -> None:
        name = self.name(number)
        raw = self.archive.read(name, MAX_DIGEST)
        digest = parse_as(raw, DIGEST_FORM)
        with self.step.guard(name + ".sig"):
            kid = digest["kid"] if digest["kid"] in self.keys.ledger else ""  # another one is told below
            self.keys.check("ledger", raw, self.archive.read(name + ".sig"), kid)
            self.step.counted["signatures"] += 1
        if digest["no"] != number:
            raise BrokenError("another digest under this name", number, digest["no"])
        found = [digest["log"], digest["tenant"], digest["epoch"]]
        self.step.equal(name, "log, tenant, epoch", "place", self.place, found)
        self._check_signer(name, digest["kid"])
        self._check_link(name, digest)
        self.digests.append(digest)
        self.hashes[number] = hashlib.sha256(raw).hexdigest()
        self.step.counted["digests"] += 1

    def _check_signer(self, name: str, kid: str) -> None:
        """Let the key change only forward along the statements, one at a time."""
        ledger = self.keys.ledger
        if kid not in ledger:
            self.step.equal(name, "kid", "ledger key", ledger[-1], kid)
        elif self.digests and self.digests[-1]["kid"] in ledger:
            before = self.digests[-1]["kid"]
            allowed = ledger[ledger.index(before) :][:2]
            if kid not in allowed:
                self.step.fail(
                    name, "kid", BrokenError("a change of the ledger key that no statement makes", allowed, kid)
                )

    def _check_link(self, name: str, digest: Members) -> None:
        prev, period = digest["prev"] or {"no": 0, "sha256": ""}, digest["period"]
        self.step.equal(name, "prev.no", "number of the digest before", digest["no"] - 1, prev["no"])
        if period["to"] < period["from"]:
            self.step.fail(name, "period", BrokenError("a period that ends before it begins"))
        if self.digests and self.digests[-1]["no"] == digest["no"] - 1:
            before = self.digests[-1]["period"]["to"]
            known = self.hashes[digest["no"] - 1]
            self.step.equal(name, "prev.sha256", "hash of the digest before", known, prev["sha256"])
            self.step.equal(name, "period.from", "end of the period before", before, period["from"])


# --- Steps 4 to 7: the events, each once, in order ------------------------------------------------


class Disclosure:
    """The disclosed personal data, read in step with the events (step 7)."""

    def __init__(self, step: Step, archive: Archive) -> None:
        self.step = step
        self._lines = self._read(archive)
        self._whole = True  # until a line is broken or out of order: then the rest cannot be matched

    def _read(self, archive: Archive) -> Iterator[bytes]:
        with archive.open(DISCLOSURE) as stream, gzip.GzipFile(fileobj=stream) as unpacked:
            for line in iter(lambda: unpacked.readline(MAX_LINE), b""):
                if not line.endswith(b"\n"):
                    raise BrokenError("a line without line feed, or too long")
                yield line[:-1]

    def match(self, event: Members) -> None:
        """Check what is disclosed of one event that seals personal data."""
        if not event["pii"] or not self._whole:
            return
        self._whole = False
        with self.step.guard(DISCLOSURE, f"event {event['id']}"):
            line = next(self._lines, None)
            if line is None:
                raise BrokenError("nothing is disclosed of this event, and it is not said to be erased")
            told = parse_as(line, DISCLOSURE_FORM)
            if told["id"] != event["id"] or len(told["pii"]) != len(event["pii"]):
                raise BrokenError("a line out of order, or of other persons", event["id"], told["id"])
            self._whole = True
            for sealed, opened in zip(event["pii"], told["pii"]):  # noqa: B905 - Python 3.9 has no `strict`
                self._person(sealed, opened)

    def _person(self, sealed: Members, opened: Members) -> None:
        if sealed["of"] != opened["of"]:
            raise BrokenError("another person's role", sealed["of"], opened["of"])
        if opened.get("erased") is True:
            self.step.counted["erased persons"] += 1
            return
        # The key has a fixed length: HMAC pads shorter ones, so that two keys could give one code.
        if not sha256_hex(opened.get("k_event")) or not mapped(KINDS["text"])(opened.get("values")):
            raise BrokenError("member absent or of a wrong kind: k_event, values")
        values = _ENCODE(opened["values"]).encode()
        code = hmac.new(bytes.fromhex(opened["k_event"]), values, "sha256").hexdigest()
        if not hmac.compare_digest(code, sealed["mac"]):
            raise BrokenError("a value that the event did not commit to", sealed["mac"], code)
        self.step.counted["disclosed values"] += len(opened["values"])

    def end(self) -> None:
        with self.step.guard(DISCLOSURE):
            if self._whole and next(self._lines, None) is not None:
                raise BrokenError("a line that belongs to no event of the bundle")


class Restart:
    """How an epoch above 1 began (step 5): its first event against the last digest of the epoch before."""

    def __init__(self, step: Step, archive: Archive, chain: Chain) -> None:
        self.step, self.place, self.keys = step, chain.place, chain.keys
        source = chain.manifest["source"]
        self.first = source["opening"]["tree_size"] == 0  # the epoch's first event is in the bundle
        self.digest: Members = {}
        self.told: Members = {}  # what the first event names: `{"no", "sha256"}`, or {} for none
        names = archive.numbered(step, r"integrity/epoch/([0-9]{1,15})\.json")
        self.explained = not (self.first and self.place[2] > 1)
        if self.explained and names:
            step.fail(next(iter(names.values())), "", BrokenError("a digest of an earlier epoch, without a restart"))
        self._archive, self._names = archive, names

    def event(self, at: str, event: Members, *, first: bool) -> None:
        """Take in the first event of the log, and any that says that an epoch starts."""
        starts = event["action"] == EPOCH_STARTED
        if starts and not (first and self.place[2] > 1):
            raise BrokenError("the start of an epoch amidst a log")
        if not first or self.explained:
            return
        if not starts or (event["lane"], event["seq"]) != ("0", 1):
            raise BrokenError(f"{UNEXPLAINED}: the epoch does not begin with {EPOCH_STARTED}", None, event["action"])
        wrong = misfit(event["meta"], RESTART_FORM)
        if wrong:
            raise BrokenError(f"{UNEXPLAINED}: member of meta absent or of a wrong kind: {wrong}")
        self.explained = True  # what is wrong from here on is told in detail
        self._compare(at, event["meta"])

    def _compare(self, at: str, meta: Members) -> None:
        self.step.equal(EVENTS, f"{at} meta", "epoch before", self.place[2] - 1, meta["previous_epoch"])
        self.told = meta["digest"] or {}
        for number in sorted(set(self._names) - {self.told.get("no")}):
            self.step.fail(self._names[number], "", BrokenError(f"{UNEXPLAINED}: the start names another digest"))
        if not self.told:
            self.step.counted["restarts without a digest before"] = 1
            return
        name = self._names.get(self.told["no"], f"integrity/epoch/{self.told['no']:012d}.json")
        with self.step.guard(name):
            raw = self._archive.read(name, MAX_DIGEST)
            found = hashlib.sha256(raw).hexdigest()
            if found != self.told["sha256"]:
                raise BrokenError(f"{UNEXPLAINED}: the start names another digest", self.told["sha256"], found)
            digest = parse_as(raw, DIGEST_FORM)
            with self.step.guard(name + ".sig"):
                self.keys.check("ledger", raw, self._archive.read(name + ".sig"), digest["kid"])
            self._continues(name, digest, meta)
            self.step.counted["explained restarts"] = 1

    def _continues(self, name: str, digest: Members, meta: Members) -> None:
        """Compare the digest with what the start says was sealed, which may be more and never less."""
        log, tenant, _ = self.place
        expected = [log, tenant, meta["previous_epoch"], self.told["no"]]
        found = [digest["log"], digest["tenant"], digest["epoch"], digest["no"]]
        self.step.equal(name, "log, tenant, epoch, no", "place", expected, found)
        sealed, tree = meta["sealed"], digest["tree"]
        if sealed["size"] < tree["size"]:
            short = BrokenError(f"{UNEXPLAINED}: less was sealed than the digest signs", tree["size"], sealed["size"])
            self.step.fail(name, "sealed.size", short)
        if sealed["size"] == tree["size"]:
            self.step.equal(name, "sealed.root", "root", tree["root"], sealed["root"])
        for lane, head in digest["lanes"].items():
            kept = sealed["lanes"].get(lane, {"seq": 0, "hash": GENESIS})
            if kept["seq"] < head["seq"] or (kept["seq"] == head["seq"] and kept["hash"] != head["hash"]):
                lost = BrokenError(f"{UNEXPLAINED}: less was sealed than the digest signs", head, kept)
                self.step.fail(name, f"sealed.lanes.{plain(lane)}", lost)

    def end(self) -> None:
        if not self.explained:
            problem = f"{UNEXPLAINED}: no event {EPOCH_STARTED} begins epoch {self.place[2]}"
            self.step.fail(EVENTS, "", BrokenError(problem))


class Log:
    """The log as the lines so far make it: lane heads, tree, and what the statements count."""

    def __init__(self, opening: Members, chain: Chain, steps: list[Step], restart: Restart) -> None:
        self.restart = restart
        self.segments, self.lanes, self.tree = steps[3:6]
        self.manifest, self.place = chain.manifest, chain.place
        self.heads: dict[str, Json] = opening["lanes"]
        self.lanes_opened = set(self.heads)
        self.opened = self.size = opening["size"]
        self.after: int = opening["digest"]  # 0: from the beginning of the log
        self.frontier = [bytes.fromhex(node) for node in opening["frontier"]]
        self.next_segment = 0 if self.after else 1  # 0: not known yet
        self.time_max = self.watermark = ""
        self.population: dict[str, int] = Counter()
        self.actions: dict[str, int] = Counter()
        number = self.manifest["source"]["opening"]["digest"]
        if self.after != number:
            raise BrokenError("opening.json is of another digest", number, self.after)
        if f"{self.size:b}".count("1") != len(self.frontier) or (not number and (self.size or self.heads)):
            raise BrokenError("opening.json contradicts itself")
        if self.after:
            self._bind(chain.digests[0])

    def _bind(self, digest: Members) -> None:
        """Bind `opening.json` to the signed opening digest."""
        size, root = digest["tree"]["size"], digest["tree"]["root"]
        self.lanes.equal(OPENING, "lanes", "lane heads at the opening", digest["lanes"], self.heads)
        self.tree.equal(OPENING, "size", "size of the opening tree", size, self.size)
        self.tree.equal(OPENING, "frontier", "opening root", root, self.root())
        self.lanes_opened |= set(digest["source"]["last"])  # opened, with nothing sealed yet
        self.heads = {lane: head for lane, head in self.heads.items() if head["seq"]}
        self.time_max, self.watermark = digest["time_max"] or "", digest["watermark"]
        if self.time_max >= self.manifest["resolved"]["from"]:
            start = "before " + self.manifest["resolved"]["from"]
            broken = BrokenError("events of the range lie before the opening", start, self.time_max)
            self.lanes.fail(OPENING, "digest", broken)
        for segment in digest["segments"]:
            self.next_segment = segment["no"] + 1

    def read(self, stated: Members, raw: bytes, disclosure: Disclosure) -> None:
        """Take in the lines of one segment, and compare them with what its digest states."""
        where, lines, first = f"segment {stated['no']}", raw.split(b"\n"), self.size
        if lines.pop():
            self.segments.fail(EVENTS, where, BrokenError("a last line without line feed"))
        lanes: dict[str, dict[str, int]] = {}
        times: list[str] = []
        actions: dict[str, int] = Counter()
        for number, line in enumerate(lines, 1):
            leaf, at = hashlib.sha256(b"\x00" + line).digest(), f"{where} line {number}"
            self._append(leaf)
            with self.segments.guard(EVENTS, at):
                event = parse_as(line, EVENT_FORM)
                self._event(at, event, leaf.hex())
                disclosure.match(event)
                times.append(event["time"])
                actions[event["action"]] += 1
                lanes.setdefault(event["lane"], {"from": event["seq"]})["to"] = event["seq"]
        seen = {"index": {"from": first, "to": self.size - 1}, "events": len(lines), "lanes": lanes}
        seen.update(time={"min": min(times, default=""), "max": max(times, default="")}, counts=actions)
        for member, value in seen.items():
            self.segments.equal(EVENTS, where, member, stated[member], value)
        self.next_segment = self.next_segment or stated["no"]
        self.segments.equal(EVENTS, where, "segment number", self.next_segment, stated["no"])
        self.next_segment = stated["no"] + 1
        self.segments.counted["lines"] += len(lines)
        self.time_max = max([self.time_max, *times])
        self.actions.update(actions)

    def _append(self, leaf: bytes) -> None:
        node, carry = leaf, self.size
        while carry & 1:
            node = hashlib.sha256(b"\x01" + self.frontier.pop() + node).digest()
            carry >>= 1
        self.frontier.append(node)
        self.size += 1

    def root(self) -> str:
        """Fold the perfect subtrees into the root, base64 (RFC 6962 section 2.1)."""
        root = self.frontier[-1] if self.frontier else hashlib.sha256(b"").digest()
        for left in reversed(self.frontier[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return base64.b64encode(root).decode()

    def _event(self, at: str, event: Members, leaf: str) -> None:
        if [event["log"], event["tenant"], event["epoch"]] != self.place:
            raise BrokenError("an event of another log", self.place, event["log"])
        lane, seq, time = event["lane"], event["seq"], event["time"]
        self._check_lane(at, event)
        if event["action"] == EPOCH_STARTED or (self.size == 1 and not self.after):
            with self.lanes.guard(EVENTS, at):
                self.restart.event(at, event, first=self.size == 1)
        head = self.heads.get(lane, {"seq": 0, "hash": GENESIS})
        if seq != head["seq"] + 1:
            kind = "a gap in the lane" if seq > head["seq"] else "a repeated or moved event"
            self.lanes.fail(EVENTS, f"{at} lane {lane}", BrokenError(kind, head["seq"] + 1, seq))
        elif event["prev"] != head["hash"]:
            broken = BrokenError("prev is not the event before", head["hash"], event["prev"])
            self.lanes.fail(EVENTS, f"{at} lane {lane}", broken)
        self.heads[lane] = {"seq": seq, "hash": leaf}
        resolved = self.manifest["resolved"]
        self.population[event["action"]] += resolved["from"] <= time < resolved["to_exclusive"]
        if time < self.watermark and not self._simulated(time):
            late = BrokenError("an event from before a watermark that was signed", self.watermark, time)
            self.lanes.fail(EVENTS, at, late)

    def _check_lane(self, at: str, event: Members) -> None:
        """Demand that an event of lane 0 opened the event's lane, and note which one this event opens."""
        lane = event["lane"]
        if lane == "0":
            self.lanes_opened.add(lane)
        elif lane not in self.lanes_opened:
            self.lanes.fail(EVENTS, f"{at} lane {lane}", BrokenError("an event of a lane that was never opened"))
            self.lanes_opened.add(lane)  # told once
        if event["action"] == LANE_OPENED:
            opens = event["meta"].get("lane")
            if lane != "0" or not other_lane(opens) or opens in self.lanes_opened:
                self.lanes.fail(EVENTS, f"{at} meta.lane", BrokenError("this opens no lane", None, opens))
            elif other_lane(opens):
                self.lanes_opened.add(opens)

    def _simulated(self, time: str) -> bool:
        simulated = self.manifest["simulated"]
        return bool(simulated) and simulated["from"] <= time <= simulated["to"]

    def close(self, name: str, digest: Members) -> None:
        """Compare the log so far with the state that one digest signs."""
        seen = {"total": sum(self.actions.values()), "by_action": self.actions}
        self.segments.equal(name, "counts", "counts", digest["counts"], seen)
        self.segments.equal(name, "time_max", "latest time", digest["time_max"] or "", self.time_max)
        begun = {lane: head for lane, head in digest["lanes"].items() if head["seq"]}
        self.lanes.equal(name, "lanes", "lane heads", begun, self.heads)
        self.tree.equal(name, "tree.size", "tree size", digest["tree"]["size"], self.size)
        self.tree.equal(name, "tree.root", "root", digest["tree"]["root"], self.root())
        self._check_source(name, digest)
        self.watermark, self.actions = digest["watermark"], Counter()

    def _check_source(self, name: str, digest: Members) -> None:
        """Compare what the table held with what is sealed, lane by lane."""
        last, unsealed = digest["source"]["last"], digest["source"]["unsealed"]
        ahead = sum(last.values()) - sum(head["seq"] for head in self.heads.values())
        behind = [lane for lane, head in self.heads.items() if last.get(lane, 0) < head["seq"]]
        self.lanes.equal(name, "source.last", "lanes behind the sealed events", [], behind)
        self.lanes.equal(name, "source", "unsealed events", unsealed, ahead)
        left_out = sorted(self.lanes_opened - set(last))
        self.lanes.equal(name, "source.last", "opened lanes that are left out", [], left_out)
        # What opened it may be among the events of lane 0 that are not sealed yet.
        if last.get("0", 0) <= self.heads.get("0", {"seq": 0})["seq"]:
            stray = sorted((set(last) | set(digest["lanes"])) - self.lanes_opened - {"0"})
            self.lanes.equal(name, "source.last", "lanes that were never opened", [], stray)


class GzipMembers:
    """Cuts a stream into its gzip members, wherever the digests say that they end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.rest = stream, b""

    def read(self, step: Step, stated: Members) -> bytes:
        """Inflate the next member and compare it with its segment's statement."""
        inflater, packed, size, raw = zlib.decompressobj(wbits=31), hashlib.sha256(), 0, bytearray()
        where = f"segment {stated['no']}"
        while not inflater.eof:
            block = self.rest or self.stream.read(BLOCK)
            if not block:
                raise BrokenError(f"the events end before the end of {where}")
            raw += inflater.decompress(block, MAX_SEGMENT + 1 - len(raw))
            if len(raw) > MAX_SEGMENT:
                raise BrokenError(f"{where} is absurdly large", f"at most {MAX_SEGMENT} bytes")
            self.rest = inflater.unused_data
            packed.update(block[: len(block) - len(self.rest)])
            size += len(block) - len(self.rest)
        if len(raw) > MIB + MAX_RATIO * size or raw.count(b"\n") > len(raw) // LEAST_LINE:
            raise BrokenError(f"{where} does not hold events")
        step.equal(EVENTS, where, "size of the gzip member", stated["bytes"], size)
        step.equal(EVENTS, where, "SHA-256 of the gzip member", stated["sha256_gz"], packed.hexdigest())
        step.equal(EVENTS, where, "SHA-256 of the lines", stated["sha256_raw"], hashlib.sha256(raw).hexdigest())
        step.counted["segments"] += 1
        return bytes(raw)

    def end(self) -> None:
        if self.rest or self.stream.read(1):
            raise BrokenError("bytes after the last segment")


def check_events(steps: list[Step], archive: Archive, chain: Chain, records: dict[str, int]) -> None:
    """Make steps 4 to 7 as far as the events go: up to a segment that cannot be read."""
    log = None
    with steps[3].guard(OPENING):
        restart = Restart(steps[4], archive, chain)
        log = Log(parse_as(archive.read(OPENING), OPENING_FORM), chain, steps, restart)
    if log is None:
        return
    disclosure = Disclosure(steps[6], archive)
    with steps[3].guard(EVENTS), archive.open(EVENTS) as stream:
        members = GzipMembers(stream)
        for digest in chain.digests[1 if log.after else 0 :]:
            for segment in digest["segments"]:
                log.read(segment, members.read(steps[3], segment), disclosure)
            log.close(chain.name(digest["no"]), digest)
        members.end()
        disclosure.end()
        log.restart.end()
        check_completeness(steps[4], log, chain.digests[-1])
        check_checkpoints(steps[5], archive, log, chain)
        check_counts(steps[6], log, records)
        for step in steps[3:]:
            step.blocked = ""


def check_completeness(step: Step, log: Log, closing: Members) -> None:
    """Step 5, last part: whether every event of the range must be here."""
    manifest, unsealed = log.manifest, closing["source"]["unsealed"]
    end, watermark = manifest["resolved"]["to_exclusive"], closing["watermark"]
    if end > watermark:
        step.provisional.append(f"events before {plain(end)} are complete only up to {watermark}")
    status = "provisional" if step.provisional else "final"
    step.equal(MANIFEST, "status", "status", status, manifest["status"])
    step.equal(MANIFEST, "watermark", "watermark", watermark, manifest["watermark"])
    step.equal(MANIFEST, "source.unsealed", "unsealed", unsealed, manifest["source"]["unsealed"])
    if manifest["cut"]:
        step.equal(MANIFEST, "resolved.to_exclusive", "cut at the watermark", watermark, end)
    step.counted["lanes"] = len(log.heads)
    step.counted["events unsealed at the closing"] = unsealed  # at or behind the watermark: not of the range


def check_checkpoints(step: Step, archive: Archive, log: Log, chain: Chain) -> None:
    """Step 6, last part: one signed note for each tree size that a digest names, and no other."""
    tenant, epoch = log.place[1], log.place[2]
    end = f"/{tenant}/e{epoch}" if epoch > 1 else f"/{tenant}"
    notes = archive.numbered(step, r"integrity/checkpoints/([0-9]{1,15})")
    bodies: dict[int, str] = {}
    signers: dict[int, str] = {}
    for digest in chain.digests:
        name, tree, origin = chain.name(digest["no"]), digest["tree"], digest["checkpoint"].split("\n")[0]
        body = f"{origin}\n{tree['size']}\n{tree['root']}\n"
        step.equal(name, "checkpoint", "checkpoint of this tree", body, digest["checkpoint"])
        step.equal(name, "checkpoint", "end of the origin", end, origin[-len(end) :])
        known = bodies.setdefault(tree["size"], body)
        step.equal(name, "checkpoint", "checkpoint of this size", known, body)
        signers.setdefault(tree["size"], digest["kid"])
    for size, body in bodies.items():
        name = notes.get(size, f"integrity/checkpoints/{size:012d}")
        with step.guard(name):
            _check_note(archive.read(name).decode(), body, chain.keys, signers[size])
            step.counted["checkpoints"] += 1
    for size in sorted(set(notes) - set(bodies)):
        step.fail(notes[size], "", BrokenError("a checkpoint of a tree that no digest signs"))
    source = log.manifest["source"]
    opening, closing, tree = source["opening"], source["closing"], chain.digests[-1]["tree"]
    step.equal(MANIFEST, "source.opening.tree_size", "tree size", log.opened, opening["tree_size"])
    step.equal(MANIFEST, "source.closing.tree_size", "tree size", tree["size"], closing["tree_size"])
    step.equal(MANIFEST, "source.closing.root", "root", tree["root"], closing["root"])


def _check_note(note: str, body: str, keys: Keys, kid: str) -> None:
    """Check a C2SP signed note: the signed lines, an empty line, and the signature of the ledger key.

    A tree that did not grow since keeps its first note: it may have an earlier key's signature than the digest, `kid`.
    """
    signed, _, signatures = note.partition("\n\n")
    if signed + "\n" != body:
        raise BrokenError("a checkpoint that differs from the digest's", body, signed + "\n")
    prefix = f"\u2014 {body.splitlines()[0]} "
    for line in signatures.splitlines():
        stamp = base64.b64decode(line[len(prefix) :], validate=True) if line.startswith(prefix) else b""
        known = keys.ledger[: keys.ledger.index(kid) + 1] if kid in keys.ledger else keys.ledger
        signers = [key for key in known if bytes.fromhex(key)[:4] == stamp[:4]]
        if signers:
            keys.check("ledger", body.encode(), stamp[4:], signers[-1])
            return
    raise BrokenError("no signature of the ledger key")


def check_counts(step: Step, log: Log, records: dict[str, int]) -> None:
    """Step 7, last part: what the manifest counts."""
    source = log.manifest["source"]
    counted = {action: number for action, number in log.population.items() if number}
    step.equal(MANIFEST, "source.events", "events", log.size - log.opened, source["events"])
    step.equal(MANIFEST, "source.population", "events of the range", sum(counted.values()), source["population"])
    step.equal(MANIFEST, "source.by_action", "events by action", counted, source["by_action"])
    for entry in log.manifest["files"]:
        path, rows = entry["path"], entry.get("rows")
        if rows is not None and path.endswith(".csv") and path in records:
            step.equal(path, "rows", "number of rows", rows, records[path] - 1)
            step.counted["CSV files"] += 1


# --- The whole, and its report --------------------------------------------------------------------


@dataclass
class Report:
    """Everything that was found; `manifest` is {} when it could not be read."""

    steps: list[Step]
    manifest: Members = field(default_factory=dict)
    unpinned: list[str] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    previous: Members | None = None

    @property
    def code(self) -> int:
        states = {step.status for step in self.steps}
        if states & {"failed", "not checked"}:
            return FAILED
        if "provisional" in states:
            return PROVISIONAL
        return NOT_PINNED if self.unpinned else PASSED

    def to_json(self) -> Members:
        code = self.code
        return {
            "type": "bundle-verification",
            "v": 1,
            "result": RESULTS[code],
            "exit": code,
            "bundle": {name: self.manifest.get(name) for name in ("id", "name", "resolved")},
            "tenant": self.manifest["tenant"]["id"] if self.manifest else None,
            "simulated": self.manifest.get("simulated"),
            "keys_not_pinned": self.unpinned,
            "previous": self.previous,
            "steps": [{**vars(step), "status": step.status} for step in self.steps],
            "proven": [STEPS[s.number - 1][1] for s in self.steps if s.status == "passed"],
            "not_proven": [*(NOT_PROVEN_UNPINNED for _ in self.unpinned[:1]), *NOT_PROVEN],
            "not_checked": list(NOT_CHECKED),
        }


class Options(NamedTuple):
    """What the command was given beside the bundle."""

    fingerprints: list[str]
    previous: str = ""


def verify(path: str, options: Options) -> Report:
    """Make every check on the bundle at `path`. OSError: there is no such file to read."""
    steps = [Step(number, name) for number, (name, _) in enumerate(STEPS, 1)]
    report = Report(steps)
    with ExitStack() as files:
        # An OSError from here on, of a file that could be opened, is a finding.
        file, *earlier = [
            files.enter_context(open(name, "rb"))  # noqa: PTH123 - one module less
            for name in (path, options.previous)
            if name
        ]
        files.enter_context(steps[0].guard(path))
        archive = Archive(file, steps[0])
        chain = check_statements(report, archive, options.fingerprints)
        if chain and earlier:
            report.previous = check_previous(steps[2], archive, chain, earlier[0])
        if chain and chain.whole:
            check_events(steps, archive, chain, report.records)
    return report


def check_statements(report: Report, archive: Archive, fingerprints: list[str]) -> Chain | None:
    """Make steps 1 to 3: the files, the manifest and its keys, the digests."""
    steps, chain, keys = report.steps, None, None
    with steps[0].guard(MANIFEST):
        raw = archive.read(MANIFEST, MAX_MANIFEST)
        report.manifest = parse_as(raw, MANIFEST_FORM)
        report.records = check_files(steps[0], archive, report.manifest["files"])
        keys = check_manifest(steps[1], archive, report.manifest, raw)
    if keys:
        report.unpinned = keys.unpinned(steps[1], fingerprints)
        with steps[2].guard("integrity/digests/"):
            chain = Chain(steps[2], archive, report.manifest, keys)
    return chain


# --- The bundle before (step 3, with --previous) --------------------------------------------------


def check_previous(step: Step, archive: Archive, chain: Chain, file: IO[bytes]) -> Members:
    """Check steps 1 to 3 of an earlier bundle, and that this one goes on where that one ended."""
    steps = [Step(number, name) for number, (name, _) in enumerate(STEPS[:3], 1)]
    report, before = Report(steps), None
    with steps[0].guard("the archive"):
        before = check_statements(report, Archive(file, steps[0]), [])
    for failed in steps:
        for finding in failed.findings:
            step.findings.append({**finding, "file": f"previous bundle: {finding['file']}"})
        step.failures += failed.failures
    if before is None or not before.whole:
        step.fail("previous bundle", "", BrokenError("it could not be read: nothing binds this bundle to it"))
    else:
        with step.guard("previous bundle"):
            _bind_previous(step, archive, chain, before)
    names = ("id", "name", "resolved")
    return {
        **{name: report.manifest.get(name) for name in names},
        "checked": [told for told, _ in STEPS[:3]],
        "result": RESULTS[FAILED] if any(failed.failures for failed in steps) or not before else RESULTS[PASSED],
    }


def _bind_previous(step: Step, archive: Archive, chain: Chain, before: Chain) -> None:
    file = "previous bundle"
    if chain.place[:2] != before.place[:2]:
        raise BrokenError("it is of another log or tenant", chain.place[:2], before.place[:2])
    kid = before.keys.kids["ledger"]
    if kid not in chain.keys.ledger:
        problem = "its ledger key is unknown here, and no statement leads from it to this bundle's"
        raise BrokenError(problem, chain.keys.ledger, kid)
    if chain.place[2] != before.place[2]:
        _bind_epochs(archive, chain, before)
        step.counted["earlier bundles bound"] = 1
        return
    first, last, end = min(chain.hashes), max(chain.hashes), max(before.hashes)
    opening = chain.manifest["source"]["opening"]["digest"]
    if min(before.hashes) > first or end > last:
        raise BrokenError("it is not the earlier one", f"digests up to {first}", f"{min(before.hashes)} to {end}")
    if opening > end:
        raise BrokenError("a gap between the bundles: digests that are in neither", f"{end} as opening", opening)
    for number in sorted(set(chain.hashes) & set(before.hashes)):
        step.equal(
            chain.name(number), "", f"{file}: the digest of this number", before.hashes[number], chain.hashes[number]
        )
        step.counted["digests in both bundles"] += 1
    step.counted["earlier bundles bound"] = 1


def _bind_epochs(archive: Archive, chain: Chain, before: Chain) -> None:
    """Bind across a restart: the digest that this epoch starts from is the last of the earlier bundle."""
    source, end = chain.manifest["source"], max(before.hashes)
    if chain.place[2] != before.place[2] + 1 or source["opening"]["tree_size"]:
        raise BrokenError("a gap between the bundles: the start of this epoch is in neither", None, before.place[2])
    names = archive.numbered(chain.step, r"integrity/epoch/([0-9]{1,15})\.json")
    number = max(names, default=0)
    if number < end:
        raise BrokenError(f"{UNEXPLAINED}: it forgets digests that the earlier bundle has", end, number)
    if number > end:
        raise BrokenError("a gap between the bundles: digests that are in neither", end, number)
    found = hashlib.sha256(archive.read(names[number], MAX_DIGEST)).hexdigest()
    if found != before.hashes[end]:
        raise BrokenError(f"{UNEXPLAINED}: it starts from another digest", before.hashes[end], found)


# --- The report as text, and the command ----------------------------------------------------------


def as_text(told: Members) -> Iterator[str]:
    """Write the report as lines of ASCII."""
    bundle = told["bundle"]
    if bundle["name"]:
        resolved = bundle["resolved"]
        yield f"Bundle  {plain(bundle['name'])} ({plain(bundle['id'])}), tenant {plain(told['tenant'])}"
        yield f"Range   {resolved['from']} to {resolved['to_exclusive']} (exclusive)"
    if told["previous"]:
        before, checked = told["previous"], ", ".join(told["previous"]["checked"])
        yield f"Before  {plain(before['name'])} ({plain(before['id'])}): {before['result']}, checked: {checked}"
    if told["simulated"]:
        span = told["simulated"]
        yield f"NOTE    events from {span['from']} to {span['to']} are SIMULATED, not use of the system"
    for step in told["steps"]:
        yield from _step_as_text(step)
    for role in told["keys_not_pinned"]:
        yield f"NOT PINNED: the {role} key was taken from the bundle itself (--key-fingerprint)"
    for title in ("proven", "not_proven", "not_checked"):
        yield title.replace("_", " ").capitalize() + ":"
        yield from (f"  - {sentence}" for sentence in told[title] or ["nothing"])
    yield f"Result  {told['result']} (exit {told['exit']})"


def _step_as_text(step: Members) -> Iterator[str]:
    numbers = ", ".join(f"{number} {what}" for what, number in step["counted"].items())
    yield f"{step['number']}. {step['name']}: {step['status'].upper()}" + (f" ({numbers})" if numbers else "")
    for finding in step["findings"]:
        yield f"     {finding['file']} {finding['where']}: {finding['problem']}"
        if "expected" in finding:
            yield f"       expected {finding['expected']}"
            yield f"       got      {finding['got']}"
    if step["failures"] > len(step["findings"]):
        yield f"     and {step['failures'] - len(step['findings'])} more"
    for reason in step["provisional"]:
        yield f"     {reason}"
    if step["status"] == "not checked":
        yield f"     {step['blocked']}"


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _fingerprints(given: str) -> list[str]:
    found = [part.strip().replace(":", "").lower() for part in given.split(",")]
    if not all(re.fullmatch("[0-9a-f]{16,64}", part) for part in found):
        raise argparse.ArgumentTypeError("a fingerprint has 16 to 64 hex digits")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = _Arguments(prog="verify_bundle.py", description="Verify an evidence bundle offline.")
    parser.add_argument("bundle", help="the ZIP archive")
    parser.add_argument(
        "--key-fingerprint",
        metavar="HEX",
        type=_fingerprints,
        action="append",
        default=[],
        help="SHA-256 of a key's DER SPKI, or 16 or more of its first digits; once for each key",
    )
    parser.add_argument("--previous", metavar="ZIP", default="", help="the bundle before, which this one continues")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    pins = [pin for group in options.key_fingerprint for pin in group]
    try:
        report = verify(options.bundle, Options(pins, options.previous))
    except OSError as error:
        parser.error(f"cannot read the bundle: {error}")
    told = report.to_json()
    try:
        print(json.dumps(told, indent=2) if options.json else "\n".join(as_text(told)))  # noqa: T201 - a command
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has read enough; the exit code still tells
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return report.code


if __name__ == "__main__":
    sys.exit(main())
