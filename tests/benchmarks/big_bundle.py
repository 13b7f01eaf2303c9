"""Writes honest evidence bundles of any size: `python -m tests.benchmarks.big_bundle 1000000 bundle.zip`.

A busy tenant: about 450 events an hour, a segment and a signed digest each hour, two lanes. Of ten events four are
sign-ins with sealed personal data, four refreshes, one a failed sign-in with personal data, one a scored decision.
Nothing is cut short for the verifier: every hash, commitment, signature, row and count is real. What is encrypted is
not (`ct` is random), since nobody without the subject's key can tell. The archive's parts are held in memory.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import hmac
import io
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.audit import catalogue
from shared.audit.canonical import canonical
from shared.audit.checkpoint import Checkpoint, origin_of
from shared.audit.event import GENESIS
from shared.audit.merkle import Frontier
from shared.audit.moment import rfc3339
from shared.evidence import verify_bundle
from shared.evidence.deflate import deflate, store
from shared.evidence.evidence_row import COLUMNS, cells, evidence_row
from shared.evidence.response_times import Part, file_of, part_of_incident, response_times
from shared.evidence.segment import Event, parse
from shared.evidence.zip_layout import Entry, Piece, layout
from tests.evidence.ledger_keys import Key

TENANT, LOG, LANE = "t_acme", "bench", "1"
START, HOUR, EVENTS_OF_HOUR = 1_790_000_000.0, 3_600.0, 453
EVENTS, DISCLOSURE = "events/events.ndjson.gz", "events/disclosure.ndjson.gz"
RISK = {
    "score": 20,
    "reasons": ["NEW_NETWORK"],
    "action": "ALLOW",
    "policy": "risk-1",
    "settings_version": 1,
    "step_up_score": 40,
    "block_score": 80,
    "signals": [
        {"name": "NEW_NETWORK", "group": "place", "points": 20, "mode": "enforce", "input": {"asn": "64500"}},
        {"name": "NEW_DEVICE", "group": "device", "points": 15, "mode": "observe", "input": {}},
    ],
    "off": [],
}
KINDS = ("AUTH_LOGIN_SUCCESS", "AUTH_TOKEN_REFRESH") * 4 + ("AUTH_LOGIN_FAILED", "ANOMALY_SCORED")

Members = dict[str, Any]


class Deflated:
    """One file of the archive, compressed as it is written."""

    def __init__(self, name: str) -> None:
        self.name, self.body, self._parts = name, bytearray(), list[bytes]()
        self.pieces: list[Piece] = []
        self.sha256, self.size = hashlib.sha256(), 0

    def write(self, content: bytes) -> None:
        self._parts.append(content)
        self.size += len(content)
        self.sha256.update(content)
        if len(self._parts) >= EVENTS_OF_HOUR:
            self.flush()

    def flush(self) -> None:
        body = bytearray()
        pack = store if self.name.endswith(".gz") else deflate
        if self._parts:
            self.pieces.append(Piece(pack(self._parts, body.extend), bytes(body)))
        self._parts = []

    def entry(self) -> Entry:
        self.flush()
        return Entry(self.name, "stored" if self.name.endswith(".gz") else "deflate", tuple(self.pieces))

    def listed(self) -> Members:
        return {"path": self.name, "bytes": self.size, "sha256": self.sha256.hexdigest()}


class Report:
    """One CSV of the bundle, as the product's own rows make it."""

    def __init__(self, report: catalogue.Report) -> None:
        self.report, self.file, self.indexes, self.rows = report, Deflated(report.path("csv")), list[int](), 0
        self.file.write(record(["index", *COLUMNS]))

    def add(self, index: int, row: list[str]) -> None:
        self.rows += 1
        self.indexes[min(len(self.indexes), 1) :] = [index]
        self.file.write(record([str(index), *row]))

    def listed(self, current: catalogue.Catalogue) -> Members:
        return self.file.listed() | {
            "rows": self.rows,
            "section": self.report.section,
            "tsc": current.criteria_of(self.report),
            "derivable": True,
            "query": self.report.query(),
            "columns": ["index", *COLUMNS],
            "first_index": self.indexes[0] if self.indexes else None,
            "last_index": self.indexes[-1] if self.indexes else None,
            "csv_neutralised_cells": 0,
        }


def record(row: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(row)
    return text.getvalue().encode()


@dataclass
class BigLog:
    """The log as it grows, and the files that a bundle of all of it has."""

    events: int
    ledger: Key = field(default_factory=Key)
    evidence: Key = field(default_factory=Key)

    def __post_init__(self) -> None:
        self.random = random.Random(1)  # noqa: S311 - the same log again
        self.catalogue = catalogue.load()
        self.reports = [Report(report) for report in self.catalogue.reports.values()]
        self.of_action: dict[str, list[Report]] = {}
        for report in self.reports:
            for action in report.report.actions:
                self.of_action.setdefault(action, []).append(report)
        self.heads: dict[str, tuple[int, str]] = {}
        self.parts: list[Part] = []
        self.frontier, self.counts, self.origin = (
            Frontier(),
            Counter[str](),
            origin_of("muniment.example/bench", TENANT, 1),
        )
        self.log, self.disclosure, self.fragments = Deflated(EVENTS), Deflated(DISCLOSURE), list[Members]()
        self.integrity: dict[str, bytes] = {"integrity/opening.json": canonical(NOTHING)}
        self.prev: Members | None = None
        self.closing: Members = {}

    def bundle(self) -> Iterator[bytes]:
        """Give the archive, chunk by chunk."""
        hours = -(-self.events // EVENTS_OF_HOUR)
        for hour in range(hours):
            first = hour * EVENTS_OF_HOUR
            self._hour(hour, range(first, min(first + EVENTS_OF_HOUR, self.events)))
        assert self.catalogue.incidents is not None
        rows = response_times(self.parts, self.catalogue)
        content, facts = file_of(rows, self.catalogue, self.catalogue.incidents, "csv")
        times = Deflated(self.catalogue.incidents.path("csv"))
        times.write(content)
        files = [self.log, self.disclosure, *(report.file for report in self.reports), times]
        small = self.integrity | {
            "README.txt": b"Made for measuring.\n",
            f"keys/{self.ledger.kid}.pem": self.ledger.pem,
            f"keys/{self.evidence.kid}.pem": self.evidence.pem,
            "catalogue.json": catalogue.text(),
            "verify_bundle.py": Path(verify_bundle.__file__).read_bytes(),
        }
        listed = [{**written.listed()} for written in self._written(small)]
        listed += [{**self.disclosure.listed()}, *(report.listed(self.catalogue) for report in self.reports)]
        listed.append(times.listed() | facts)
        listed.append({"path": EVENTS, "bytes": self.log.size, "fragments": self.fragments})
        raw = canonical(self._manifest(listed))
        signed = {"manifest.json": raw, "manifest.json.sig": self.evidence.sign(raw)}
        entries = [written.entry() for written in (*self._written(signed | small), *files)]
        for chunk in layout(entries).chunks:
            assert isinstance(chunk, bytes)
            yield chunk

    @staticmethod
    def _written(files: dict[str, bytes]) -> Iterator[Deflated]:
        for name, content in files.items():
            written = Deflated(name)
            written.write(content)
            yield written

    def _hour(self, hour: int, numbers: range) -> None:
        """Write a segment of events, and sign the digest of its hour."""
        events, told, first = [], list[bytes](), self.frontier.size
        for number in numbers:
            event, people = self._event(number)
            events.append(event)
            if people:
                told.append(canonical({"id": event.members["id"], "pii": people}) + b"\n")
            taking = self.catalogue.reports_of(event.members)
            if part := part_of_incident(number, event, taking, self.catalogue.incidents):
                self.parts.append(part)
            for report in self.of_action.get(event.action, ()):
                if report.report.takes(event.members):
                    report.add(number, cells(evidence_row(event, people, self.catalogue)))
        self.disclosure.write(gzip.compress(b"".join(told), 6, mtime=0))
        packed = gzip.compress(b"".join(event.line + b"\n" for event in events), 6, mtime=0)
        self.log.write(packed)
        self.fragments.append({"bytes": len(packed), "sha256": hashlib.sha256(packed).hexdigest()})
        self.frontier = self.frontier.extend(event.leaf for event in events)
        self._sign(self._digest(hour + 1, self._segment(hour + 1, first, events, packed)))

    def _event(self, number: int) -> tuple[Event, list[Members]]:
        lane = LANE if number and number % 5 == 0 else "0"
        seq, prev = self.heads.get(lane, (0, GENESIS))
        action, session = (
            KINDS[number % 10] if number else "AUDIT_LANE_OPENED",
            f"ses_{self.random.randrange(9999):08d}",
        )
        user, event_id = f"usr_{self.random.randrange(500):026d}", f"01J{number:023d}"
        members: Members = {
            "v": 1,
            "id": event_id,
            "log": LOG,
            "tenant": TENANT,
            "epoch": 1,
            "lane": lane,
            "seq": seq + 1,
            "prev": prev,
            "time": rfc3339(START + number * HOUR / EVENTS_OF_HOUR),
            "action": action,
            "outcome": "failure" if action == "AUTH_LOGIN_FAILED" else "success",
            "reason": "wrong_password" if action == "AUTH_LOGIN_FAILED" else None,
            "actor": {
                "type": "user",
                "id": user,
                "role": "member",
                "session": session,
                "auth": "password",
                "step_up": None,
            },
            "on_behalf_of": None,
            "targets": [],
            "resource": f"session/{session}",
            "context": {
                "request_id": f"{number:032x}",
                "correlation_id": f"{number:032x}",
                "route": "POST /api/auth/login",
                "ip_net": "203.0.113.0/24",
                "country": "DE",
                "device": f"{number % 97:016x}",
            },
            "change": None,
            "risk": RISK if action == "ANOMALY_SCORED" else None,
            "meta": {"generation": number % 40} if number else {"lane": LANE},
            "pii": [],
        }
        people = []
        if action.startswith("AUTH_LOGIN"):
            agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
            values = {"email": f"{user[-6:]}@acme.example", "ip": f"203.0.113.{number % 256}", "user_agent": agent}
            key = self.random.randbytes(32)
            people = [{"of": "actor", "k_event": key.hex(), "values": values}]
            mac = hmac.digest(key, canonical(values), "sha256").hex()
            sealed = base64.b64encode(self.random.randbytes(180)).decode()
            members["pii"] = [{"sub": user, "of": "actor", "ct": sealed, "mac": mac}]
        event = parse(canonical(members))
        self.heads[lane] = (seq + 1, event.leaf.hex())
        return event, people

    def _segment(self, number: int, first: int, events: list[Event], packed: bytes) -> Members:
        lanes: dict[str, dict[str, int]] = {}
        for event in events:
            lanes.setdefault(event.lane, {"from": event.seq})["to"] = event.seq
        raw = hashlib.sha256(b"".join(event.line + b"\n" for event in events))
        return {
            "no": number,
            "key": f"log/v1/{LOG}/{TENANT}/1/seg/{number:012d}.ndjson.gz",
            "version_id": "v1",
            "bytes": len(packed),
            "sha256_gz": hashlib.sha256(packed).hexdigest(),
            "sha256_raw": raw.hexdigest(),
            "events": len(events),
            "index": {"from": first, "to": first + len(events) - 1},
            "time": {"min": events[0].time, "max": events[-1].time},
            "lanes": lanes,
            "counts": Counter(event.action for event in events),
            "retain_until": "2033-09-29T00:00:00.000Z",
        }

    def _digest(self, number: int, segment: Members) -> Members:
        self.counts.update(segment["counts"])
        body = Checkpoint(self.origin, self.frontier.size, self.frontier.root()).body().decode()
        end = rfc3339(START + number * HOUR)
        return {
            "type": "digest",
            "v": 1,
            "log": LOG,
            "tenant": TENANT,
            "epoch": 1,
            "no": number,
            "period": {"from": rfc3339(START + (number - 1) * HOUR), "to": end},
            "prev": self.prev,
            "segments": [segment],
            "lanes": {lane: {"seq": seq, "hash": leaf} for lane, (seq, leaf) in self.heads.items()},
            "source": {"read_at": end, "last": {lane: seq for lane, (seq, _) in self.heads.items()}, "unsealed": 0},
            "counts": {"total": segment["events"], "by_action": segment["counts"]},
            "time_max": segment["time"]["max"],
            "watermark": end,
            "tree": {"size": self.frontier.size, "root": base64.b64encode(self.frontier.root()).decode()},
            "checkpoint": body,
            "software": {"version": "0.1.0"},
            "kid": self.ledger.kid,
        }

    def _sign(self, digest: Members) -> None:
        raw, name = canonical(digest), f"integrity/digests/{digest['no']:012d}.json"
        self.prev, self.closing = {"no": digest["no"], "sha256": hashlib.sha256(raw).hexdigest()}, digest
        head = Checkpoint(self.origin, self.frontier.size, self.frontier.root())
        note = head.note(self.origin, self.ledger.der, self.ledger.sign(head.body()))
        self.integrity |= {name: raw, f"{name}.sig": self.ledger.sign(raw)}
        self.integrity[f"integrity/checkpoints/{digest['tree']['size']:012d}"] = note

    def _manifest(self, listed: list[Members]) -> Members:
        tree = self.closing["tree"]
        end = self.closing["watermark"]
        return {
            "type": "evidence-bundle",
            "v": 1,
            "id": "exp_1",
            "name": "SOC2_Evidence_2026_Q3",
            "tenant": {"id": TENANT, "name": "Acme"},
            "requested": {"from": "2026-09-21", "to": "2026-12-21", "tz": "UTC", "format": "csv"},
            "resolved": {"from": rfc3339(START), "to_exclusive": end},
            "catalogue": {"version": self.catalogue.version, "sha256": hashlib.sha256(catalogue.text()).hexdigest()},
            "cut": False,
            "status": "final",
            "watermark": end,
            "simulated": None,
            "source": {
                "log": LOG,
                "epochs": [1],
                "opening": {"digest": 0, "tree_size": 0},
                "closing": {"digest": self.closing["no"], "tree_size": tree["size"], "root": tree["root"]},
                "events": self.events,
                "population": self.events,
                "by_action": self.counts,
                "lanes_contiguous": True,
                "unsealed": 0,
            },
            "files": listed,
            "limits": [],
            "keys": {"ledger": self.ledger.kid, "evidence": self.evidence.kid},
            "kid": self.evidence.kid,
        }


NOTHING: Members = {"digest": 0, "size": 0, "frontier": [], "lanes": {}}


def write(events: int, path: Path) -> list[str]:
    """Write the bundle; gives the fingerprints of both keys."""
    log = BigLog(events)
    with path.open("wb") as file:
        file.writelines(log.bundle())
    return [log.ledger.kid, log.evidence.kid]


if __name__ == "__main__":
    print(*write(int(sys.argv[1]), Path(sys.argv[2])))
