"""Step 4, assemble: the archive is put together inside the object store by reference, and locked as it appears.

What the export's row will say of the archive is taken out of the one object that its entries are read from, and the
archive carries the SHA-256 of its manifest: a doubled step that ends late cannot make the row speak of another one.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.evidence.deflate import Fragment
from shared.evidence.multipart_packing import pack
from shared.evidence.s3_archive import S3Archive, Workbench
from shared.evidence.vault import LockedBucket
from shared.evidence.zip_by_reference import KeyTaken, assemble
from shared.evidence.zip_layout import Chunk, Entry, ObjectRange, Piece, layout
from shared.store.exports import Progress

ENTRIES = "entries.json"
ARCHIVE = "archive.json"
MANIFEST_SHA256 = "manifest-sha256"  # metadata of the archive
_TOLD = 20  # times that it tells how far it is


def piece_document(fragment: Fragment, body: Chunk) -> dict[str, Any]:
    """Write a piece down for the working folder; `piece_of` reads it back."""
    if isinstance(body, bytes):
        return {"fragment": fragment.to_json(), "inline": base64.b64encode(body).decode()}
    return {
        "fragment": fragment.to_json(),
        "object": {name: getattr(body, name) for name in ObjectRange.__slots__},
    }


def piece_of(document: Mapping[str, Any]) -> Piece:
    fragment = Fragment.from_json(document["fragment"])
    if "inline" in document:
        return Piece(fragment, base64.b64decode(document["inline"]))
    return Piece(fragment, ObjectRange(**document["object"]))


@dataclass(frozen=True, slots=True)
class Assembler:
    workbench: Workbench
    archive: S3Archive
    exports: LockedBucket
    progress: Progress

    def assemble(self, tenant: str, export_id: str) -> None:
        # 1. The entries that the manifest step wrote down, in the order of the archive, and what it says of them.
        document = json.loads(self.workbench.read(ENTRIES))
        summary = document["summary"]
        entries = [
            Entry(entry["name"], entry["method"], tuple(piece_of(piece) for piece in entry["pieces"]))
            for entry in document["entries"]
        ]
        # 2. Headers and directory are computed, bodies are copied inside the store.
        plan = layout(entries)
        key = f"bundles/{tenant}/{export_id}/{summary['name']}.zip"
        parts = pack(plan)
        self.progress.begin("assemble", len(parts))
        marked = self.archive.marked({MANIFEST_SHA256: summary["manifest_sha256"]})
        outcome = assemble(marked, key, parts, told=self._told(len(parts)))
        # 3. A key that is taken was put by another run of this step: ours if it is of the same manifest and as long.
        ours = None if isinstance(outcome, KeyTaken) else outcome
        stored = self.exports.stored(key, ours.stored.version_id if ours else None)
        if stored.metadata.get(MANIFEST_SHA256) != summary["manifest_sha256"]:
            raise RuntimeError(f"{key} is of another manifest")
        if stored.size != plan.total_bytes:
            raise RuntimeError(f"{key} has {stored.size} bytes instead of {plan.total_bytes}")
        result = {
            **summary,
            "key": key,
            "version_id": stored.version_id,
            "size": plan.total_bytes,
            "sha256": ours.sha256 if ours else None,
            "retain_until": stored.retain_until,
        }
        self.workbench.write(ARCHIVE, json.dumps(result).encode())

    def _told(self, total: int) -> Callable[[int], None]:
        often = max(1, total // _TOLD)

        def told(sent: int) -> None:
            if sent == total:  # raises for an export that has ended meanwhile: then its archive does not appear
                self.progress.whole("assemble", 0, sent)
            elif sent % often == 0:
                self.progress.more("assemble", 0, sent)

        return told
