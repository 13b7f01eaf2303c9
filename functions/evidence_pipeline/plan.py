"""Step 1, plan: which part of the log answers the request, between which signed digests, and in how many shards.

The plan goes into the working folder; the state machine carries ids only, however long the log is.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.evidence_pipeline.settings import PlanSettings
from shared.audit.epoch import FIRST_EPOCH, begins_behind
from shared.audit.moment import rfc3339
from shared.evidence.period import Period, period_of
from shared.evidence.s3_archive import Workbench
from shared.evidence.segment import unpack
from shared.evidence.vault import LockedBucket
from shared.store.attribute import Row
from shared.store.audit_seals import digests_after, segments_after
from shared.store.exports import get_export, set_progress
from shared.store.tenants import get_tenant
from shared.store.wire import Clock, JsonService

PLAN = "plan.json"
EVENTS_PER_SHARD = 200_000  # about a minute of one worker; less is not worth starting another
MAX_SHARDS = 40  # what an inline Map runs at once, and a state of a few kilobytes


class NotSealedYetError(RuntimeError):
    """No signed digest reaches into the range yet: the state machine waits and asks again."""


class EarlierEpochError(RuntimeError):
    """The whole range lies before the log began again: what there is of it is in an earlier epoch."""


@dataclass(frozen=True, slots=True)
class Span:
    """The digests that enclose a range: everything of it lies behind `opening` (`None`: the log's beginning)."""

    opening: Row | None
    closing: Row
    cut: bool


@dataclass(frozen=True, slots=True)
class Planner:
    dynamodb: JsonService
    vault: LockedBucket
    workbench: Workbench
    settings: PlanSettings
    clock: Clock

    def plan(self, tenant: str, export_id: str) -> dict[str, Any]:
        """Give the state of the next step: `{tenant, export_id, shards: [{tenant, export_id, shard}]}`.

        Raises `NotSealedYetError` while no digest covers any of the range, `EarlierEpochError` when none ever will.
        """
        # 1. The request, as it was committed with DATA_EXPORT_STARTED.
        export = get_export(self.dynamodb, self.settings.exports_table, tenant, export_id)
        if export is None:
            raise RuntimeError(f"export {export_id} of {tenant} does not exist")
        asked = export["requested"]
        # Judged at the time of the request: what was accepted then is not refused by another clock.
        period = period_of(asked["from"], asked["to"], asked["tz"], export["created_at"])
        # 2. The signed digests around it.
        table, epoch = self.settings.audit_seals_table, self.settings.log_epoch
        digests = list(digests_after(self.dynamodb, table, tenant, epoch, 0))
        span = enclose(period, digests)
        # 3. The segments between them, in shards of about equal numbers.
        first = span.opening["segment"] if span.opening else 0
        sealed = segments_after(self.dynamodb, table, tenant, epoch, max(first - 1, 0))
        rows = list(itertools.takewhile(lambda row: row["no"] <= span.closing["segment"], sealed))
        frontier = rows[0]["after"]["frontier"] if first else []
        segments = rows[1:] if first else rows
        shards = divide(len(segments), shards_for(sum(segment["events"] for segment in segments)))
        # 4. Write it down, tell the one who waits, hand on ids.
        begins = None if span.opening and span.opening["tree_size"] else self._log_begins(tenant)
        document = self._document(export, period, span, digests, begins)
        document |= {"frontier": frontier, "segments": segments, "shards": shards}
        self.workbench.write(PLAN, json.dumps(document).encode())
        progress = {"step": "render", "done": 0, "total": len(shards)}
        set_progress(self.dynamodb, self.settings.exports_table, tenant, export_id, progress)
        ids = {"tenant": tenant, "export_id": export_id}
        return {**ids, "shards": [{**ids, "shard": number} for number in range(len(shards))]}

    def _log_begins(self, tenant: str) -> str | None:
        """Read when a log that was started again begins; None where nothing of the tenant is in an earlier epoch."""
        table, epoch = self.settings.audit_seals_table, self.settings.log_epoch
        if epoch == FIRST_EPOCH:
            return None
        first = next(iter(segments_after(self.dynamodb, table, tenant, epoch, 0)), None)
        if first is None:
            raise NotSealedYetError(f"no event of epoch {epoch} is sealed")
        return begins_behind(next(unpack(self.vault.read(first["key"], first["version_id"]))).members)

    def _document(
        self, export: Row, period: Period, span: Span, digests: Sequence[Row], begins: str | None
    ) -> dict[str, Any]:
        tenant = get_tenant(self.dynamodb, self.settings.tenants_table, export["tenant"])
        if tenant is None:
            raise RuntimeError(f"tenant {export['tenant']} does not exist")
        resolved = resolve(period, span, begins)
        cut_start = resolved["from"] != period.start
        opening = span.opening["no"] if span.opening else 0
        return {
            "tenant": {"id": tenant["tenant"], "name": tenant["name"]},
            "simulated": _overlap(tenant.get("simulated"), resolved),
            "export_id": export["export_id"],
            "requested": export["requested"],
            "samples": export.get("samples", []),
            "requested_by": export["requested_by"],
            "started_event": export["started_event"],
            "name": period.bundle_name(cut=span.cut or cut_start),
            "resolved": resolved,
            "cut": span.cut,
            "cut_start": cut_start,
            "opening": span.opening,
            "digests": [row for row in digests if max(opening, 1) <= row["no"] <= span.closing["no"]],
            "closing": span.closing,
            # The first anchor behind the range may be over a later tree head of this log.
            "later_heads": [(row["tree_size"], row["root"]) for row in digests if row["no"] > span.closing["no"]],
            "generated_at": rfc3339(self.clock()),
        }


def resolve(period: Period, span: Span, begins: str | None) -> dict[str, str]:
    """Give what of a period a bundle answers for: not what lies before the log `begins`, nor what is not sealed.

    Raises `NotSealedYetError` or `EarlierEpochError` where nothing is left.
    """
    start = period.start if begins is None else max(period.start, begins)
    end = span.closing["watermark"] if span.cut else period.end_exclusive
    if start < end:
        return {"from": start, "to_exclusive": end}
    if span.cut:
        raise NotSealedYetError(f"no signed digest reaches beyond {start}")
    raise EarlierEpochError(f"the log begins at {begins}, behind all of the range")


def _overlap(simulated: Mapping[str, str] | None, resolved: Mapping[str, str]) -> Mapping[str, str] | None:
    """Give the simulated interval where the range has part of it: elsewhere there is nothing to say."""
    within = simulated and simulated["from"] < resolved["to_exclusive"] and resolved["from"] < simulated["to"]
    return simulated if within else None


def enclose(period: Period, digests: Sequence[Mapping[str, Any]]) -> Span:
    """Choose the digests around a range.

    The opening one is the last whose whole tree is older than the range; the closing one is the first under whose
    watermark the range ends. Where none reaches that far, the range is cut at the last watermark.
    """
    opening: Row | None = None
    for digest in digests:
        if digest["time_max"] is not None and digest["time_max"] >= period.start:
            break
        opening = dict(digest)
    from_number = opening["no"] if opening else 0
    candidates = [dict(digest) for digest in digests if digest["no"] >= from_number]
    for digest in candidates:
        if digest["watermark"] >= period.end_exclusive:
            return Span(opening, digest, cut=False)
    if not candidates or candidates[-1]["watermark"] <= period.start:
        raise NotSealedYetError(f"no signed digest reaches beyond {period.start}")
    return Span(opening, candidates[-1], cut=True)


def shards_for(events: int) -> int:
    """Say into how many shards so many events are worth dividing."""
    return min(MAX_SHARDS, max(1, -(-events // EVENTS_PER_SHARD)))


def divide(count: int, shards: int) -> list[tuple[int, int]]:
    """Split `range(count)` into at most `shards` half-open runs whose lengths differ by one at most."""
    number = min(count, shards)
    bounds = [count * index // number for index in range(number + 1)] if number else []
    return list(itertools.pairwise(bounds))
