"""A bundle of 30,000 segments whose bytes are nowhere: what the later steps make of their descriptions."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from functions.evidence_pipeline.assemble import Assembler
from functions.evidence_pipeline.fragments import DISCLOSURE, EVENTS
from functions.evidence_pipeline.manifest import ManifestMaker
from functions.evidence_pipeline.plan import DIGESTS, PLAN, segments_name
from functions.evidence_pipeline.render import shard_name
from functions.evidence_pipeline.settings import ManifestSettings
from shared.audit.catalogue import load
from shared.evidence.zip_by_reference import PartReceipt, Stored
from shared.evidence.zip_layout import ObjectRange

SEGMENTS, SHARDS, EVENTS_EACH = 30_000, 30, 1_000
SEGMENT_BYTES = 400_000
LARGE = {"access-logs": 60 << 20, "anomaly-decisions": 30 << 20, DISCLOSURE: 50 << 20}
SMALL = {"role-changes": 40_000, "data-exports": 900, "suspicious-logins": 300_000}
ACTION = "AUTH_LOGIN_SUCCESS"  # of which each shard has one in the interval


class Bench(dict[str, bytes]):
    """The working folder in memory."""

    bucket = "exports"

    def key(self, name: str) -> str:
        return f"rendering/acme/exp/{name}"

    def write(self, name: str, body: bytes) -> str:
        self[name] = body
        return "v"

    def read(self, name: str) -> bytes:
        return self[name]


@dataclass
class Store:
    """Takes an archive without keeping it; `through` counts the bytes that passed through the assembler."""

    through: int = 0
    calls: list[str] = field(default_factory=list)
    size: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _note(self, call: str, size: int = 0, through: int = 0) -> None:
        with self.lock:
            self.calls.append(call)
            self.size += size
            self.through += through

    def abort_earlier(self, _key: str) -> None:
        self._note("list")

    def create(self, _key: str) -> str:
        self._note("create")
        return "upload"

    def upload_part(self, _key: str, _upload_id: str, number: int, body: bytes) -> PartReceipt:
        self._note("upload", len(body), len(body))
        return PartReceipt(number, "etag", None)

    def copy_part(self, _key: str, _upload_id: str, number: int, source: ObjectRange) -> PartReceipt:
        assert source.object_bytes > 5 << 20
        self._note("copy", source.length)
        return PartReceipt(number, "etag", None)

    def complete(self, _key: str, _upload_id: str, receipts: Sequence[PartReceipt]) -> Stored:
        assert len(receipts) <= 10_000
        self._note("complete")
        return Stored("v", "etag")

    def read(self, source: ObjectRange) -> bytes:
        self._note("read")
        return bytes(source.length)

    def marked(self, metadata: Mapping[str, str]) -> Store:
        self.metadata = metadata
        return self

    def stored(self, _key: str, _version_id: str | None) -> Any:
        return SimpleNamespace(size=self.size, version_id="v", retain_until="2027", metadata=self.metadata)


class Told:
    """Hears of progress."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int]] = []

    def begin(self, step: str, total: int) -> None:
        self.steps.append((step, total))

    def more(self, step: str, _worker: int, done: int) -> None:
        self.steps.append((step, done))

    whole = more


def part(slug: str, shard: int, stored: int, rows: int) -> dict[str, Any]:
    """Describe the one fragment of a file that a worker has made."""
    method = "stored" if slug in {EVENTS, DISCLOSURE} else "deflate"
    content = stored if method == "stored" else 8 * stored
    fragment = {
        "method": method,
        "crc32": shard,
        "content_bytes": content,
        "stored_bytes": stored,
        "content_sha256": "0" * 64,
    }
    first = shard * EVENTS_EACH
    told = {"rows": rows, "first_index": first, "last_index": first, "neutralised": 0}
    return {"name": f"{slug}-{shard:05d}-00000.deflate", "version_id": "v", "fragment": fragment} | told


def rendered() -> Bench:
    """Write what the plan and the workers would have left."""
    bench, each = Bench(), SEGMENTS // SHARDS
    reports = [slug for slug, report in load().reports.items() if ACTION in report.actions]
    opening = {"no": 1, "tree_size": 5}
    closing = {"no": 2, "tree_size": 5 + SEGMENTS * EVENTS_EACH, "root": "", "watermark": "2027", "unsealed": 0}
    plan: dict[str, Any] = {
        "tenant": {"id": "acme", "name": "Acme"},
        "export_id": "exp",
        "requested": {"from": "2026-07-01", "to": "2026-09-30", "tz": "UTC", "format": "csv"},
        "requested_by": {"actor": "u_1", "role": "owner", "step_up": "su"},
        "resolved": {"from": "2026-07", "to_exclusive": "2026-10"},
        "samples": [],
        "access_list": {"as_of": "2026-10-01", "people": []},
        "name": "SOC2_Evidence_2026_Q3",
        "started_event": "e",
        "generated_at": "2026-10-01",
        "simulated": None,
        "cut": False,
        "cut_start": False,
        "opening": opening,
        "closing": closing,
        "shards": SHARDS,
        "frontier": [],
    }
    bench[PLAN] = json.dumps(plan).encode()
    bench[DIGESTS] = b'{"digests": [], "later_heads": []}'
    for shard in range(SHARDS):
        bench[segments_name(shard)] = json.dumps([_segment(shard * each + n) for n in range(each)]).encode()
        sizes = dict.fromkeys(reports, 5_000) | LARGE | SMALL | {EVENTS: each * SEGMENT_BYTES}
        batch = {slug: part(slug, shard, size, int(slug in reports)) for slug, size in sizes.items()}
        document = {
            "events": each * EVENTS_EACH,
            "by_action": {ACTION: 1},
            "partly": {},
            "incidents": [],
            "samples": [],
            "batches": [batch],
        }
        bench[shard_name(shard)] = json.dumps(document).encode()
    return bench


def _segment(number: int) -> dict[str, Any]:
    return {
        "no": number + 2,
        "key": f"log/v1/prod/acme/1/seg/{number + 2:012d}.ndjson.gz",
        "version_id": "v" * 32,
        "sha256_gz": f"{number:064x}",
        "bytes": SEGMENT_BYTES,
        "events": EVENTS_EACH,
        "index": {"from": 5 + number * EVENTS_EACH, "to": 4 + (number + 1) * EVENTS_EACH},
        "lanes": {"0": {"from": 6 + number * EVENTS_EACH, "to": 5 + (number + 1) * EVENTS_EACH}},
    }


def manifested(bench: Bench) -> dict[str, Any]:
    """Run the manifest step; gives the manifest."""
    signed: list[bytes] = []

    def sign(manifest: bytes) -> bytes:
        signed.append(manifest)
        return b"signature"

    signer = SimpleNamespace(kid="ab" * 32, public_pem=b"pem", sign=sign)
    integrity = SimpleNamespace(bucket="vault", vault=None, collect=lambda _plan: ([], ["cd" * 32]))
    settings = ManifestSettings("exports", "vault", "exports", "key", "prod", 1, "test", "here", "1", "COMPLIANCE", 1)
    ManifestMaker(cast("Any", bench), cast("Any", integrity), cast("Any", signer), load(), settings).make()
    manifest: dict[str, Any] = json.loads(signed[0])
    return manifest


def assembled(bench: Bench) -> tuple[Store, Told]:
    store, told = Store(), Told()
    used: Any = store
    Assembler(cast("Any", bench), used, used, cast("Any", told)).assemble("acme", "exp")
    return store, told
