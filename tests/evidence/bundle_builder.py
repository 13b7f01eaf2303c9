"""Makes a small, valid evidence bundle in memory, stage by stage, so that a test can tamper with any stage.

Stages: event lines in segments -> gzip members -> digests and checkpoints (ledger key) -> files -> manifest (evidence
key) -> archive. Each stage takes what the one before gave, or what a test made of it.
"""

from __future__ import annotations

import base64
import copy
import gzip
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from shared.audit.canonical import canonical
from shared.audit.checkpoint import Checkpoint, origin_of
from shared.audit.event import GENESIS, Actor, Draft, Position, compose
from shared.audit.merkle import Frontier, leaf_hash
from shared.audit.moment import rfc3339
from shared.audit.personal_data import PersonalData
from shared.evidence import verify_bundle
from shared.evidence.deflate import deflate, store
from shared.evidence.zip_layout import FORMAT, Entry, Piece, Thresholds, layout
from tests.evidence.built_reports import BuiltReport, built_reports, catalogue_file
from tests.evidence.ledger_keys import Key, rotation

TENANT, LOG = "t_acme", "test"
START = 1_790_000_000.0
EVENTS, DISCLOSURE = "events/events.ndjson.gz", "events/disclosure.ndjson.gz"
ACCESS_LOGS = "CC6_Access_Control/access_logs.csv"
# The segments that each digest seals; digests 3 and 5 are idle.
SEALED_BY_DIGEST = ((0, 1), (2,), (), (3, 4), (), (5,))
EVENTS_OF_SEGMENT = 5
PERIOD_SECONDS = 3_600.0
ERASED_SUBJECT = "u_6"

Files = dict[str, bytes]
Statement = dict[str, Any]


def gzip_member(lines: list[bytes], level: int = 6) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines), level, mtime=0)


def digest_name(number: int) -> str:
    return f"integrity/digests/{number:012d}.json"


@dataclass
class World:
    """One tenant's log, its two keys, and what a bundle of it holds.

    `opening` is the number of the opening digest, 0 for a range that starts the log.
    """

    opening: int = 0
    lanes: tuple[str, ...] = ("0", "7")
    epoch: int = 1
    # What AUDIT_EPOCH_STARTED says, and the last signed digest of the epoch before as the vault holds it.
    restart: Statement | None = None
    ended: Files = field(default_factory=dict)
    # Earlier ledger keys, oldest first, each with the last digest that it signed.
    earlier: tuple[tuple[int, Key], ...] = ()
    format: str = "csv"
    until: str = ""  # the end of the range, where it is not near the end of the log
    catalogue: bytes = field(default_factory=catalogue_file)
    ledger: Key = field(default_factory=Key)
    evidence: Key = field(default_factory=Key)
    personal: PersonalData = field(default_factory=lambda: PersonalData(bytes(range(32)), TENANT))

    def __post_init__(self) -> None:
        self.heads: dict[str, tuple[int, str]] = {}
        self.disclosed: list[Statement] = []
        self.events = [
            [self.event(segment * EVENTS_OF_SEGMENT + n) for n in range(EVENTS_OF_SEGMENT)] for segment in range(6)
        ]

    # --- events ---

    @property
    def origin(self) -> str:
        return origin_of("muniment.example/test", TENANT, self.epoch)

    def signer_of(self, digest: int) -> Key:
        return next((key for last, key in self.earlier if digest <= last), self.ledger)

    def key_files(self) -> Files:
        """Give every PEM, and the statement of each change of the ledger's key with both signatures."""
        ledger = [*(key for _, key in self.earlier), self.ledger]
        files = {f"keys/{key.kid}.pem": key.pem for key in (*ledger, self.evidence)}
        for before, after in pairwise(ledger):
            files |= rotation(LOG, before, after)
        return files

    def time_of(self, number: int) -> float:
        """Give the second of event `number`: segments of one digest share its period."""
        segment = number // EVENTS_OF_SEGMENT
        digest = next(at for at, sealed in enumerate(SEALED_BY_DIGEST) if segment in sealed)
        return START + digest * PERIOD_SECONDS + number

    def event(self, number: int) -> bytes:
        lane = self.lanes[number % 3 % len(self.lanes)]
        event_id = f"01J{number:023d}"
        seq, previous = self.heads.get(lane, (0, GENESIS))
        action, meta = self.act(number)
        draft = Draft(
            event_id=event_id,
            action=action,
            meta=meta,
            outcome="failure" if number % 3 == 1 else "success",
            actor=Actor("user", f"u_{number % 4}"),
            resource="session/s_1",
            context={"request_id": f"r_{number}", "country": "DE"},
            personal=tuple(self.persons(event_id, number)),
        )
        draft = draft._replace(**self.facets(number))
        position = Position(LOG, TENANT, self.epoch, lane, seq + 1, previous)
        line = compose(draft, position, rfc3339(self.time_of(number)))
        self.heads[lane] = (seq + 1, line.leaf)
        return line.text.encode()

    def act(self, number: int) -> tuple[str, Statement]:
        """Let the first event start the epoch or open the second lane, the fourth open it after a start."""
        if number == 0 and self.restart is not None:
            return "AUDIT_EPOCH_STARTED", self.restart
        if number == 0 and len(self.lanes) > 1:
            return "AUDIT_LANE_OPENED", {"lane": self.lanes[1]}
        return ("AUTH_LOGIN_SUCCESS", "AUTH_LOGIN_FAILED", "AUTH_LOGOUT")[number % 3], {}

    def facets(self, _number: int) -> Statement:
        """Give reason and risk of an event, by which reports may take it or leave it: these have none."""
        return {}

    def persons(self, event_id: str, number: int) -> list[Statement]:
        """Seal the actor of every second event, and a target in every fourth; keep what will be disclosed."""
        if number % 2:
            return []
        salt, people, told = bytes(32), [], []
        for of in ("actor", "target")[: 2 if number % 4 == 0 else 1]:
            subject = f"u_{number % 8}"
            values = {"email": f"{of}{number}@example.com", "ip": "203.0.113.9"}
            entry = self.personal.entry(salt, subject=subject, of=of, event_id=event_id, values=values)  # type: ignore[arg-type]  # `of` is one of the two roles
            key = self.personal.disclose(salt, entry, event_id).key.hex()
            erased = {"of": of, "erased": True}
            told.append(erased if subject == ERASED_SUBJECT else {"of": of, "k_event": key, "values": values})
            people.append(entry)
        self.disclosed.append({"id": event_id, "pii": told})
        return people

    # --- members, digests, checkpoints ---

    def members(self) -> list[bytes]:
        return [gzip_member(lines) for lines in self.events]

    def segment(self, number: int, first: int) -> Statement:
        """State what a digest says of segment `number` (from 0), whose first line is leaf `first`."""
        lines = self.events[number]
        told = [json.loads(line) for line in lines]
        lanes: dict[str, dict[str, int]] = {}
        for event in told:
            lanes.setdefault(event["lane"], {"from": event["seq"]})["to"] = event["seq"]
        times = [event["time"] for event in told]
        return {
            "no": number + 1,
            "key": f"log/v1/{LOG}/{TENANT}/{self.epoch}/seg/{number + 1:012d}.ndjson.gz",
            "version_id": "v1",
            "events": len(lines),
            "index": {"from": first, "to": first + len(lines) - 1},
            "time": {"min": min(times), "max": max(times)},
            "lanes": lanes,
            "counts": Counter(event["action"] for event in told),
            "retain_until": "2033-09-29T00:00:00.000Z",
            **measured(gzip_member(lines)),
        }

    def digests(self) -> list[Statement]:
        """State every digest of the log; `link` fills in `prev`."""
        frontier, heads, time_max = Frontier(), dict[str, Statement](), ""
        statements = []
        for number, sealed in enumerate(SEALED_BY_DIGEST, 1):
            segments, counts = [], Counter[str]()
            for index in sealed:
                segments.append(self.segment(index, frontier.size))
                frontier = frontier.extend(map(leaf_hash, self.events[index]))
                counts.update(segments[-1]["counts"])
                time_max = max(time_max, segments[-1]["time"]["max"])
                for line in self.events[index]:
                    event = json.loads(line)
                    heads[event["lane"]] = {"seq": event["seq"], "hash": leaf_hash(line).hex()}
            root = base64.b64encode(frontier.root()).decode()
            statements.append(
                {
                    "type": "digest",
                    "v": 1,
                    "log": LOG,
                    "tenant": TENANT,
                    "epoch": self.epoch,
                    "no": number,
                    "period": {"from": instant(number - 1), "to": instant(number)},
                    "prev": None,
                    "segments": segments,
                    "lanes": copy.deepcopy(heads),
                    "source": {
                        "read_at": instant(number),
                        "last": {lane: head["seq"] for lane, head in heads.items()},
                        "unsealed": 0,
                    },
                    "counts": {"total": counts.total(), "by_action": counts},
                    "time_max": time_max,
                    "watermark": rfc3339(START + number * PERIOD_SECONDS - 120),
                    "tree": {"size": frontier.size, "root": root},
                    "checkpoint": Checkpoint(self.origin, frontier.size, frontier.root()).body().decode(),
                    "software": {"version": "0.1.0"},
                    "kid": self.signer_of(number).kid,
                }
            )
        return statements

    def note(self, digest: Statement, key: Key | None = None) -> bytes:
        key = key or self.signer_of(digest["no"])
        body = digest["checkpoint"].encode()
        size, root = digest["tree"]["size"], base64.b64decode(digest["tree"]["root"])
        return Checkpoint(self.origin, size, root).note(self.origin, key.der, key.sign(body))

    def integrity(self, digests: list[Statement]) -> Files:
        """Link, sign and write the digests from the opening one on, their notes, and the opening."""
        files: Files = {"integrity/opening.json": canonical(self.opening_of(digests))}
        link(digests)
        for digest in digests[max(self.opening - 1, 0) :]:
            raw = canonical(digest)
            files[digest_name(digest["no"])] = raw
            files[digest_name(digest["no"]) + ".sig"] = self.signer_of(digest["no"]).sign(raw)
            files.setdefault(f"integrity/checkpoints/{digest['tree']['size']:012d}", self.note(digest))
        return files

    def opening_of(self, digests: list[Statement]) -> Statement:
        if self.opening == 0:
            return {"digest": 0, "size": 0, "frontier": [], "lanes": {}}
        before = [
            line for sealed in SEALED_BY_DIGEST[: self.opening] for index in sealed for line in self.events[index]
        ]
        frontier = Frontier().extend(map(leaf_hash, before))
        return {
            "digest": self.opening,
            "size": frontier.size,
            "frontier": [node.hex() for node in frontier.nodes],
            "lanes": copy.deepcopy(digests[self.opening - 1]["lanes"]),
        }

    # --- files, manifest, archive ---

    def in_range(self) -> list[int]:
        """List the segments (from 0) behind the opening."""
        return [index for sealed in SEALED_BY_DIGEST[self.opening :] for index in sealed]

    def files(self, digests: list[Statement] | None = None, members: list[bytes] | None = None) -> Files:
        """Give every file but the manifest and its signature; `members` replaces the gzip members of the range."""
        if members is None:
            members = [self.members()[index] for index in self.in_range()]
        lines = [json.loads(line) for index in self.in_range() for line in self.events[index]]
        told = {event["id"] for event in lines}
        disclosed = [canonical(entry) for entry in self.disclosed if entry["id"] in told]
        return {
            "README.txt": b"How to verify this bundle.\n",
            "CROSSWALK.csv": b'"folder","file"\r\n"CC6","access_logs.csv"\r\n',
            **{path: report.content for path, report in self.reports().items()},
            EVENTS: b"".join(members),
            DISCLOSURE: gzip_member(disclosed),
            **self.integrity(self.digests() if digests is None else digests),
            **self.key_files(),
            **self.ended,
            "catalogue.json": self.catalogue,
            "verify_bundle.py": Path(verify_bundle.__file__).read_bytes(),
        }

    def resolved(self) -> tuple[str, str]:
        end = rfc3339(START + len(SEALED_BY_DIGEST) * PERIOD_SECONDS - 600)
        return instant(self.opening), self.until or end

    def reports(self) -> dict[str, BuiltReport]:
        """Render every report of the range, as the product does."""
        opened = sum(len(self.events[index]) for sealed in SEALED_BY_DIGEST[: self.opening] for index in sealed)
        lines = [line for index in self.in_range() for line in self.events[index]]
        disclosed = {entry["id"]: entry["pii"] for entry in self.disclosed}
        return built_reports(lines, opened, disclosed, self.resolved(), self.format)

    def manifest(self, files: Files) -> Statement:
        """Describe `files` as the manifest step does; a test may change it before it is signed."""
        digests, reports = self.digests(), self.reports()
        closing = digests[-1]
        lines = [json.loads(line) for index in self.in_range() for line in self.events[index]]
        opening_size = digests[self.opening - 1]["tree"]["size"] if self.opening else 0
        return {
            "type": "evidence-bundle",
            "v": 1,
            "id": "exp_1",
            "name": "SOC2_Evidence_2026_Q3",
            "tenant": {"id": TENANT, "name": "Acme"},
            "requested": {"from": "2026-09-21", "to": "2026-09-21", "tz": "UTC", "format": self.format},
            "resolved": {"from": self.resolved()[0], "to_exclusive": self.resolved()[1]},
            "catalogue": {"version": "2026-11", "sha256": hashlib.sha256(self.catalogue).hexdigest()},
            "cut": False,
            "status": "final",
            "watermark": closing["watermark"],
            "simulated": None,
            "source": {
                "log": LOG,
                "epochs": [self.epoch],
                "opening": {"digest": self.opening, "tree_size": opening_size},
                "closing": {
                    "digest": closing["no"],
                    "tree_size": closing["tree"]["size"],
                    "root": closing["tree"]["root"],
                },
                "events": len(lines),
                "population": len(lines),
                "by_action": Counter(event["action"] for event in lines),
                "lanes_contiguous": True,
                "unsealed": 0,
            },
            "files": [self.listed(path, content, reports) for path, content in files.items()],
            "limits": [],
            "keys": self.kids(),
            "kid": self.evidence.kid,
        }

    def listed(self, path: str, content: bytes, reports: dict[str, BuiltReport]) -> Statement:
        if path == EVENTS:
            members = [self.members()[index] for index in self.in_range()]
            if b"".join(members) != content:
                members = [content]
            return {"path": path, "bytes": len(content), "fragments": [fragment(member) for member in members]}
        listed: Statement = {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        if path in reports:
            listed |= reports[path].facts
        return listed

    def signed(self, files: Files, manifest: Statement | None = None, key: Key | None = None) -> Files:
        """Add a manifest of `files` and its signature by the evidence key (or another)."""
        raw = canonical(self.manifest(files) if manifest is None else manifest)
        return {**files, "manifest.json": raw, "manifest.json.sig": (key or self.evidence).sign(raw)}

    def kids(self) -> Statement:
        previous = {"ledger_previous": [key.kid for _, key in self.earlier]} if self.earlier else {}
        return {"ledger": self.ledger.kid, "evidence": self.evidence.kid, **previous}

    def pins(self) -> list[str]:
        return [self.ledger.kid, self.evidence.kid]


def instant(digest: int) -> str:
    """Give the end of the period of digest `digest`, which is the start of the next one's."""
    return rfc3339(START + digest * PERIOD_SECONDS)


def fragment(content: bytes) -> Statement:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def measured(member: bytes) -> Statement:
    """State size and hashes of one gzip member."""
    raw = gzip.decompress(member)
    return {
        "bytes": len(member),
        "sha256_gz": hashlib.sha256(member).hexdigest(),
        "sha256_raw": hashlib.sha256(raw).hexdigest(),
    }


def link(digests: list[Statement]) -> None:
    """Let every digest name the hash of the one before, as it now is."""
    for before, digest in pairwise(digests):
        digest["prev"] = {"no": before["no"], "sha256": hashlib.sha256(canonical(before)).hexdigest()}


def archive(files: Files, thresholds: Thresholds = FORMAT) -> bytes:
    """Put the files together as the product does: deflated, gzip files stored."""
    entries = []
    for name, content in files.items():
        body = bytearray()
        pack = store if name.endswith(".gz") else deflate
        piece = Piece(pack([content], body.extend), b"")
        piece = Piece(piece.fragment, bytes(body))
        entries.append(Entry(name, piece.fragment.method, (piece,)))
    chunks = layout(entries, thresholds).chunks
    return b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))
