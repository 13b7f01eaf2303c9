"""Step 2, render: one shard of segments becomes fragments of every report, of the events and of their disclosure.

A segment is read once, checked against its seal, and feeds all files: an event is read, opened and written as a row
once, however many reports it stands in. What it gives is compressed as it comes and goes on to the fragments that grow
in the working folder, so memory depends on one segment and never on the length of the log.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.evidence_pipeline.fragments import EVENTS, Fragments
from functions.evidence_pipeline.sorting import Content
from shared.audit.catalogue import Catalogue
from shared.evidence.evidence_row import Discloser
from shared.evidence.s3_archive import Workbench
from shared.evidence.vault import LockedBucket

_TOLD = 20  # times that a worker tells how far it is


@dataclass(frozen=True, slots=True)
class Renderer:
    """`told` hears from time to time how many events are done."""

    vault: LockedBucket
    workbench: Workbench
    catalogue: Catalogue
    discloser: Discloser
    told: Callable[[int], None]

    def render(self, plan: Mapping[str, Any], segments: Sequence[Mapping[str, Any]], shard: int) -> int:
        """Render a shard and give its number of events; raises `RuntimeError` when a segment is not what was sealed."""
        often = max(1, len(segments) // _TOLD)
        with Fragments(self.workbench, shard) as fragments:
            content = Content(plan, self.catalogue, self.discloser, fragments)
            for number, segment in enumerate(segments, 1):
                # 1. Read the locked version and compare it with its seal.
                packed = self.vault.read(segment["key"], segment["version_id"])
                first = segment["index"]["from"]
                # 2. Sort its events into the reports, each as it is found to continue its lane.
                content.add(first, _checked(segment, packed))
                # 3. Gather the segment itself, byte for byte; close what has grown enough.
                fragments.of(EVENTS).add(first, packed)
                fragments.cut()
                if number % often == 0:
                    self.told(content.events)
            # 4. Say what came out; the manifest step adds it up.
            document = content.document() | {"batches": fragments.close()}
        self.workbench.write(shard_name(shard), json.dumps(document).encode())
        return content.events


def shard_name(shard: int) -> str:
    return f"shard-{shard:05d}.json"


def _checked(segment: Mapping[str, Any], packed: bytes) -> bytes:
    """Give the segment, if it has the hash that it was sealed under."""
    if hashlib.sha256(packed).hexdigest() != segment["sha256_gz"]:
        raise RuntimeError(f"{segment['key']} is not the segment that was sealed")
    return packed
