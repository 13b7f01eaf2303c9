"""A sealed segment's row of `audit_seals`: what the sealer writes of it, and whoever reads the vault writes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.evidence.facet_counts import facet_counts
from shared.evidence.segment import Event, continued, summarize
from shared.store.audit_seals import SealHead, state_of


def seal_row(
    before: SealHead, key: str, version_id: str, retain_until: str | None, events: Sequence[Event], packed: bytes
) -> tuple[dict[str, Any], SealHead]:
    """Give the row of the segment that comes behind `before`, and where the log stands with it.

    `packed` is what lies under `key`, `events` what it holds. Raises `ValueError` where they do not continue `before`.
    """
    summary, first = summarize(events, packed), before.frontier.size
    behind = SealHead(
        segment=before.segment + 1,
        frontier=before.frontier.extend(event.leaf for event in events),
        lanes=continued(before.lanes, events),
        time_max=max(filter(None, (before.time_max, summary.time["max"]))),
    )
    row = {
        "no": behind.segment,
        "key": key,
        "version_id": version_id,
        "bytes": summary.size,
        "sha256_gz": summary.sha256_gz,
        "sha256_raw": summary.sha256_raw,
        "events": summary.events,
        "index": {"from": first, "to": first + summary.events - 1},
        "time": dict(summary.time),
        "lanes": {lane: dict(span) for lane, span in summary.lanes.items()},
        "counts": dict(summary.counts),
        "facets": facet_counts(events),
        "retain_until": retain_until,
        "after": state_of(behind),  # where a bundle may begin, and what a digest up to here must state
    }
    return row, behind
