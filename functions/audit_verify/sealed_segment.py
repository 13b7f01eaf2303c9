"""One segment against what is signed of it: the object, its lock, its bytes, its lines, their lanes."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.audit_verify.findings import Report
from functions.audit_verify.ports import Lock, Scope, Vault
from shared.evidence.segment import Event, parse, summarize
from shared.evidence.vault import segment_key
from shared.store.audit_logs import Head

FIRST_LANE: Final = "0"  # every log has it; it names all others
_MOST_BYTES: Final = 64_000_000  # of lines: the sealer cuts at a twelfth of that
_GZIP: Final = 31  # window bits of zlib for exactly one gzip member
_MEMBERS: Final = frozenset({"log", "tenant", "epoch", "lane", "seq", "prev", "time", "action", "meta"})

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Lanes:
    """The heads of all lanes so far; `opened` are those that lane 0 has named."""

    heads: dict[str, Head] = field(default_factory=dict)
    opened: set[str] = field(default_factory=lambda: {FIRST_LANE})

    def follow(self, event: Event, key: str, report: Report) -> None:
        """Take the event as the next of its lane, and say how it does not fit."""
        lane, seq = event.lane, event.seq
        head, about = self.heads.get(lane, Head()), f"{key} lane {lane} seq {seq}"
        if lane not in self.opened:
            report.add("lane_unopened", about)
        if seq > head.seq + 1:
            report.add("lane_gap", about, head.seq + 1, seq)
        elif seq <= head.seq:
            report.add("lane_duplicate", about, head.seq + 1, seq)
        elif event.members["prev"] != head.leaf:
            report.add("lane_chain", about, head.leaf, event.members["prev"])
        if lane == FIRST_LANE and event.action == "AUDIT_LANE_OPENED":
            self.opened.add(str(event.members["meta"].get("lane")))
        self.heads[lane] = Head(seq, event.leaf.hex())

    def stated(self) -> dict[str, dict[str, Any]]:
        """Give the lanes that have events, as a digest states them."""
        return {lane: {"seq": head.seq, "hash": head.leaf} for lane, head in self.heads.items() if head.seq}


def check_lock(scope: Scope, key: str, lock: Lock, floor: str, report: Report) -> None:
    """Compare an object's lock with the deployment's mode and the instant up to which it must last."""
    if lock.retain_until is None or lock.mode is None:
        report.add("lock_missing", key, floor)
        return
    if lock.retain_until < floor:
        report.add("lock_shortened", key, floor, lock.retain_until)
    if (scope.lock_mode, lock.mode) == ("COMPLIANCE", "GOVERNANCE"):
        report.add("lock_weaker", key, scope.lock_mode, lock.mode)


def check_object(vault: Vault, scope: Scope, entry: Entry, report: Report) -> bool:
    """Ask S3 about the signed version without reading it; says whether it is there."""
    key = segment_key(scope.prefix, entry["no"])
    if entry["key"] != key:
        report.add("segment_order", key, key, entry["key"])
        return False
    lock = vault.lock(key, entry["version_id"])
    if lock is None:
        current = vault.lock(key)
        if current is None:
            report.add("segment_missing", key, entry["sha256_gz"])
        else:
            report.add("segment_version_differs", key, entry["version_id"], current.version_id)
        return False
    check_lock(scope, key, lock, entry["retain_until"], report)
    check_checksum(key, lock, entry["sha256_gz"], report)
    return True


def check_checksum(key: str, lock: Lock, sha256: str, report: Report) -> None:
    if lock.checksum is not None and lock.checksum != base64.b64encode(bytes.fromhex(sha256)).decode():
        report.add("checksum_differs", key, sha256, lock.checksum)


def read_events(vault: Vault, scope: Scope, entry: Entry, report: Report) -> list[Event]:
    """Read and check the segment that `entry` describes; what can be read is given even where it is not what is signed.

    `entry` is that of a signed digest, or a seal row of the same form.
    """
    if not check_object(vault, scope, entry, report):
        return []
    key = entry["key"]
    packed = vault.read(key, entry["version_id"]) or b""
    raw = _inflated(packed)
    _check_bytes(entry, packed, raw, report)
    events = _events(scope, key, raw, report)
    _check_entry(entry, events, packed, report)
    return events


def read_unstated(vault: Vault, scope: Scope, number: int, version_id: str, report: Report) -> list[Event]:
    """Read a segment that nothing trusted describes: what can be read of its lines, and findings for the rest."""
    key = segment_key(scope.prefix, number)
    events = _events(scope, key, _inflated(vault.read(key, version_id) or b""), report)
    if not events:
        report.add("segment_entry", key, None, 0)
    return events


def _events(scope: Scope, key: str, raw: bytes, report: Report) -> list[Event]:
    events = [event for line in raw.split(b"\n") if line and (event := _event(scope, key, line, report)) is not None]
    if events and not raw.endswith(b"\n"):
        report.add("line_malformed", key, None, "ends within a line")
    return events


def _inflated(packed: bytes) -> bytes:
    """Inflate one gzip member, up to a bound; empty for anything else."""
    reader = zlib.decompressobj(_GZIP)
    try:
        raw = reader.decompress(packed, _MOST_BYTES)
    except zlib.error:
        return b""
    return raw if reader.eof else b""


def _check_bytes(entry: Entry, packed: bytes, raw: bytes, report: Report) -> None:
    sha256, lines = hashlib.sha256(packed).hexdigest(), hashlib.sha256(raw).hexdigest()
    if lines != entry["sha256_raw"]:
        report.add("segment_changed", entry["key"], entry["sha256_raw"], lines)
    elif (sha256, len(packed)) != (entry["sha256_gz"], entry["bytes"]):
        report.add("segment_recompressed", entry["key"], entry["sha256_gz"], sha256)


def _event(scope: Scope, key: str, line: bytes, report: Report) -> Event | None:
    try:
        event = parse(line)
        members = event.members
        known = isinstance(members, dict) and set(members) >= _MEMBERS and isinstance(members["meta"], dict)
        known = known and type(members["seq"]) is int and isinstance(members["lane"], str)
        known = known and all(isinstance(members[name], str) for name in ("prev", "time", "action"))
    except (ValueError, RecursionError):
        known = False
    if not known:
        report.add("line_malformed", key, None, hashlib.sha256(line).hexdigest())
        return None
    if (members["log"], members["tenant"], members["epoch"]) != (scope.log, scope.tenant, scope.epoch):
        report.add("line_misplaced", f"{key} lane {event.lane} seq {event.seq}", scope.prefix)
    return event


def _check_entry(entry: Entry, events: Sequence[Event], packed: bytes, report: Report) -> None:
    if not events:
        report.add("segment_entry", entry["key"], entry["events"], 0)
        return
    summary = summarize(events, packed)
    found = {
        "events": summary.events,
        "time": dict(summary.time),
        "lanes": {lane: dict(span) for lane, span in summary.lanes.items()},
        "counts": dict(summary.counts),
    }
    for name, value in found.items():
        if entry[name] != value:
            report.add("segment_entry", f"{entry['key']} {name}", None, None)
