#!/usr/bin/env python3
"""Verify an evidence bundle offline: one file, Python 3.9 or later, standard library only.

    verify_bundle.py BUNDLE.zip [--key-fingerprint HEX]... [--previous EARLIER.zip] [--sample FILE]...
                                [--tsa-ca PEM] [--json]
    verify_bundle.py --proof PROOF.json [--key-fingerprint HEX] [--json]

A fingerprint is the SHA-256 of a key's DER SubjectPublicKeyInfo, or its first 32 or more hex digits. `ledger:HEX`
and `evidence:HEX` say which of the two keys is meant. A plain HEX pins the key of a bundle that it names, in the one
role that this key has there. A proof is of the ledger key alone: `ledger:HEX` pins it, or a single plain HEX; the
fingerprint of the evidence key never vouches for a proof.
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

Contents, by the titles of the sections in their order
- Findings: what a check says; text from the bundle made harmless
- Canonical JSON: one spelling of each value; the forms of all documents
- ECDSA over P-256 with SHA-256: signatures without a library
- The archive: the one layout of the ZIP in which it was delivered
- Step 1: files
- Step 2: signature and keys
- Step 3: the digest chain
- Steps 4 to 7: the events, each once, in order (what is disclosed of them)
- Step 7: each report, derived again from the lines, the disclosure and the catalogue (and step 8, the samples)
- Steps 4 to 7, going on: the log (risk decisions, restarts, lanes, tree, counts, checkpoints)
- Step 9: anchors
- One event's proof
- The whole, and its report
- The bundle before
- The report as text, and the command
"""

# ruff: noqa: UP036, UP045 - the guard comes first, and Python 3.9 knows no `X | None` where annotations are made
import sys

if sys.version_info < (3, 9):  # what follows is read by 3.6, too: so no `annotations` from the future, which it lacks
    sys.stderr.write(f"verify_bundle.py needs Python 3.9 or later; this is {sys.version.split()[0]}.\n")
    sys.exit(64)

import argparse
import base64
import calendar
import gc
import gzip
import hashlib
import heapq
import hmac
import io
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Any, NamedTuple, NoReturn, Optional

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
LEAST_OF_BRACKET = 12  # bytes of a long document for each list or object in it
MAX_LINE = 2 * MIB
BLOCK = 64 << 10
MAX_FINDINGS = 20  # told for each step; all are counted
MAX_TOLD = 300  # characters of any one text from the bundle
MAX_ROWS_TOLD = 100  # of one sample; --json tells all

MANIFEST, OPENING, CATALOGUE = "manifest.json", "integrity/opening.json", "catalogue.json"
EVENTS, DISCLOSURE = "events/events.ndjson.gz", "events/disclosure.ndjson.gz"
GENESIS = "0" * 64
NO_HEAD: Members = {"seq": 0, "hash": GENESIS}  # of a lane without events
LANE_OPENED, EPOCH_STARTED, PII_ERASED = "AUDIT_LANE_OPENED", "AUDIT_EPOCH_STARTED", "PII_ERASED"
UNEXPLAINED = "unexplained restart"

# Name of each step, and what holds when it passed.
STEPS = (
    ("files of the manifest", "the archive, laid out as delivered, holds the listed files, unchanged, and no others"),
    ("manifest signature and keys", "the evidence key signed this manifest"),
    ("digest chain", "the ledger key signed every digest of the range, and none is missing"),
    ("segments and lines", "the event lines are, byte for byte, those that the digests sealed"),
    ("lanes and completeness", "no event of the range is missing, added, moved or repeated"),
    ("tree and checkpoints", "the events extend the opening tree to the signed closing tree"),
    (
        "personal data and reports",
        "disclosed values are those committed to when written, and each report is, byte for byte, what the events give",
    ),
    ("samples", "each sample is the one that its nonce draws from its population"),
    (
        "anchors",
        "the ledger key signed anchors over this log's tree heads; external time stamps are over those anchors",
    ),
)
NOT_PROVEN_UNPINNED = "who signed: the keys came with the bundle, so anybody could have made all of it"
NOT_PROVEN = (  # the first and the third of a proof, too
    "that an event was true when it was written, or that every act wrote an event",
    "that the catalogue sorts actions into reports as the vendor publishes it: compare its SHA-256",
    "when the log was sealed, beyond the signer's own clock",
    "that others are shown the same log: a fork (split view) shows only where tree heads are compared, by origin",
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
    holds: str = ""  # what is so when the step passed
    counted: dict[str, int] = field(default_factory=Counter)
    findings: list[Members] = field(default_factory=list)
    failures: int = 0
    provisional: list[str] = field(default_factory=list)
    blocked: str = "an earlier step did not get this far"
    absent: str = ""  # why there is nothing to check
    notes: list[str] = field(default_factory=list)
    not_proven: list[str] = field(default_factory=list)  # what this bundle leaves open, beside what every bundle does

    @property
    def status(self) -> str:
        if self.failures:
            return "failed"
        if self.blocked:
            return "not checked"
        if self.absent:
            return "nothing to check"
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

    def caught(self, file: str, where: str, error: Exception) -> None:
        """Make a finding of what a check raised: also of a reader's crash on hostile input."""
        unread = BrokenError(f"unreadable: {plain(str(error) or type(error).__name__)}")
        self.fail(file, where, error if isinstance(error, BrokenError) else unread)

    def guard(self, file: str, where: str = "") -> "Guard":
        """Run a block whose failure is a finding about `file`, after which the program goes on."""
        return Guard(self, file, where)


@dataclass
class Guard:
    """Turns what a block raises into a finding. (Once for each event it costs: there, `try` and `Step.caught`.)"""

    step: Step
    file: str
    where: str

    def __enter__(self) -> None:
        """Enter the block; there is nothing to prepare."""

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        self.step.caught(self.file, self.where, error)
        return True


def plain(value: object) -> str:
    """Text from the bundle as printable ASCII of bounded length: it must not steer a terminal."""
    text = value if isinstance(value, str) else repr(value)
    shown = text[:MAX_TOLD].encode("unicode_escape").decode("ascii")
    return shown if len(text) <= MAX_TOLD else shown + "..."


# --- Canonical JSON -------------------------------------------------------------------------------


def _integer(digits: str) -> int:
    if len(digits) > 15 and (len(digits) > 17 or abs(int(digits)) >= 1 << 53):  # noqa: PLR2004 - RFC 8785 section 3.2.2.3
        raise BrokenError("an integer beyond 2^53")
    return int(digits)


def _refuse(number: str) -> NoReturn:
    raise BrokenError(f"a number that is no integer: {plain(number)}")


_SCAN: Callable[[str, int], tuple[Json, int]] = vars(
    json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse)
)["scan_once"]


def encoder(**options: Any) -> Callable[[Json], str]:  # noqa: ANN401 - those of JSONEncoder
    """Give `json.JSONEncoder(...).encode`, which makes its C encoder anew for each text, with one made once."""
    coder = json.JSONEncoder(check_circular=False, **options)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return coder.encode
    escape = json.encoder.encode_basestring_ascii if coder.ensure_ascii else json.encoder.encode_basestring
    told = coder.key_separator, coder.item_separator, coder.sort_keys, coder.skipkeys, coder.allow_nan
    write = make(None, coder.default, escape, coder.indent, *told)
    return lambda value: "".join(write(value, 0))


_ENCODE = encoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _why(error: Exception) -> str:
    """Say in a few words what is wrong with a text; an exception may repeat all of it."""
    if isinstance(error, UnicodeDecodeError):
        return f"no UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return plain(str(error).partition("\n")[0][:80] or "it ends early or holds something else")


def parse(text: bytes) -> Json:
    """Read one canonical JSON text; any other spelling of the same value is refused."""
    if len(text) > MIB and (text.count(b"[") + text.count(b"{")) * LEAST_OF_BRACKET > len(text):
        raise BrokenError("JSON that is nearly nothing but brackets")  # each costs a hundred bytes of memory
    try:
        told = text.decode()
        value, _ = _SCAN(told, 0)
        same = _ENCODE(value) == told  # what stands behind the value differs, too
    except BrokenError:
        raise
    except (ValueError, RecursionError, StopIteration) as error:
        raise BrokenError(f"no JSON: {_why(error)}") from error
    if not same:  # spaces, order, escapes, a key twice, more than one value
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
    if isinstance(pattern, dict):
        return lambda value: isinstance(value, list) and not any(misfit(item, pattern) for item in value)
    return lambda value: isinstance(value, list) and all(map(pattern, value))


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


def parse_plain(text: bytes) -> Json:
    """Read JSON that people lay out as they like; a key twice is refused."""
    try:
        return _DECODE_PLAIN(text.decode())
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"no JSON: {_why(error)}") from error


def _members(pairs: list[tuple[str, Json]]) -> Members:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BrokenError("a key twice in one object")
    return members


_DECODE_PLAIN = json.JSONDecoder(
    parse_int=_integer, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_members
).decode


def parse_as(text: bytes, pattern: Members) -> Json:
    value = parse(text)
    demand(value, pattern)
    return value


def demand(value: Json, pattern: Members) -> None:
    wrong = misfit(value, pattern)
    if wrong:
        raise BrokenError(f"member absent or of a wrong kind: {wrong}")


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
KINDS["texts"] = each(KINDS["text"])
KINDS["count?"] = maybe(count)
KINDS["heads"] = mapped(form("seq:count hash:sha256"))
FRAGMENTS = each(form("bytes:count sha256:sha256"))
MANIFEST_FORM = form(
    """type:type v:v1 id:text name:text tenant.id:text resolved.from:instant resolved.to_exclusive:instant
    requested.format:format
    catalogue.version:text catalogue.sha256:sha256 cut:flag status:status watermark:instant simulated:span
    source.log:text source.epochs:one
    source.opening.digest:count source.opening.tree_size:count source.closing.digest:count
    source.closing.tree_size:count source.closing.root:text source.events:count source.population:count
    source.by_action:counts source.unsealed:count files:files keys.ledger:sha256 keys.evidence:sha256 kid:sha256""",
    type=_matching("evidence-bundle"),
    format=_matching("csv|json"),
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
    """previous_epoch:count reason:reason digest:digest sealed.segment:count sealed.size:count sealed.root:text
    sealed.lanes:heads""",
    reason=_matching("table_lost|table_restored|state_restored|tenant_founded"),
    digest=maybe(form("no:count sha256:sha256")),
)
OPENING_FORM = form("digest:count size:count frontier:nodes lanes:heads", nodes=each(sha256_hex))
EVENT_FORM = form(
    """id:text log:text tenant:text epoch:count lane:text seq:count prev:sha256 time:instant action:text
    meta:object pii:persons""",
    persons=each(form("of:text mac:sha256")),
)
SAMPLE_FORM = form(
    "type:type v:v1 algorithm:algorithm file:text nonce:nonce n:count population:count rows:rows",
    type=_matching("sample"),
    algorithm=_matching("sha256-lowest-1"),
    nonce=_matching("[ -~]{8,128}"),
    rows=each(form("row:count index:count event_id:text leaf_hash:sha256")),
)
ANCHOR_FORM = form(
    "type:type v:v1 log:text date:date at:instant prev:prev size:count root:text kid:sha256",
    type=_matching("anchor"),
    date=_matching("[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    prev=maybe(form("date:text sha256:sha256")),
)
ANCHOR_PROOF_FORM = form(
    "type:type v:v1 date:text origin:text tree.size:count tree.root:text index:count leaves:count path:nodes",
    type=_matching("anchor-proof"),
    nodes=each(sha256_hex),
)
EVENT_PROOF_FORM = form(
    """type:type v:v1 event:text leaf_hash:sha256 index:count size:count proof:text digest.no:count
    digest.sha256:sha256 kid:sha256 key:text""",
    type=_matching("event-proof"),
)
REPORT_FORM = form(
    """path:text rows:count section:text tsc:texts query.report:text query.actions:texts query.order:text columns:texts
    first_index:count? last_index:count? csv_neutralised_cells:count""",
)
CATALOGUE_FORM = form(
    "version:text reports:reports actions:actions",
    reports=mapped(form("section:text folder:text file:text")),
    actions=mapped(form("reports:texts tsc:texts")),  # and `reports_where`, which _only checks
)
INCIDENTS_FORM = form("section:text folder:text file:text of:text roles:roles", roles=mapped(KINDS["text"]))
DISCLOSURE_FORM = form("id:text pii:persons", persons=each(form("of:text")))


_HEX = re.compile(r"[0-9a-f]{64}").fullmatch
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z").fullmatch


def parse_event(line: bytes) -> Members:
    """Read an event line: what `parse_as` with EVENT_FORM does, in a third of the time where it fits."""
    if len(line) > MAX_LINE:
        raise BrokenError("a line that is longer than an event can be", f"at most {MAX_LINE} bytes", len(line))
    event: Members = parse(line)
    try:
        fit = type(event["id"]) is type(event["log"]) is type(event["tenant"]) is str
        fit = fit and type(event["lane"]) is type(event["action"]) is str and type(event["meta"]) is dict
        fit = fit and type(event["epoch"]) is type(event["seq"]) is int and event["epoch"] >= 0 <= event["seq"]
        fit = bool(fit and _HEX(event["prev"]) and _INSTANT(event["time"]) and type(event["pii"]) is list)
        for person in event["pii"]:
            fit = bool(fit and type(person["of"]) is str and _HEX(person["mac"]))
    except (KeyError, TypeError, IndexError):
        fit = False
    if not fit:
        demand(event, EVENT_FORM)
    return event


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
INFINITY: Point = (1, 1, 0)
OFTEN = 24  # signatures of one key; a long bundle has thousands
CHECKED: dict[Point, int] = Counter()


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
        return _double(left) if s1 == s2 else INFINITY
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
    CHECKED[key] += 1
    often = CHECKED[key] > OFTEN
    total = _add(_multiple(_windows(G), u), _multiple(_windows(key), v)) if often else _sum_of_multiples(u, key, v)
    return bool(total[2]) and total[0] * pow(total[2], -2, P) % P % N == r


def _sum_of_multiples(u: int, key: Point, v: int) -> Point:
    """Give u * G + v * key, in one run (Shamir's trick)."""
    both, total = _add(G, key), INFINITY
    for bit in range(255, -1, -1):
        total = _double(total)
        pair = (u >> bit & 1, v >> bit & 1)
        if any(pair):
            total = _add(total, both if all(pair) else G if pair[0] else key)
    return total


@lru_cache(maxsize=8)
def _windows(point: Point) -> list[list[Point]]:
    """Give each digit's multiple of the point in each place of a number to base 32: as much work as five signatures."""
    windows = []
    for _ in range(52):
        multiples = [INFINITY]
        for _ in range(31):
            multiples.append(_add(multiples[-1], point))
        windows.append(multiples)
        point = _add(multiples[-1], point)
    return windows


def _multiple(windows: list[list[Point]], factor: int) -> Point:
    total = INFINITY
    for multiples in windows:
        total = _add(total, multiples[factor & 31])
        factor >>= 5
    return total


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
    def of(cls, record: bytes) -> "Entry":
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


DEVICE = re.compile("(?i)con|prn|aux|nul|(com|lpt)[0-9]").fullmatch


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
        total = sum(entry.content for entry in self.entries.values())
        if total > RATIO_MATTERS and total > MAX_RATIO * start:
            raise BrokenError("declared sizes that are absurd together", f"at most {MAX_RATIO} to 1", total)
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
        # One finding tells of all of them below, and the content is still held against the manifest.
        self._restamped += not as_written
        self.entries[name] = entry

    def _check_name(self, name: str) -> None:
        """Demand a relative path that every platform extracts to a file of its own inside the folder."""
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts) or re.search("[^A-Za-z0-9_./-]", name):
            raise BrokenError("a name that is no plain relative path")
        # Windows drops the dot, and writes to a device; either way not to the file that was checked.
        if any(part.endswith(".") or DEVICE(part.partition(".")[0]) for part in parts):
            raise BrokenError("a name that Windows reads as another one")
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


# Every file of the format beside the reports, which the manifest calls derivable and the catalogue names.
OF_THE_FORMAT = re.compile(
    r"""README\.txt|CROSSWALK\.csv|verify_bundle\.py|catalogue\.json|documents/(questions\.md|policies\.md|lifecycle\.svg)
    |CC6_Access_Control/admin_access_list\.(csv|json)|events/(events|disclosure)\.ndjson\.gz
    |samples/[0-9]{1,15}\.json|integrity/(opening\.json|(digests|epoch)/[0-9]{1,15}\.json(\.sig)?|checkpoints/[0-9]{1,15}
    |anchors/[0-9]{4}-[0-9]{2}-[0-9]{2}\.(json(\.sig|\.tsr)?|proof\.json))
    |keys/[0-9a-f]{64}\.(pem|rotation\.json(\.(previous|next)\.sig)?)""",
    re.VERBOSE,
).fullmatch
# What no event yields, and what it is then. Nothing here could make such a file again.
STATED = {
    "CC6_Access_Control/admin_access_list": "who had administrative access: {path} is what the tables said when the"
    " bundle was made, on the vendor's word",
}
READ_BY_PEOPLE = (
    *("README.txt", "CROSSWALK.csv", "verify_bundle.py"),
    *("documents/questions.md", "documents/policies.md", "documents/lifecycle.svg"),
)


def absent_from(files: list[Members]) -> list[str]:
    """Name what the software that made this program puts into every bundle and nothing derives, where it is absent."""
    listed = {entry["path"] for entry in files} | {str(entry["path"]).rpartition(".")[0] for entry in files}
    return [path for path in (*STATED, *READ_BY_PEOPLE) if path not in listed]


def check_files(step: Step, archive: Archive, files: list[Members]) -> None:
    """Step 1: the files that the manifest lists, and no others; each of them is of the format."""
    listed = Counter(entry["path"] for entry in files)
    for name in sorted(set(archive.entries) - set(listed) - {MANIFEST, MANIFEST + ".sig"}):
        step.fail(name, "", BrokenError("a file that the manifest does not list"))
    for entry in files:
        with step.guard(entry["path"]):
            if listed[entry["path"]] > 1:
                raise BrokenError("a file that the manifest lists twice")
            if not OF_THE_FORMAT(entry["path"]) and entry.get("derivable") is not True:
                raise BrokenError("a file that the format does not know: nothing here could check what it says")
            _check_file(step, archive, entry)
            stated = STATED.get(entry["path"].rpartition(".")[0])
            if stated is not None and entry.get("derivable") is not True:
                step.not_proven.append(stated.format(path=entry["path"]))
    step.blocked = ""


def _check_file(step: Step, archive: Archive, entry: Members) -> None:
    path, whole = entry["path"], entry.get("sha256")
    parts = entry.get("fragments", [{"bytes": entry.get("bytes"), "sha256": whole}])
    if not FRAGMENTS(parts):
        raise BrokenError("no size and SHA-256 in the manifest")
    size, digest = sum(part["bytes"] for part in parts), hashlib.sha256()
    with archive.open(path) as stream:
        found = archive.entries[path].content
        if not size == found == entry.get("bytes", size):
            raise BrokenError("size differs", f"{entry.get('bytes', size)} bytes", f"{found} bytes")
        for number, part in enumerate(parts):
            got = _hash_part(stream, part["bytes"], digest if len(parts) > 1 and whole is not None else None)
            if got != part["sha256"]:
                what = "SHA-256 differs" if len(parts) == 1 else f"SHA-256 of fragment {number} differs"
                raise BrokenError(what, part["sha256"], got)
    known = parts[0]["sha256"] if len(parts) == 1 else digest.hexdigest()
    if whole not in (None, known):
        raise BrokenError("SHA-256 differs", whole, known)
    step.counted["files"] += 1
    step.counted["bytes"] += size


def _hash_part(stream: IO[bytes], size: int, whole: Optional["hashlib._Hash"]) -> str:
    part, left = hashlib.sha256(), size
    while left:
        block = stream.read(min(left, MIB))  # never empty: `Content` gives its stated size, or fails
        left -= len(block)
        part.update(block)
        if whole:
            whole.update(block)
    return part.hexdigest()


# --- Step 2: signature and keys -------------------------------------------------------------------


class Pin(NamedTuple):
    """A fingerprint from outside: hex digits, and the role of the key that it names, "" where that was not said."""

    role: str
    digits: str

    def __str__(self) -> str:
        return f"{self.role}:{self.digits}" if self.role else self.digits


ROLES = ("ledger", "evidence")


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

    def unpinned(self, step: Step, pins: list[Pin]) -> list[str]:
        """Name the roles that no fingerprint pins; a fingerprint that names no key, or one of two roles, is a failure.

        A pinned ledger key vouches for those before and behind it: the statement of each change, which step 2
        demands, is signed by both.
        """
        pinned = set()
        keys = [("ledger", kid) for kid in self.ledger] + [("evidence", self.kids["evidence"])]
        for pin in pins:
            roles = [role for role, kid in keys if kid.startswith(pin.digits) and pin.role in ("", role)]
            if len(roles) == 1:
                pinned.update(roles)
            else:
                told = ", ".join(f"{role} {kid}" for role, kid in keys)
                step.fail("keys/", "", BrokenError("the pinned key is not the signer's", str(pin), told))
        step.counted["pinned keys"] = len(pinned)
        return sorted(set(self.kids) - pinned)


def check_manifest(step: Step, archive: Archive, manifest: Members, raw: bytes) -> Optional[Keys]:
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
        self.erased: set[str] = set()  # whose values are said to be erased
        self.told_erased: set[str] = set()  # of whom PII_ERASED says so
        self._lines = self._read(archive)
        self._whole = True  # until a line is broken or out of order: then the rest cannot be matched

    def _read(self, archive: Archive) -> Iterator[bytes]:
        with archive.open(DISCLOSURE) as stream, gzip.GzipFile(fileobj=stream) as unpacked:
            for line in iter(lambda: unpacked.readline(MAX_LINE), b""):
                if not line.endswith(b"\n"):
                    raise BrokenError("a line without line feed, or too long")
                yield line[:-1]

    def match(self, event: Members) -> Optional[list[Members]]:
        """Check what is disclosed of one event, and give it; None when that cannot be told."""
        if event["action"] == PII_ERASED:
            subjects = event["meta"].get("subjects")
            self.told_erased.update(subjects if KINDS["texts"](subjects) else ())
        if not event["pii"]:
            return []
        if not self._whole:
            return None
        self._whole = False
        try:
            return self._match(event)
        except Exception as error:  # noqa: BLE001 - whatever a hostile line may cause
            self.step.caught(DISCLOSURE, f"event {event['id']}", error)
            return None

    def _match(self, event: Members) -> list[Members]:
        line = next(self._lines, None)
        if line is None:
            raise BrokenError("nothing is disclosed of this event, and it is not said to be erased")
        told = parse_as(line, DISCLOSURE_FORM)
        if told["id"] != event["id"] or len(told["pii"]) != len(event["pii"]):
            raise BrokenError("a line out of order, or of other persons", event["id"], told["id"])
        self._whole = True
        for sealed, opened in zip(event["pii"], told["pii"]):  # noqa: B905 - Python 3.9 has no `strict`
            self._person(sealed, opened)
        people: list[Members] = told["pii"]
        return people

    def _person(self, sealed: Members, opened: Members) -> None:
        if sealed["of"] != opened["of"]:
            raise BrokenError("another person's role", sealed["of"], opened["of"])
        if opened.get("erased") is True:
            self.step.counted["erased entries"] += 1
            self.erased.add(str(sealed.get("sub")))
            return
        # The key has a fixed length: HMAC pads shorter ones, so that two keys could give one code.
        key, values = opened.get("k_event", ""), opened.get("values")
        if not sha256_hex(key) or type(values) is not dict or {str} != {str, *map(type, values.values())}:
            raise BrokenError("member absent or of a wrong kind: k_event, values")
        code = hmac.digest(bytes.fromhex(key), _ENCODE(values).encode(), "sha256").hex()
        if code != sealed["mac"]:  # nothing here is secret: it need not take as long whatever differs
            raise BrokenError("a value that the event did not commit to", sealed["mac"], code)
        self.step.counted["disclosed values"] += len(values)

    def end(self) -> None:
        with self.step.guard(DISCLOSURE):
            if self._whole and next(self._lines, None) is not None:
                raise BrokenError("a line that belongs to no event of the bundle")
        if self.erased:
            self.step.counted["erased persons"] = len(self.erased)
            self.step.counted["of them told by PII_ERASED"] = len(self.erased & self.told_erased)
        unexplained = len(self.erased - self.told_erased)
        if unexplained:
            self.step.not_proven.append(
                f"that {unexplained} of {len(self.erased)} persons shown as [erased] were erased: no {PII_ERASED} "
                "here names them (it may lie outside the bundle); a maker could withhold a value by calling it erased"
            )


# --- Step 7: each report, derived again from the lines, the disclosure and the catalogue ---------------

COLUMNS = [
    "index",
    "event_id",
    "time_utc",
    "action",
    "outcome",
    "reason",
    "actor_type",
    "actor_id",
    "actor_email",
    "on_behalf_of",
    "target_type",
    "target_id",
    "resource",
    "ip",
    "country",
    "user_agent",
    "session_id",
    "before",
    "after",
    "metadata",
    "correlation_id",
    "tsc",
    "lane",
    "seq",
    "leaf_hash",
]
# What spreadsheets take for the beginning of a formula, full-width forms included; and what hides one.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BETWEEN = "\x1f"  # a separator for texts that do not hold it
FORMULA = re.compile(BETWEEN + "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]").search
ERASED = dict.fromkeys(("email", "ip", "user_agent", "reason"), "[erased]")
NOBODY: Members = {}
_ROW_JSON = encoder()


class Only(NamedTuple):
    """The part of an action's events that a report takes: by the event's reason, or by the decision of its risk."""

    member: str
    values: list[str]

    def takes(self, event: Members) -> bool:
        if self.member == "reason":
            return event["reason"] in self.values
        risk = event["risk"]
        return isinstance(risk, dict) and risk.get("action") in self.values


def _only(action: str, told: Json) -> Only:
    if not mapped(KINDS["texts"])(told) or list(told) not in (["reason"], ["decision"]):
        raise BrokenError("a condition of a report that is unknown", "reason or decision", [action, told])
    ((member, values),) = told.items()
    return Only(member, sorted(values))


class Catalogue:
    """What each action is evidence of: the file whose SHA-256 the manifest signs."""

    def __init__(self, archive: Archive, manifest: Members) -> None:
        raw, stated = archive.read(CATALOGUE), manifest["catalogue"]
        found = hashlib.sha256(raw).hexdigest()
        if found != stated["sha256"]:
            raise BrokenError("another catalogue than the manifest names", stated["sha256"], found)
        told = parse_plain(raw)
        wrong = misfit(told, CATALOGUE_FORM)
        if wrong:
            raise BrokenError(f"member absent or of a wrong kind: {wrong}")
        if told["version"] != stated["version"]:
            raise BrokenError("another version than the manifest names", stated["version"], told["version"])
        self.actions, self.reports = told["actions"], told["reports"]
        self.incidents: Members = told.get("incidents", NOBODY)  # catalogues of before there were response times: none
        if self.incidents:
            demand(self.incidents, INCIDENTS_FORM)
        # Of each report, its actions; and of an action that it takes in part, by which member and values.
        self.of_report: dict[str, dict[str, Optional[Only]]] = {slug: {} for slug in self.reports}
        for name, entry in self.actions.items():
            told_of: list[tuple[str, Optional[Only]]] = [(slug, None) for slug in entry["reports"]]
            told_of += [(slug, _only(name, told)) for slug, told in entry.get("reports_where", {}).items()]
            for slug, only in told_of:
                if name in self.of_report.get(slug, NOBODY):
                    raise BrokenError("an action that is told twice to be in a report", None, [slug, name])
                if slug in self.of_report:
                    self.of_report[slug][name] = only

    def facts_of(self, report: str) -> Members:
        """Say of a report what its manifest entry has to state, whatever its rows are."""
        found = self.of_report[report]
        parts = {name: {only.member: only.values} for name, only in found.items() if only}
        return {
            "query": {"report": report, "actions": sorted(found), "filter": parts, "order": "index asc"},
            "section": self.reports[report]["section"],
            "columns": COLUMNS,
            "tsc": self.criteria_of(report),
        }

    def facts_of_incidents(self) -> Members:
        told = self.incidents
        query = {"report": told["file"].replace("_", "-"), "of": told["of"], "actions": sorted(told["roles"])}
        return {
            "query": {**query, "filter": {}, "order": "index asc"},
            "section": told["section"],
            "columns": INCIDENT_COLUMNS,
            "tsc": self.criteria_of(told["of"]),
        }

    def criteria_of(self, report: str) -> list[str]:
        """Name the criteria that a report's actions speak to, or the reasons by which it takes them."""
        criteria: set[str] = set()
        for name, only in self.of_report[report].items():
            by_reason = only is not None and only.member == "reason"
            for reason in only.values if only and by_reason else [None]:
                criteria.update(self.criteria(name, reason))
        return sorted(criteria)

    def criteria(self, action: str, reason: Optional[str]) -> list[str]:
        """Name the Trust Services Criteria of an event: by its reason where the catalogue tells them apart."""
        entry = self.actions.get(action, NOBODY)
        found: list[str] = entry.get("tsc_by_reason", NOBODY).get(reason) or entry.get("tsc", [])
        return found


def row_of(index: int, event: Members, leaf: str, people: list[Members], tsc: list[str]) -> Members:
    """Derive a row: `people` is what the disclosure tells of the event."""
    actor, context, change = event["actor"], event["context"], event["change"] or NOBODY
    person, other = _values(people, "actor"), _values(people, "target")
    target = event["targets"][0] if event["targets"] else NOBODY
    return {
        "index": index,
        "event_id": event["id"],
        "time_utc": event["time"],
        "action": event["action"],
        "outcome": event["outcome"],
        "reason": event["reason"] or other.get("reason"),
        "actor_type": actor["type"],
        "actor_id": actor["id"],
        "actor_email": person.get("email"),
        "on_behalf_of": event["on_behalf_of"],
        "target_type": target.get("type"),
        "target_id": target.get("id"),
        "resource": event["resource"],
        "ip": person.get("ip", context.get("ip_net")),
        "country": context.get("country"),
        "user_agent": person.get("user_agent"),
        "session_id": actor["session"],
        "before": change.get("before"),
        "after": change.get("after"),
        "metadata": {**event["meta"], **(event["risk"] or NOBODY)},
        "correlation_id": context.get("correlation_id"),
        "tsc": tsc,
        "lane": event["lane"],
        "seq": event["seq"],
        "leaf_hash": leaf,
    }


def _values(people: list[Members], of: str) -> Members:
    for person in people:
        if person["of"] == of:
            found: Members = ERASED if person.get("erased") is True else person["values"]
            return found
    return NOBODY


def csv_record(values: Iterable[Json]) -> tuple[bytes, int]:
    """Write one record (RFC 4180, every field quoted, CRLF); the number says how many cells were neutralised."""
    cells = [value if type(value) is str else "" if value is None else _cell(value) for value in values]
    joined = BETWEEN.join(["", *cells])
    # One look at all cells at once.
    if joined.count(BETWEEN) == len(cells) and "\0" not in joined and not FORMULA(joined):
        joined = joined[1:].replace('"', '""').replace(BETWEEN, '","')
        return f'"{joined}"\r\n'.encode(), 0
    neutral = [("'" + cell if cell.startswith(FORMULA_STARTS) else cell).replace("\0", "\ufffd") for cell in cells]
    changed = sum(cell != shown for cell, shown in zip(cells, neutral))  # noqa: B905 - Python 3.9 has no `strict`
    escaped = [cell.replace('"', '""') for cell in neutral]
    return ('"' + '","'.join(escaped) + '"\r\n').encode(), changed


def _cell(value: Json) -> str:
    if type(value) is int:
        return str(value)
    if type(value) is list:
        return " ".join(value)
    return _ENCODE(value) if value or value is False else ""


class Report:
    """One report of the bundle, compared with what the events give, piece by piece as they pass."""

    def __init__(self, step: Step, archive: Archive, listed: Members, facts: Members) -> None:
        self.step, self.path, self.listed = step, listed["path"], listed
        self.samples: list[Sample] = []
        self.csv = self.path.endswith(".csv")
        self.stream = archive.open(self.path)
        self.rows = self.neutralised = self.size = self.told = 0
        self.first: Optional[int] = None  # index of the first row,
        self.last: Optional[int] = None  # and of the last one
        self.expected: list[bytes] = []
        self.same = True
        if self.csv:
            self._expect(csv_record(facts["columns"])[0])
        else:
            head = json.dumps({"control": facts["section"], "report": facts["query"]["report"]})[:-1]
            self._expect(f'{head}, "evidence": [\n'.encode())
        query = {"filter": {}, **listed["query"]}  # bundles of before there were conditions name none
        step.equal(self.path, "manifest query", "query", facts["query"], query)
        for member in ("section", "columns", "tsc"):
            self._stated(member, facts[member])

    def _stated(self, member: str, value: Json) -> None:
        self.step.equal(self.path, f"manifest {member}", member, value, self.listed[member])

    def add(self, row: Members, record: tuple[bytes, int]) -> None:
        """Take in one row; `record` is it as CSV, with the cells that were neutralised."""
        self.last = row["index"]
        if not self.rows:
            self.first = self.last
        self.rows += 1
        for sample in self.samples:
            sample.add(self.rows, row)
        if self.csv:
            self.neutralised += record[1]
            self._expect(record[0])
        else:
            self._expect((b",\n" if self.rows > 1 else b"") + _ROW_JSON(row).encode())

    def _expect(self, piece: bytes) -> None:
        self.expected.append(piece)
        self.size += len(piece)
        if self.size >= BLOCK:
            self._compare()

    def _compare(self) -> None:
        """Compare what has gathered; the first difference is told with its row, and ends the comparison."""
        expected, self.expected, size, self.size = self.expected, [], self.size, 0
        if self.same:
            with self.step.guard(self.path):
                self.same = False
                found, at = self.stream.read(size), 0
                self.same = found == b"".join(expected)
                for number, piece in enumerate(expected if not self.same else ()):
                    if found[at : at + len(piece)] != piece:
                        where = f"row {self.told + number}" if self.told + number else "its head"
                        self.step.fail(
                            self.path, where, BrokenError("not what the events give", piece, found[at:][: len(piece)])
                        )
                        break
                    at += len(piece)
        self.told += len(expected)

    def end(self) -> None:
        if not self.csv:
            self._expect(b"\n]}\n")
        self._compare()
        if self.same and self.stream.read(1):
            self.step.fail(self.path, f"behind row {self.rows}", BrokenError("more than what the events give"))
        self._stated("rows", self.rows)
        self._stated("first_index", self.first)
        self._stated("last_index", self.last)
        self._stated("csv_neutralised_cells", self.neutralised)
        for sample in self.samples:
            sample.end(self.rows)
        self.step.counted["reports derived again"] += self.same
        self.step.counted["rows"] += self.rows


INCIDENT_COLUMNS = [
    *("index", "incident", "detected_event", "detected_at", "detected_by", "reason", "target_type", "target_id"),
    *("contained_event", "contained_at", "contained_by", "response_ms", "alerted_at", "alert_ms", "exception", "tsc"),
]
ROLES_OF_INCIDENT = ("detection", "containment", "alert")


class Incident:
    """What the events say of one incident, the earliest of each role apart."""

    def __init__(self) -> None:
        self.first: dict[str, tuple[str, int, Members]] = {}
        self.actions: dict[str, set[str]] = {role: set() for role in ROLES_OF_INCIDENT}
        self.tsc: set[str] = set()

    def add(self, role: str, index: int, event: Members, tsc: list[str]) -> None:
        told = event["time"], index, event
        if role not in self.first or told[:2] < self.first[role][:2]:
            self.first[role] = told
        self.actions[role].add(event["action"])
        self.tsc.update(tsc)

    def row(self, name: str) -> Members:
        at, index, event = self.first["detection"]
        target = event["targets"][0] if event["targets"] else NOBODY
        contained, _, container = self.first.get("containment", (None, 0, NOBODY))
        alerted = self.first.get("alert", (None,))[0]
        return {
            "index": index,
            "incident": name,
            "detected_event": event["id"],
            "detected_at": at,
            "detected_by": sorted(self.actions["detection"]),
            "reason": event["reason"],
            "target_type": target.get("type"),
            "target_id": target.get("id"),
            "contained_event": container.get("id"),
            "contained_at": contained,
            "contained_by": sorted(self.actions["containment"]),
            "response_ms": _milliseconds(at, contained),
            "alerted_at": alerted,
            "alert_ms": _milliseconds(at, alerted),
            "exception": "NOT_CONTAINED" if contained is None else None,
            "tsc": sorted(self.tsc),
        }


def _milliseconds(start: str, end: Optional[str]) -> Optional[int]:
    """Give the time between two instants, not below zero."""
    if end is None:
        return None
    first, last = (
        calendar.timegm(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")) * 1_000 + int(moment[20:23])
        for moment in (start, end)
    )
    return max(0, last - first)


class ResponseTimes:
    """The file of response times: the rows of one report, joined by their correlation id as they pass."""

    def __init__(self, report: Report, told: Members, source: Report) -> None:
        self.report, self.roles, self.source = report, told["roles"], source
        self.incidents: dict[str, Incident] = {}

    def add(self, index: int, event: Members, tsc: list[str]) -> None:
        role, context = self.roles.get(event["action"]), event["context"] or NOBODY
        name = context.get("correlation_id")
        if name is None and role == "detection":
            name = event["id"]
        if role in ROLES_OF_INCIDENT and name is not None:
            self.incidents.setdefault(name, Incident()).add(role, index, event, tsc)

    def end(self) -> None:
        """Compare the rows; those of one that nothing detected are none."""
        found = (one.row(name) for name, one in self.incidents.items() if "detection" in one.first)
        exceptions = 0
        for row in sorted(found, key=lambda row: row["index"]):
            self.report.add(row, csv_record(row.values()) if self.report.csv else (b"", 0))
            exceptions += row["exception"] is not None
        self.report.step.equal(
            self.report.path, "manifest exceptions", "exceptions", exceptions, self.report.listed.get("exceptions")
        )
        self.report.end()


class Sample:
    """One sample, drawn again: the rows with the lowest ranks under its nonce (step 8)."""

    def __init__(self, step: Step, name: str, told: Members) -> None:
        self.step, self.name, self.told = step, name, told
        self._prefix = b"muniment-sample-1\0" + told["nonce"].encode() + b"\0"
        self._most = min(told["n"], len(told["rows"]) + 1)  # one more than stated is enough to differ
        self._lowest: list[tuple[int, int, int, str, str]] = []  # a heap, the highest rank first

    def add(self, number: int, row: Members) -> None:
        rank = int.from_bytes(hashlib.sha256(self._prefix + row["event_id"].encode()).digest(), "big")
        drawn = (-rank, number, row["index"], row["event_id"], row["leaf_hash"])
        if len(self._lowest) < self._most:
            heapq.heappush(self._lowest, drawn)
        elif self._lowest:
            heapq.heappushpop(self._lowest, drawn)

    def end(self, population: int) -> None:
        self.step.equal(self.name, "population", "population", population, self.told["population"])
        names = ("row", "index", "event_id", "leaf_hash")
        rows = [dict(zip(names, drawn)) for drawn in sorted(one[1:] for one in self._lowest)]  # noqa: B905 - Python 3.9
        stated = self.told["rows"]
        if len(stated) != min(self.told["n"], population):
            size = min(self.told["n"], population)
            self.step.fail(self.name, "rows", BrokenError("a sample of another size", size, len(stated)))
        for number, (expected, got) in enumerate(zip(rows, stated), 1):  # noqa: B905 - Python 3.9 has no `strict`
            if expected != got:
                broken = BrokenError("not what the nonce draws", expected, got)
                self.step.fail(self.name, f"row {number} of the sample", broken)
                break
        self.step.counted["samples"] += 1


class Samples:
    """The samples of the bundle and those that the command was given, by the file that they were drawn from."""

    def __init__(self, step: Step, archive: Archive, manifest_sha256: str, given: list[tuple[str, bytes]]) -> None:
        self.step = step
        self.of_file: dict[str, list[Sample]] = {}
        self.told: list[Members] = []  # what each says of itself: an auditor must see that the nonce is his
        names = archive.numbered(step, r"samples/([0-9]{1,15})\.json").values()
        for name in sorted(names):
            with step.guard(name):
                self._add(name, parse_as(archive.read(name, MAX_DIGEST), SAMPLE_FORM))
        for name, raw in given:
            with step.guard(name):
                told = parse_as(raw, SAMPLE_FORM)
                if told.get("manifest_sha256") != manifest_sha256:
                    raise BrokenError("a sample of another bundle", manifest_sha256, told.get("manifest_sha256"))
                self._add(name, told)
        if not (names or given):
            step.absent = "the bundle holds no sample, and none was given (--sample)"

    def _add(self, name: str, told: Members) -> None:
        self.of_file.setdefault(told["file"], []).append(Sample(self.step, name, told))
        said = {member: told[member] for member in ("file", "n", "nonce", "population")}
        self.told.append({"sample": name, **said, "rows": [row["row"] for row in told["rows"]]})

    def of(self, path: str) -> list[Sample]:
        """Hand out the samples of one report; those that remain are of none."""
        return self.of_file.pop(path, [])

    def unknown(self) -> None:
        for path, samples in self.of_file.items():
            for sample in samples:
                self.step.fail(sample.name, "file", BrokenError("a sample of no report of the bundle", None, path))


class Reports:
    """All reports that the catalogue names. `whole`: until an event or what is disclosed of it cannot be read."""

    def __init__(self, step: Step, archive: Archive, manifest: Members, samples: Samples) -> None:
        self.step, self.whole, self.samples = step, False, samples
        self.of_action: dict[str, list[tuple[Report, Optional[Only]]]] = {}
        self.reports: dict[str, Report] = {}
        self.response_times: Optional[ResponseTimes] = None
        self.range = manifest["resolved"]["from"], manifest["resolved"]["to_exclusive"]
        self._extension = manifest["requested"]["format"]
        with step.guard(CATALOGUE):
            self.catalogue = Catalogue(archive, manifest)
            self._open(archive, manifest["files"])
            self.whole = True
        samples.unknown()

    def _open(self, archive: Archive, files: list[Members]) -> None:
        """Find the file of each report; one that is missing, or that no report has, is a finding."""
        derivable = {entry["path"]: entry for entry in files if entry.get("derivable") is True}
        for slug, told in self.catalogue.reports.items():
            path = f"{told['folder']}/{told['file']}.{self._extension}"
            with self.step.guard(path):
                facts = self.catalogue.facts_of(slug)
                self.reports[path] = Report(self.step, archive, _derivable(derivable, path), facts)
                self.reports[path].samples = self.samples.of(path)
                for action, only in self.catalogue.of_report[slug].items():
                    self.of_action.setdefault(action, []).append((self.reports[path], only))
        if self.catalogue.incidents:
            self._open_incidents(archive, derivable)
        for path in derivable:
            self.step.fail(path, "", BrokenError("a derivable file that the catalogue does not know"))

    def _open_incidents(self, archive: Archive, derivable: dict[str, Members]) -> None:
        told = self.catalogue.incidents
        path = f"{told['folder']}/{told['file']}.{self._extension}"
        with self.step.guard(path):
            of = self.catalogue.reports.get(told["of"], NOBODY)
            source = self.reports.get(f"{of.get('folder')}/{of.get('file')}.{self._extension}")
            if source is None:
                raise BrokenError("response times of a report that is not here", None, told["of"])
            report = Report(self.step, archive, _derivable(derivable, path), self.catalogue.facts_of_incidents())
            self.response_times = ResponseTimes(report, told, source)

    def add(self, index: int, event: Members, leaf: str, people: Optional[list[Members]]) -> None:
        """Derive the event's row for each report that it belongs to."""
        if people is None:
            self.whole = False
        if not self.whole or not self.range[0] <= event["time"] < self.range[1]:
            return
        candidates = self.of_action.get(event["action"])
        if not candidates:
            return
        self.whole = False  # also when a member is absent or of another kind
        reports = [report for report, only in candidates if only is None or only.takes(event)]
        if reports:
            tsc = self.catalogue.criteria(event["action"], event["reason"])
            row = row_of(index, event, leaf, people or [], tsc)
            record = csv_record(row.values()) if self._extension == "csv" else (b"", 0)
            for report in reports:
                report.add(row, record)
            if self.response_times and self.response_times.source in reports:
                self.response_times.add(index, event, tsc)
        self.whole = True

    def end(self) -> None:
        if not self.whole:
            for step in (self.step, *([] if self.samples.step.absent else [self.samples.step])):
                step.fail(CATALOGUE, "", BrokenError("the reports could not be derived again"))
            return
        for report in self.reports.values():
            with self.step.guard(report.path):
                report.end()
        if self.response_times:
            with self.step.guard(self.response_times.report.path):
                self.response_times.end()


def _derivable(listed: dict[str, Members], path: str) -> Members:
    """Take a file that the catalogue names out of those that the manifest lists as derivable."""
    if path not in listed:
        raise BrokenError("a report of the catalogue that the manifest does not list as derivable")
    demand(listed[path], REPORT_FORM)
    return listed.pop(path)


# --- Steps 4 to 7, going on: the log ----------------------------------------------------------------


RISK_POLICY = "risk-1"
IMPLIED = frozenset({"NEW_NETWORK", "CONCURRENT_COUNTRIES"})
IMPLYING = frozenset({"NEW_COUNTRY", "IMPOSSIBLE_TRAVEL"})


def decision(record: Members) -> tuple[int, str]:
    """Compute score and action of a risk record from its signals (docs/formats.md, Risk record, `risk-1`)."""
    enforced = [signal for signal in record["signals"] if signal["mode"] == "enforce"]
    readings = [frozenset[str]()]
    if any(signal["name"] in IMPLYING for signal in enforced):
        readings = [IMPLIED, IMPLYING]
    score = max(_points([s for s in enforced if s["name"] not in left_out]) for left_out in readings)
    if score >= record["block_score"]:
        return score, "BLOCK"
    return score, "STEP_UP_REQUIRED" if score >= record["step_up_score"] else "ALLOW"


def _points(signals: list[Members]) -> int:
    groups: dict[str, int] = {}
    for signal in signals:
        choose = min if signal["group"] == "trust" else max
        groups[signal["group"]] = choose(groups.get(signal["group"], 0), signal["points"])
    return max(0, min(100, sum(groups.values())))


FOUNDED = "tenant_founded"
EMPTY_ROOT = base64.b64encode(hashlib.sha256(b"").digest()).decode()
NOTHING_SEALED = {"segment": 0, "size": 0, "root": EMPTY_ROOT, "lanes": {}}


class Restart:
    """How an epoch above 1 began (step 5): its first event against the last digest of the epoch before."""

    def __init__(self, step: Step, archive: Archive, chain: Chain) -> None:
        self.step, self.place, self.keys = step, chain.place, chain.keys
        source = chain.manifest["source"]
        self.first = source["opening"]["tree_size"] == 0  # the epoch's first event is in the bundle
        self.digest: Members = {}
        self.told: Members = {}  # what the first event names: `{"no", "sha256"}`, or {} for none
        self.begins = chain.manifest["resolved"]["from"]
        self.cut_start = chain.manifest.get("cut_start") is True
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
        self._covers(at, event)

    def _covers(self, at: str, event: Members) -> None:
        """Hold the range against the instant of the restart: what lies before it, no bundle of this epoch holds."""
        began = event["time"]
        if event["meta"]["reason"] != FOUNDED and self.begins < began:
            before = f"events from {self.begins} to {began} are in the epoch before, which is not in this bundle"
            self.step.provisional.append(before)
        if self.cut_start:
            self.step.equal(EVENTS, f"{at} time", "start of the range, cut at the restart", self.begins, began)

    def _compare(self, at: str, meta: Members) -> None:
        self.step.equal(EVENTS, f"{at} meta", "epoch before", self.place[2] - 1, meta["previous_epoch"])
        self.told = meta["digest"] or {}
        for number in sorted(set(self._names) - {self.told.get("no")}):
            self.step.fail(self._names[number], "", BrokenError(f"{UNEXPLAINED}: the start names another digest"))
        if not self.told:
            self._without_digest(at, meta)
            return
        if meta["reason"] == FOUNDED:
            self.step.fail(EVENTS, f"{at} meta", BrokenError(f"{UNEXPLAINED}: a new tenant has no digest before"))
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

    def _without_digest(self, at: str, meta: Members) -> None:
        """Say what such a start leaves open: a bundle by itself cannot tell whether a digest was ever signed."""
        if meta["reason"] != FOUNDED:
            self.step.counted["restarts without a digest before"] = 1
            self.step.provisional.append("a restart without a digest: nothing of the epoch before is proven")
            stated = f"{meta['sealed']['size']} events sealed, it says ({meta['reason']}), and no signed digest"
            self.step.not_proven.append(f"what epoch {self.place[2] - 1} held before epoch {self.place[2]}: {stated}")
            return
        sealed = {member: meta["sealed"][member] for member in NOTHING_SEALED}
        self.step.equal(EVENTS, f"{at} meta.sealed", "what was sealed of a new tenant", NOTHING_SEALED, sealed)
        self.step.counted["tenants founded in this epoch"] = 1
        self.step.notes.append(f"that nothing was before epoch {self.place[2]} is the signer's word (tenant_founded)")

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
        elif sealed["size"] > tree["size"]:
            more = f"{sealed['size'] - tree['size']} events of epoch {meta['previous_epoch']}"
            self.step.not_proven.append(f"{more} that were sealed behind its last signed digest, as the restart says")
        for lane, head in digest["lanes"].items():
            kept = sealed["lanes"].get(lane, NO_HEAD)
            if kept["seq"] < head["seq"] or (kept["seq"] == head["seq"] and kept["hash"] != head["hash"]):
                lost = BrokenError(f"{UNEXPLAINED}: less was sealed than the digest signs", head, kept)
                self.step.fail(name, f"sealed.lanes.{plain(lane)}", lost)

    def end(self) -> None:
        if self.cut_start and not (self.first and self.place[2] > 1):
            self.step.fail(MANIFEST, "cut_start", BrokenError("a range cut at a restart that is not in this bundle"))
        if not self.explained:
            problem = f"{UNEXPLAINED}: no event {EPOCH_STARTED} begins epoch {self.place[2]}"
            self.step.fail(EVENTS, "", BrokenError(problem))


class Log:
    """The log as the lines so far make it: lane heads, tree, and what the statements count."""

    def __init__(self, opening: Members, chain: Chain, steps: list[Step], restart: Restart) -> None:
        self.restart = restart
        self.segments, self.lanes, self.tree, self.reports_step = steps[3:7]
        self.manifest, self.place = chain.manifest, chain.place
        self.heads: dict[str, Json] = opening["lanes"]
        self.lanes_opened = set(self.heads)
        self.lanes_told: set[str] = set()  # by the opening digest, which sealed nothing of them
        self.opened = self.size = opening["size"]
        self.after: int = opening["digest"]  # 0: from the beginning of the log
        self.frontier = [bytes.fromhex(node) for node in opening["frontier"]]
        self.next_segment = 0 if self.after else 1  # 0: not known yet
        self.at = 0, 0  # the number of the segment and of its line that are being read
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
        self.heads = {lane: head for lane, head in self.heads.items() if head["seq"]}
        # What opened these was sealed before the range, or is sealed within it.
        self.lanes_told = set(digest["source"]["last"]) - self.lanes_opened
        self.time_max, self.watermark = digest["time_max"] or "", digest["watermark"]
        if self.time_max >= self.manifest["resolved"]["from"]:
            start = "before " + self.manifest["resolved"]["from"]
            broken = BrokenError("events of the range lie before the opening", start, self.time_max)
            self.lanes.fail(OPENING, "digest", broken)
        for segment in digest["segments"]:
            self.next_segment = segment["no"] + 1

    def read(self, stated: Members, raw: bytes, disclosure: Disclosure, reports: Reports) -> None:
        """Take in the lines of one segment, and compare them with what its digest states."""
        where, lines, first = f"segment {stated['no']}", raw.split(b"\n"), self.size
        if lines.pop():
            self.segments.fail(EVENTS, where, BrokenError("a last line without line feed"))
        lanes: dict[str, dict[str, int]] = {}
        times: list[str] = []
        actions: dict[str, int] = Counter()
        for number, line in enumerate(lines, 1):
            leaf = hashlib.sha256(b"\x00" + line).digest()
            self._append(leaf)
            self.at = stated["no"], number
            try:
                event, shown = parse_event(line), leaf.hex()
                self._event(event, shown)
                reports.add(self.size - 1, event, shown, disclosure.match(event))
                times.append(event["time"])
                actions[event["action"]] += 1
                lanes.setdefault(event["lane"], {"from": event["seq"]})["to"] = event["seq"]
            except Exception as error:  # noqa: BLE001 - whatever a hostile line may cause
                self.segments.caught(EVENTS, self.where(), error)
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

    def where(self) -> str:
        """Name the line that is being read."""
        return "segment {} line {}".format(*self.at)

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

    def _event(self, event: Members, leaf: str) -> None:
        if [event["log"], event["tenant"], event["epoch"]] != self.place:
            raise BrokenError("an event of another log", self.place, event["log"])
        lane, seq, time = event["lane"], event["seq"], event["time"]
        self._check_lane(event)
        if event.get("risk"):
            self._check_risk(event)
        if event["action"] == EPOCH_STARTED or (self.size == 1 and not self.after):
            with self.lanes.guard(EVENTS, self.where()):
                self.restart.event(self.where(), event, first=self.size == 1)
        head = self.heads.get(lane, NO_HEAD)
        if seq != head["seq"] + 1:
            kind = "a gap in the lane" if seq > head["seq"] else "a repeated or moved event"
            self.lanes.fail(EVENTS, f"{self.where()} lane {lane}", BrokenError(kind, head["seq"] + 1, seq))
        elif event["prev"] != head["hash"]:
            broken = BrokenError("prev is not the event before", head["hash"], event["prev"])
            self.lanes.fail(EVENTS, f"{self.where()} lane {lane}", broken)
        self.heads[lane] = {"seq": seq, "hash": leaf}
        resolved = self.manifest["resolved"]
        self.population[event["action"]] += resolved["from"] <= time < resolved["to_exclusive"]
        if time < self.watermark and not self._simulated(time):
            late = BrokenError("an event from before a watermark that was signed", self.watermark, time)
            self.lanes.fail(EVENTS, self.where(), late)

    def _check_risk(self, event: Members) -> None:
        record = event.get("risk")
        if isinstance(record, dict) and "policy" in record:
            if record["policy"] != RISK_POLICY:
                self.reports_step.counted["decisions under an unknown policy"] += 1
                return
            with self.reports_step.guard(EVENTS, f"{self.where()} risk"):
                decided, found = [record["score"], record["action"]], list(decision(record))
                if decided != found:
                    raise BrokenError("a decision that does not follow from its signals", found, decided)
                self.reports_step.counted["decisions computed again"] += 1

    def _check_lane(self, event: Members) -> None:
        """Demand that an event of lane 0 opened the event's lane, and note which one this event opens."""
        lane = event["lane"]
        if lane == "0" or lane in self.lanes_told:
            self.lanes_opened.add(lane)
        elif lane not in self.lanes_opened:
            never = BrokenError("an event of a lane that was never opened")
            self.lanes.fail(EVENTS, f"{self.where()} lane {lane}", never)
            self.lanes_opened.add(lane)  # told once
        if event["action"] == LANE_OPENED:
            opens = event["meta"].get("lane")
            if lane != "0" or not other_lane(opens) or opens in self.lanes_opened:
                self.lanes.fail(EVENTS, f"{self.where()} meta.lane", BrokenError("this opens no lane", None, opens))
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
            stray = sorted((set(last) | set(digest["lanes"])) - self.lanes_opened - self.lanes_told - {"0"})
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


def check_events(steps: list[Step], archive: Archive, chain: Chain, samples: Samples) -> None:
    """Make steps 4 to 8 as far as the events go: up to a segment that cannot be read."""
    log = None
    with steps[3].guard(OPENING):
        restart = Restart(steps[4], archive, chain)
        log = Log(parse_as(archive.read(OPENING), OPENING_FORM), chain, steps, restart)
    if log is None:
        return
    disclosure = Disclosure(steps[6], archive)
    reports = Reports(steps[6], archive, chain.manifest, samples)
    with steps[3].guard(EVENTS), archive.open(EVENTS) as stream:
        members = GzipMembers(stream)
        for digest in chain.digests[1 if log.after else 0 :]:
            for segment in digest["segments"]:
                log.read(segment, members.read(steps[3], segment), disclosure, reports)
            log.close(chain.name(digest["no"]), digest)
        members.end()
        disclosure.end()
        reports.end()
        log.restart.end()
        check_completeness(steps[4], log, chain.digests[-1])
        check_checkpoints(steps[5], archive, log, chain)
        check_counts(steps[6], log)
        for step in steps[3:8]:
            step.blocked = ""


def check_completeness(step: Step, log: Log, closing: Members) -> None:
    """Step 5, last part: whether every event of the range must be here."""
    manifest, unsealed = log.manifest, closing["source"]["unsealed"]
    end, watermark = manifest["resolved"]["to_exclusive"], closing["watermark"]
    if end > watermark:
        step.provisional.append(f"events before {plain(end)} are complete only up to {watermark}")
    status = "provisional" if end > watermark else "final"
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


def check_counts(step: Step, log: Log) -> None:
    """Step 7, last part: what the manifest counts."""
    source = log.manifest["source"]
    counted = {action: number for action, number in log.population.items() if number}
    step.equal(MANIFEST, "source.events", "events", log.size - log.opened, source["events"])
    step.equal(MANIFEST, "source.population", "events of the range", sum(counted.values()), source["population"])
    step.equal(MANIFEST, "source.by_action", "events by action", counted, source["by_action"])


# --- Step 9: anchors (RFC 9162 section 2.1.3.2, RFC 3161) ------------------------------------------------


def root_above(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Give the root to which an inclusion path leads from a leaf; BrokenError for a path of another length."""
    if not 0 <= index < size:
        raise BrokenError("an index outside of the tree", f"below {size}", index)
    node, at, last = leaf, index, size - 1
    for sibling in path:
        if not last:
            raise BrokenError("an inclusion path that goes on above the root")
        if at & 1 or at == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        at, last = at >> 1, last >> 1
    if last:
        raise BrokenError("an inclusion path that ends below the root")
    return node


class Der:
    """Reads elements one after another, strictly (X.690 section 10): definite, shortest lengths, one-byte tags."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, tag: int) -> bytes:
        """Give the content of the next element, which must have this tag."""
        head = self.data[self.at : self.at + 2]
        if len(head) < 2 or head[0] != tag:  # noqa: PLR2004 - X.690: tag and length
            raise BrokenError("no such DER element", f"tag {tag:02x}", head[:1].hex() or "the end")
        length, start = head[1], self.at + 2
        if length > 0x7F:  # noqa: PLR2004 - X.690 section 8.1.3.5
            octets = self.data[start : start + (length & 0x7F)]
            start += len(octets)
            length = int.from_bytes(octets, "big")
            if not 1 <= len(octets) <= 4 or not octets[0] or length < 0x80:  # noqa: PLR2004 - X.690 section 10.1
                raise BrokenError("a DER length that is not the shortest")
        self.at = start + length
        if self.at > len(self.data):
            raise BrokenError("a DER element that ends behind its surroundings")
        return self.data[start : self.at]

    def into(self, tag: int) -> "Der":
        return Der(self.take(tag))


INTEGER, OCTETS, OID, SEQUENCE, SET, TIME, EXPLICIT_0 = 0x02, 0x04, 0x06, 0x30, 0x31, 0x18, 0xA0
SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2 (RFC 5652)
TST_INFO = bytes.fromhex("2a864886f70d0109100104")  # 1.2.840.113549.1.9.16.1.4 (RFC 3161)
SHA_256 = bytes.fromhex("608648016503040201")  # 2.16.840.1.101.3.4.2.1


def time_stamp(answer: bytes) -> tuple[bytes, str]:
    """Read a TimeStampResp: the SHA-256 that it is over, and its genTime as it stands there. Nothing is verified."""
    whole = Der(answer)
    response = whole.into(SEQUENCE)
    if whole.at != len(answer):
        raise BrokenError("bytes behind the time stamp")
    if response.into(SEQUENCE).take(INTEGER) not in (b"\0", b"\1"):  # granted, granted with modifications
        raise BrokenError("an answer without a time stamp")
    token = response.into(SEQUENCE)
    if token.take(OID) != SIGNED_DATA:
        raise BrokenError("no CMS signed data")
    signed = token.into(EXPLICIT_0).into(SEQUENCE)
    signed.take(INTEGER)
    signed.take(SET)
    content = signed.into(SEQUENCE)
    if content.take(OID) != TST_INFO:
        raise BrokenError("signed data that are no time stamp")
    info = Der(content.into(EXPLICIT_0).take(OCTETS)).into(SEQUENCE)
    info.take(INTEGER)
    info.take(OID)
    imprint = info.into(SEQUENCE)
    if imprint.into(SEQUENCE).take(OID) != SHA_256:
        raise BrokenError("an imprint that is no SHA-256")
    info.take(INTEGER)
    return imprint.take(OCTETS), _generalized(info.take(TIME))


def _generalized(told: bytes) -> str:
    found = re.fullmatch(rb"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(\.[0-9]{1,9})?Z", told)
    if not found:
        raise BrokenError("a genTime of another form", "YYYYMMDDhhmmss[.f]Z", told)
    year, month, day, hour, minute, second, fraction = (part.decode() if part else "" for part in found.groups())
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}{fraction}Z"


STAMP_BEFORE, STAMP_WITHIN = 300, 8 * 86_400  # seconds: what clocks may be off; a stamp that was fetched late


def seconds(told: str) -> int:
    """Count the seconds from 1970 to an instant, fractions cut off; ValueError for a day or an hour that is none."""
    return calendar.timegm(time.strptime(told[:19], "%Y-%m-%dT%H:%M:%S"))


class Anchors:
    """The daily anchors of the bundle, oldest first. `authorities` is a file of CA certificates, "" for none."""

    def __init__(self, step: Step, archive: Archive, chain: Chain, authorities: str) -> None:
        self.step, self.archive, self.chain, self.authorities = step, archive, chain, authorities
        self.heads = {(digest["tree"]["size"], digest["tree"]["root"]) for digest in chain.digests}
        self.closing = max((size for size, _ in self.heads), default=0)
        self.known: dict[str, str] = {}  # date -> SHA-256 of the anchor
        self.stamped = ""  # the latest time that an authority signed over an anchor that is bound to this log
        found = [name for name in sorted(archive.entries) if name.startswith("integrity/anchors/")]
        dates = [
            name[18:28] for name in found if re.fullmatch(r"integrity/anchors/[0-9]{4}-[0-9]{2}-[0-9]{2}\.json", name)
        ]
        kinds = (".json", ".json.sig", ".json.tsr", ".proof.json")
        for name in sorted(set(found) - {f"integrity/anchors/{date}{kind}" for date in dates for kind in kinds}):
            step.fail(name, "", BrokenError("a file that belongs to no anchor"))
        for date in dates:
            name = f"integrity/anchors/{date}.json"
            with step.guard(name):
                self._check(date, name)
        if not found:
            step.absent = "the bundle holds no anchor: nothing outside of the log says when it was sealed"
        step.blocked = ""

    def _check(self, date: str, name: str) -> None:
        raw = self.archive.read(name)
        anchor = parse_as(raw, ANCHOR_FORM)
        with self.step.guard(name + ".sig"):
            self.chain.keys.check("ledger", raw, self.archive.read(name + ".sig"), anchor["kid"])
        stated = [anchor["log"], anchor["date"]]
        self.step.equal(name, "log, date", "place", [self.chain.place[0], date], stated)
        prev = anchor["prev"] or {"date": "", "sha256": ""}
        if prev["date"] >= date or (not anchor["prev"] and self.known):
            self.step.fail(name, "prev", BrokenError("an anchor before, which is not earlier", None, prev["date"]))
        elif prev["date"] in self.known:
            self.step.equal(name, "prev.sha256", "hash of the anchor before", self.known[prev["date"]], prev["sha256"])
        self.known[date] = hashlib.sha256(raw).hexdigest()
        proof_name = f"integrity/anchors/{date}.proof.json"
        bound, signed = False, ""
        with self.step.guard(proof_name):
            bound = self._check_proof(proof_name, anchor, parse_as(self.archive.read(proof_name), ANCHOR_PROOF_FORM))
        if name + ".tsr" in self.archive.entries:
            with self.step.guard(name + ".tsr"):
                signed = self._check_token(anchor, raw, self.archive.read(name + ".tsr"))
        if bound and signed:
            self.step.counted["time-stamped anchors of this log"] += 1
            self.stamped = max(self.stamped, signed)
        self.step.counted["anchors"] += 1

    def _check_proof(self, name: str, anchor: Members, proof: Members) -> bool:
        """Follow the path from this log's tree head to the anchor's root; whether a digest signs that tree head."""
        stated = [proof["date"], proof["leaves"]]
        self.step.equal(name, "date, leaves", "anchor", [anchor["date"], anchor["size"]], stated)
        origin = self.chain.digests[-1]["checkpoint"].split("\n")[0] if self.chain.digests else ""
        self.step.equal(name, "origin", "origin", origin, proof["origin"])
        tree = proof["tree"]
        leaf = {"origin_sha256": hashlib.sha256(proof["origin"].encode()).hexdigest(), **tree}
        leaf = {member: leaf[member] for member in ("origin_sha256", "root", "size")}
        hashed = hashlib.sha256(b"\0" + _ENCODE(leaf).encode()).digest()
        root = root_above(hashed, proof["index"], proof["leaves"], [bytes.fromhex(node) for node in proof["path"]])
        self.step.equal(name, "path", "root of the anchor", anchor["root"], base64.b64encode(root).decode())
        if (tree["size"], tree["root"]) in self.heads:
            self.step.counted["tree heads bound to a digest"] += 1
            return True
        if tree["size"] > self.closing:
            self.step.notes.append(
                f"anchor of {anchor['date']}: over a later tree head, not bound to a digest of this bundle"
            )
        else:
            self.step.fail(name, "tree", BrokenError("a tree head that no digest signs", None, tree))
        return False

    def _check_token(self, anchor: Members, raw: bytes, answer: bytes) -> str:
        """Check a time stamp; give its time where the given authority signed it, else ""."""
        imprint, at = time_stamp(answer)
        found, date = hashlib.sha256(raw).digest(), anchor["date"]
        if imprint != found:
            raise BrokenError("a time stamp over another file", found.hex(), imprint.hex())
        self.step.counted["time stamps"] += 1
        earliest = seconds(anchor["at"]) - STAMP_BEFORE
        latest = seconds(f"{date}T00:00:00") + STAMP_WITHIN
        if not earliest <= seconds(at) <= latest:
            told = f"from {anchor['at']} (less 5 minutes) to 8 days after {date}"
            raise BrokenError("a time stamp of another time than the anchor's", told, at)
        openssl = shutil.which("openssl") if self.authorities else None
        if openssl is None:
            why = "no openssl here" if self.authorities else "no --tsa-ca"
            self.step.notes.append(f"anchor of {date}: time stamp says {at}, its signature was not checked ({why})")
            return ""
        _check_authority(openssl, self.authorities, raw, answer)
        self.step.counted["time stamps of the authority"] += 1
        self.step.notes.append(f"anchor of {date}: time-stamped at {at} by the given authority")
        return at


def _check_authority(openssl: str, authorities: str, raw: bytes, answer: bytes) -> None:
    """Let openssl verify signature and certificate chain of a time stamp; BrokenError where it does not."""
    with tempfile.TemporaryDirectory() as folder:
        data, token = os.path.join(folder, "anchor"), os.path.join(folder, "token")  # noqa: PTH118 - one module less
        for path, content in ((data, raw), (token, answer)):
            with open(path, "wb") as file:  # noqa: PTH123 - one module less
                file.write(content)
        command = [openssl, "ts", "-verify", "-data", data, "-in", token, "-CAfile", authorities]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)  # noqa: S603 - no shell, our paths
    if done.returncode:
        raise BrokenError(
            "openssl does not verify the time stamp", None, done.stderr.decode(errors="replace")[-MAX_TOLD:]
        )


def level_of(manifest: Members, steps: list[Step], stamped: str) -> str:
    """Name how far the time of sealing rests on more than the signer's word."""
    counted = steps[-1].counted if steps and steps[-1].name == "anchors" and not steps[-1].failures else {}
    if counted and stamped:
        return f"timestamped: an external authority signed at {stamped}, at the latest, an anchor over a tree head here"
    if counted.get("time stamps of the authority"):
        return "self-asserted: what the authority signed is over no tree head of this bundle"
    if counted.get("time stamps"):
        return "self-asserted, with time stamps whose signatures were not checked (--tsa-ca)"
    system = manifest.get("source", {}).get("system")
    if isinstance(system, str) and "Object Lock" in system:
        return "WORM stated: the signer says that the log lies in locked storage; nothing external says when"
    return "self-asserted: by the signer's own clock alone"


# --- One event's proof (c2sp.org/tlog-proof) ---------------------------------------------------------

PROOF_HOLDS = "the event is a leaf of a tree whose head the ledger key signed"
PROOF_NOT = "that the log was not forked or forgot other events: for that, verify a bundle, and compare tree heads"


def verify_proof(raw: bytes, pins: list[Pin]) -> "Verdict":
    """Check a document of `GET /api/compliance/events/{id}/proof`, which the ledger key alone vouches for."""
    step = Step(1, "proof of one event", PROOF_HOLDS)
    ledger = [pin.digits for pin in pins if pin.role != "evidence"]
    verdict = Verdict([step], unpinned=[] if ledger else ["ledger"], not_proven=[PROOF_NOT, *NOT_PROVEN[::2]])
    with step.guard("proof"):
        told = parse_as(raw, EVENT_PROOF_FORM)
        kid, key = public_key(told["key"].encode())
        step.equal("proof", "kid", "key", kid, told["kid"])
        event = told["event"].encode()
        place = parse_as(event, EVENT_FORM)
        leaf = hashlib.sha256(b"\0" + event).digest()
        step.equal("proof", "leaf_hash", "leaf hash", leaf.hex(), told["leaf_hash"])
        _check_tlog_proof(step, told, leaf, place, (kid, key))
        if ledger and not any(map(kid.startswith, ledger)):
            step.fail("proof", "key", BrokenError("the pinned key is not the signer's", ledger, kid))
        verdict.event = {member: place[member] for member in ("id", "action", "time", "tenant", "epoch", "lane", "seq")}
        verdict.origins = [told["proof"].partition("\n\n")[2].split("\n")[0]]
        digest = f"digest {told['digest']['no']} ({told['digest']['sha256']})"
        verdict.not_checked.append(f"digest: that {digest} signs this tree head; it is not in the document")
        step.counted["events"] = 1
        step.notes.append(f"event {place['id']}, {place['action']} at {place['time']}, tenant {place['tenant']}")
        step.blocked = ""
    return verdict


def _check_tlog_proof(step: Step, told: Members, leaf: bytes, place: Members, key: tuple[str, Point]) -> None:
    head, _, note = told["proof"].partition("\n\n")
    title, index, *path = head.split("\n")
    if title != "c2sp.org/tlog-proof@v1" or index != f"index {told['index']}":
        raise BrokenError("no tlog-proof of this index", f"index {told['index']}", head[:MAX_TOLD])
    body, _, signatures = note.partition("\n\n")
    origin, size, root, *more = (body + "\n").split("\n")
    if more != [""] or size != str(told["size"]):
        raise BrokenError("a checkpoint of another form or size", told["size"], body)
    end = f"/{place['tenant']}/e{place['epoch']}" if place["epoch"] > 1 else f"/{place['tenant']}"
    step.equal("proof", "origin", "end of the origin", end, origin[-len(end) :])
    nodes = [base64.b64decode(line, validate=True) for line in path]
    found = base64.b64encode(root_above(leaf, told["index"], told["size"], nodes)).decode()
    step.equal("proof", "path", "root", root, found)
    kid, point = key
    for line in signatures.splitlines():
        prefix = f"\u2014 {origin} "
        stamp = base64.b64decode(line[len(prefix) :], validate=True) if line.startswith(prefix) else b""
        if stamp[:4] == bytes.fromhex(kid)[:4]:
            if not verifies(point, (body + "\n").encode(), stamp[4:]):
                raise BrokenError("the signature does not verify")
            step.counted["signatures"] += 1
            return
    raise BrokenError("no signature of the ledger key")


# --- The whole, and its report --------------------------------------------------------------------


@dataclass
class Verdict:
    """Everything that was found; `manifest` is {} when it could not be read."""

    steps: list[Step]
    manifest: Members = field(default_factory=dict)
    unpinned: list[str] = field(default_factory=list)
    manifest_sha256: str = ""
    previous: Optional[Members] = None
    not_proven: list[str] = field(default_factory=lambda: list(NOT_PROVEN))
    not_checked: list[str] = field(default_factory=list)  # beside the steps that had nothing to check
    origins: list[str] = field(default_factory=list)  # the names that the ledger key signed tree heads under
    event: Optional[Members] = None  # the one that a proof is of
    samples: list[Members] = field(default_factory=list)
    stamped: str = ""  # the latest time at which an authority stamped an anchor that is bound to this log

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
            "type": "bundle-verification" if len(self.steps) > 1 else "proof-verification",
            "v": 1,
            "result": RESULTS[code],
            "exit": code,
            "bundle": {name: self.manifest.get(name) for name in ("id", "name", "requested", "resolved", "limits")},
            "tenant": self.manifest["tenant"]["id"] if self.manifest else (self.event or {}).get("tenant"),
            "event": self.event,
            "origins": self.origins,
            "simulated": self.manifest.get("simulated"),
            "catalogue": self.manifest.get("catalogue"),
            "keys_not_pinned": self.unpinned,
            "previous": self.previous,
            "steps": [{**vars(step), "status": step.status} for step in self.steps],
            "samples": self.samples,
            "proven": [step.holds for step in self.steps if step.status == "passed"],
            "not_proven": [
                *(NOT_PROVEN_UNPINNED for _ in self.unpinned[:1]),
                *self.not_proven,
                *(sentence for step in self.steps for sentence in step.not_proven),
            ],
            "not_checked": [
                *(f"{step.name}: {step.absent}" for step in self.steps if step.absent),
                *self.not_checked,
            ],
            "level": level_of(self.manifest, self.steps, self.stamped),
        }


class Options(NamedTuple):
    """What the command was given beside the bundle."""

    pins: list[Pin]
    previous: str = ""
    samples: tuple[str, ...] = ()
    authorities: str = ""  # a file of CA certificates


def verify(path: str, options: Options) -> Verdict:
    """Make every check on the bundle at `path`. OSError: there is no such file to read."""
    steps = [Step(number, name, holds) for number, (name, holds) in enumerate(STEPS, 1)]
    report = Verdict(steps)
    with ExitStack() as files:
        # An OSError from here on, of a file that could be opened, is a finding.
        file, *earlier = [
            files.enter_context(open(name, "rb"))  # noqa: PTH123 - one module less
            for name in (path, options.previous)
            if name
        ]
        given = [(name, read_file(name, MAX_DIGEST)) for name in options.samples]
        files.enter_context(steps[0].guard(path))
        archive = Archive(file, steps[0])
        chain = check_statements(report, archive, options.pins)
        if chain:
            told = (digest["checkpoint"].split("\n")[0] for digest in chain.digests)
            report.origins = list(dict.fromkeys(told))
        if chain and earlier:
            report.previous = check_previous(steps[2], archive, chain, earlier[0], report.manifest_sha256)
        if chain and chain.whole:
            samples = Samples(steps[7], archive, report.manifest_sha256, given)
            report.samples = samples.told
            check_events(steps, archive, chain, samples)
        if chain:
            report.stamped = Anchors(steps[8], archive, chain, options.authorities).stamped
    return report


def read_file(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - one module less
        return file.read(limit + 1)  # one byte too many is no canonical JSON


def check_statements(report: Verdict, archive: Archive, pins: list[Pin]) -> Optional[Chain]:
    """Make steps 1 to 3: the files, the manifest and its keys, the digests."""
    steps, chain, keys = report.steps, None, None
    with steps[0].guard(MANIFEST):
        raw = archive.read(MANIFEST, MAX_MANIFEST)
        report.manifest_sha256 = hashlib.sha256(raw).hexdigest()
        report.manifest = parse_as(raw, MANIFEST_FORM)
        check_files(steps[0], archive, report.manifest["files"])
        shipped = ", ".join(name for name in READ_BY_PEOPLE if name in archive.entries)
        report.not_checked += [f"what {shipped} say, beyond the signature of the evidence key"] if shipped else []
        missing = ", ".join(absent_from(report.manifest["files"]))
        report.not_checked += [f"{missing}: this bundle has none, as those of earlier software"] if missing else []
        keys = check_manifest(steps[1], archive, report.manifest, raw)
    if keys:
        report.unpinned = keys.unpinned(steps[1], pins)
        with steps[2].guard("integrity/digests/"):
            chain = Chain(steps[2], archive, report.manifest, keys)
    return chain


# --- The bundle before (step 3, with --previous) --------------------------------------------------


def check_previous(step: Step, archive: Archive, chain: Chain, file: IO[bytes], manifest_sha256: str) -> Members:
    """Check steps 1 to 3 of an earlier bundle, and that this one goes on where that one ended."""
    steps = [Step(number, name, holds) for number, (name, holds) in enumerate(STEPS[:3], 1)]
    report, before = Verdict(steps), None
    with steps[0].guard("the archive"):
        before = check_statements(report, Archive(file, steps[0]), [])
    for failed in steps:
        for finding in failed.findings:
            step.findings.append({**finding, "file": f"previous bundle: {finding['file']}"})
        step.failures += failed.failures
    if before is None or not before.whole:
        step.fail("previous bundle", "", BrokenError("it could not be read: nothing binds this bundle to it"))
    elif report.manifest_sha256 == manifest_sha256:
        step.fail("previous bundle", "", BrokenError("it is this bundle itself, and not the one before"))
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


ASKED = (("from", "to", "to"), ("tz", "as", "format"))  # members of `requested` and the word between


def _sample_as_text(sample: Members) -> Iterator[str]:
    """Tell a sample whole: the nonce as the auditor gave it, and which rows it draws."""
    yield f"Sample  {plain(sample['sample'])}: {sample['n']} of {plain(sample['file'])}"
    yield f"        nonce {plain(sample['nonce'])}"
    more = f" and {len(sample['rows']) - MAX_ROWS_TOLD} more" if len(sample["rows"]) > MAX_ROWS_TOLD else ""
    yield f"        rows {', '.join(map(str, sample['rows'][:MAX_ROWS_TOLD]))}{more}"


def _bundle_as_text(told: Members) -> Iterator[str]:
    """Tell what was checked: of which log, over which range, by which catalogue."""
    bundle = told["bundle"]
    if bundle["name"]:
        resolved = bundle["resolved"]
        yield f"Bundle  {plain(bundle['name'])} ({plain(bundle['id'])}), tenant {plain(told['tenant'])}"
        asked = bundle["requested"]
        span, how = (f"{asked.get(first)} {word} {asked.get(then)}" for first, word, then in ASKED)
        yield f"Asked   {plain(span)} ({plain(how)})"
        yield f"Range   {resolved['from']} to {resolved['to_exclusive']} (exclusive)"
    for origin in told["origins"]:
        yield f"Origin  {plain(origin)}"
    if told["catalogue"]:
        version, sha256 = plain(told["catalogue"]["version"]), plain(told["catalogue"]["sha256"])
        yield f"Reports by catalogue {version}, SHA-256 {sha256}"
    if told["previous"]:
        before, checked = told["previous"], ", ".join(told["previous"]["checked"])
        named = f"{plain(before['name'])} ({plain(before['id'])})" if before["name"] else "a bundle that cannot be read"
        yield f"Before  {named}: {before['result']}, checked: {checked}"
    if told["simulated"]:
        span = told["simulated"]
        yield f"NOTE    events from {span['from']} to {span['to']} are SIMULATED, not use of the system"


def as_text(told: Members) -> Iterator[str]:
    """Write the report as lines of ASCII."""
    yield from _bundle_as_text(told)
    for step in told["steps"]:
        yield from _step_as_text(step)
    for sample in told["samples"]:
        yield from _sample_as_text(sample)
    limits = told["bundle"]["limits"]
    if isinstance(limits, list) and limits:
        yield "Limits that the bundle states of itself:"
        yield from (f"  - {plain(limit)}" for limit in limits[:MAX_FINDINGS])
    for role in told["keys_not_pinned"]:
        yield f"NOT PINNED: the {role} key was taken from the bundle itself (--key-fingerprint)"
    for title in ("proven", "not_proven", "not_checked"):
        yield title.replace("_", " ").capitalize() + ":"
        yield from (f"  - {sentence}" for sentence in told[title] or ["nothing"])
    yield f"Time    {told['level']}"
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
    yield from (f"     {plain(note)}" for note in step["notes"])
    if step["status"] == "nothing to check":
        yield f"     {step['absent']}"
    if step["status"] == "not checked":
        yield f"     {step['blocked']}"


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def _pins(given: str) -> list[Pin]:
    found = []
    for part in given.lower().split(","):
        role, colon, digits = part.strip().partition(":")
        if not colon or role not in ROLES:
            role, digits = "", part.strip()
        digits = digits.replace(":", "")  # as openssl prints a fingerprint
        if not re.fullmatch("[0-9a-f]{32,64}", digits):
            raise argparse.ArgumentTypeError("a fingerprint has 32 to 64 hex digits (ledger:HEX, evidence:HEX, HEX)")
        found.append(Pin(role, digits))
    return found


def _check_certificates(parser: _Arguments, path: str) -> None:
    """Refuse a --tsa-ca that openssl could verify nothing with."""
    try:
        if not re.search(b"-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----", read_file(path, MAX_DIGEST)):
            parser.error(f"--tsa-ca: no certificate (PEM) in {path}")
    except OSError as error:
        parser.error(f"--tsa-ca: {error}")


def tell(text: str, code: int) -> int:
    """Write the report and give the exit code: a pass that could not be written is none."""
    try:
        print(text)  # noqa: T201 - a command
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # whoever read has read enough; the exit code still tells
            sys.stderr.write(f"verify_bundle.py: the report could not be written: {error}\n")
            return code or USAGE
    return code


def main(arguments: Optional[list[str]] = None) -> int:
    parser = _Arguments(prog="verify_bundle.py", description="Verify an evidence bundle offline.")
    parser.add_argument("bundle", nargs="?", help="the ZIP archive")
    parser.add_argument(
        "--key-fingerprint",
        metavar="HEX",
        type=_pins,
        action="append",
        default=[],
        help="SHA-256 of a key's DER SPKI, or 32 or more of its first digits; once for each key. ledger:HEX and "
        "evidence:HEX say which key it is. With --proof ledger:HEX counts, or one plain HEX, the ledger's",
    )
    parser.add_argument("--previous", metavar="ZIP", default="", help="the bundle before, which this one continues")
    parser.add_argument("--sample", metavar="FILE", action="append", default=[], help="a sample drawn from the bundle")
    parser.add_argument("--tsa-ca", metavar="PEM", default="", help="certificates to check time stamps with (openssl)")
    parser.add_argument("--proof", metavar="FILE", help="instead of a bundle: the proof of one event")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    options = parser.parse_args(arguments)
    if (options.bundle is None) == (options.proof is None):
        parser.error("give a bundle, or the proof of one event")
    pins = [pin for group in options.key_fingerprint for pin in group]
    if (
        options.proof is not None
        and any(not pin.role for pin in pins)
        and sum(pin.role != "evidence" for pin in pins) > 1
    ):
        parser.error("a proof takes the ledger's fingerprint alone: ledger:HEX, or a single plain HEX")
    if options.tsa_ca:
        _check_certificates(parser, options.tsa_ca)
    # Each event makes objects that end with it: looking for cycles among them takes a fifth of the time.
    collecting = gc.get_threshold()
    gc.set_threshold(100_000, *collecting[1:])
    try:
        if options.proof is not None:
            report = verify_proof(read_file(options.proof, MAX_LINE), pins)
        else:
            given = Options(pins, options.previous, tuple(options.sample), options.tsa_ca)
            report = verify(options.bundle, given)
    except OSError as error:
        parser.error(f"cannot read it: {error}")
    finally:
        gc.set_threshold(*collecting)
    told = report.to_json()
    return tell(json.dumps(told, indent=2) if options.json else "\n".join(as_text(told)), report.code)


if __name__ == "__main__":
    sys.exit(main())
