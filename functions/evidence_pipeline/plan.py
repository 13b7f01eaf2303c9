"""Step 1, plan: which part of the log answers the request, between which signed digests, and in how many shards.

Everything goes into the working folder, and each later step reads its own part of it: a worker its shard's segments,
nobody all of them. The state machine carries ids, a number and a key, however long the log is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from functions.evidence_pipeline.access_list_file import captured
from functions.evidence_pipeline.document_file import capture
from functions.evidence_pipeline.settings import PlanSettings
from shared.audit.epoch import FIRST_EPOCH, begins_behind
from shared.audit.moment import rfc3339
from shared.evidence.period import Period, period_of
from shared.evidence.s3_archive import Workbench
from shared.evidence.segment import unpack
from shared.evidence.vault import LockedBucket
from shared.store.access import AccessTables
from shared.store.attribute import Row
from shared.store.exports import BUNDLE_DEADLINE_SECONDS, Progress, extend_deadline, get_export
from shared.store.seal_search import SealSearch
from shared.store.tenants import get_tenant
from shared.store.wire import Clock, JsonService

PLAN = "plan.json"
DIGESTS = "digests.json"
SHARDS = "shards.json"  # what a Distributed Map reads its items from
EVENTS_PER_SHARD = 1_000_000  # about half a minute of one worker; less is not worth starting another (ADR 0032)
MAX_SHARDS = 1_000
_LATER_DIGESTS = 256  # ten days of them: the first anchor behind the range is over one of these, or of none before it
_OF_A_SEGMENT = ("no", "key", "version_id", "sha256_gz", "bytes", "events", "index", "lanes")


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

    @property
    def events(self) -> int:
        """Count what was sealed between the two."""
        size: int = self.closing["tree_size"] - (self.opening["tree_size"] if self.opening else 0)
        return size


class SignedDigests(Protocol):
    """The digests of a log by number, as `SealSearch` finds them."""

    def last_digest(self) -> Row | None: ...

    def digest(self, number: int) -> Row: ...

    def first_digest(self, last: Row, holds: Callable[[Row], bool]) -> Row | None: ...


@dataclass(frozen=True, slots=True)
class Planner:
    dynamodb: JsonService
    vault: LockedBucket
    workbench: Workbench
    settings: PlanSettings
    clock: Clock

    def plan(self, tenant: str, export_id: str) -> dict[str, Any]:
        """Give the state of the next step: `{tenant, export_id, shards, list}`, a number and a key.

        Raises `NotSealedYetError` while no digest covers any of the range, `EarlierEpochError` when none ever will.
        """
        # 1. The request, as it was committed with DATA_EXPORT_STARTED.
        export = get_export(self.dynamodb, self.settings.exports_table, tenant, export_id)
        if export is None:
            raise RuntimeError(f"export {export_id} of {tenant} does not exist")
        # It has begun: from now on it has the time of the state machine. One that has ended is not begun.
        until = int(self.clock()) + BUNDLE_DEADLINE_SECONDS
        extend_deadline(self.dynamodb, self.settings.exports_table, tenant, export_id, until, export["progress"])
        asked = export["requested"]
        # Judged at the time of the request: what was accepted then is not refused by another clock.
        period = period_of(asked["from"], asked["to"], asked["tz"], export["created_at"])
        # 2. The signed digests around it, and what proves the tree between them.
        seals = SealSearch(self.dynamodb, self.settings.audit_seals_table, tenant, self.settings.log_epoch)
        span = enclose(period, seals)
        begins = None if span.opening and span.opening["tree_size"] else self._log_begins(seals)
        document = self._document(export, period, span, begins)
        self._write(DIGESTS, _digests(seals, span))
        # 3. The segments between them, each shard's in a file of its own.
        first = span.opening["segment"] if span.opening else 0
        document["frontier"] = seals.segment(first)["after"]["frontier"] if first else []
        document["shards"] = self._shards(seals.segments_within(first + 1, span.closing["segment"]), span.events)
        # 4. Write it down, tell the one who waits, hand on ids.
        self._write(SHARDS, [{"shard": shard} for shard in range(document["shards"])])
        document["access_list"] = self._access_list(tenant)
        self._write(PLAN, document)
        Progress(self.dynamodb, self.settings.exports_table, tenant, export_id).begin("render", span.events)
        where = {"shards": document["shards"], "list": self.workbench.key(SHARDS)}
        return {"tenant": tenant, "export_id": export_id, **where}

    def _access_list(self, tenant: str) -> dict[str, Any]:
        tables = AccessTables(self.settings.tenant_staff_table, self.settings.user_sessions_table)
        return captured(self.dynamodb, tables, tenant, self.clock())

    def _shards(self, segments: Iterable[Row], events: int) -> int:
        """Write the segments of each shard; gives the number of shards."""
        shard = 0
        for shard, run in enumerate(divide(segments, events, shards_for(events))):
            slim = [{name: segment[name] for name in _OF_A_SEGMENT} for segment in run]
            self._write(segments_name(shard), slim)
        return shard + 1

    def _write(self, name: str, document: object) -> None:
        self.workbench.write(name, json.dumps(document).encode())

    def _log_begins(self, seals: SealSearch) -> str | None:
        """Read when a log that was started again begins; None where nothing of the tenant is in an earlier epoch."""
        if seals.epoch == FIRST_EPOCH:
            return None
        if not seals.head().segment:
            raise NotSealedYetError(f"no event of epoch {seals.epoch} is sealed")
        first = seals.segment(1)
        return begins_behind(next(unpack(self.vault.read(first["key"], first["version_id"]))).members)

    def _document(self, export: Row, period: Period, span: Span, begins: str | None) -> dict[str, Any]:
        tenant = get_tenant(self.dynamodb, self.settings.tenants_table, export["tenant"])
        if tenant is None:
            raise RuntimeError(f"tenant {export['tenant']} does not exist")
        resolved = resolve(period, span, begins)
        cut_start = resolved["from"] != period.start
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
            "closing": span.closing,
            "generated_at": rfc3339(self.clock()),
            "documents": capture(self.workbench, tenant, self.settings, self.clock()),
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


def enclose(period: Period, digests: SignedDigests) -> Span:
    """Choose the digests around a range.

    The opening one is the last whose whole tree is older than the range; the closing one is the first from there on
    under whose watermark the range ends. Where none reaches that far, the range is cut at the last watermark.
    """
    last = digests.last_digest()
    if last is None:
        raise NotSealedYetError("no digest is signed")
    inside = digests.first_digest(last, lambda row: row["time_max"] is not None and row["time_max"] >= period.start)
    number = (inside or {"no": last["no"] + 1})["no"] - 1
    opening = digests.digest(number) if number else None
    closing = digests.first_digest(last, lambda row: row["watermark"] >= period.end_exclusive)
    if closing is not None:
        behind = opening if opening and opening["no"] > closing["no"] else closing
        return Span(opening, behind, cut=False)
    if last["watermark"] <= period.start:
        raise NotSealedYetError(f"no signed digest reaches beyond {period.start}")
    return Span(opening, last, cut=True)


def shards_for(events: int) -> int:
    """Say into how many shards so many events are worth dividing."""
    return min(MAX_SHARDS, max(1, -(-events // EVENTS_PER_SHARD)))


def divide(segments: Iterable[Row], events: int, shards: int) -> Iterator[list[Row]]:
    """Cut segments of so many events together into at most `shards` runs of about equal numbers of events.

    Only one run is held at a time. There is always a first one, which is empty when there are no segments.
    """
    run, seen, cut = list[Row](), 0, 1
    for segment in segments:
        run.append(segment)
        seen += segment["events"]
        if seen * shards >= events * cut:
            yield run
            run, cut = [], seen * shards // events + 1
    if run or cut == 1:
        yield run


def segments_name(shard: int) -> str:
    return f"segments-{shard:05d}.json"


def _digests(seals: SealSearch, span: Span) -> dict[str, Any]:
    """Give the digests that prove the range, and the tree heads behind it: its last anchor may be over one of them."""
    opening, closing = span.opening["no"] if span.opening else 1, span.closing["no"]
    last = seals.last_digest() or span.closing
    later = seals.digests_within(closing + 1, min(last["no"], closing + _LATER_DIGESTS))
    return {
        "digests": list(seals.digests_within(opening, closing)),
        "later_heads": [(row["tree_size"], row["root"]) for row in later],
    }
