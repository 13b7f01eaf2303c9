"""What the calendar tells the log, and the rows that go with it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from functions.evidence_collection.bundles import ACTOR
from functions.evidence_collection.finding import Found
from functions.evidence_collection.look import Run
from shared.audit.event import Draft, Outcome, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.domain.evidence_calendar import CANARY, Obligation, Period
from shared.store.evidence_calendar import (
    answer_slot,
    collected_item,
    missed_item,
    spent_item,
    unwaived_item,
    waiver_slot,
)
from shared.store.item import Item

NOT_COLLECTED = "NOT_COLLECTED"


class Told(NamedTuple):
    """An answer that is about to be committed; `row` is what its slot then holds."""

    slot: str
    waiver: str
    event: Draft
    row: Mapping[str, Any]

    @property
    def collected(self) -> bool:
        return "collected_at" in self.row


def canary(tenant: str, day: str, run_id: str, now: float) -> Draft:
    return Draft(
        event_id=new_event_id(now),
        action=CANARY,
        outcome="success",
        actor=ACTOR,
        resource=f"audit_log/{tenant}",
        context=system_context("schedule", run_id),
        meta={"day": day},
    )


def told_collected(run: Run, obligation: Obligation, period: Period, found: Found, *, on_time: bool) -> Told:
    facts: dict[str, Any] = {"on_time": on_time, "population": found.population, "digest_range": list(found.digests)}
    facts |= found.named
    meta = {**facts, "zero_population": found.population == 0}
    row = {**facts, "collected_at": int(run.now)}
    return _told(run, obligation, period, ("EVIDENCE_COLLECTED", "success", None), meta, row)


def told_missed(run: Run, obligation: Obligation, period: Period, why: str | None) -> Told:
    reason = why or NOT_COLLECTED
    return _told(run, obligation, period, ("EVIDENCE_MISSED", "failure", reason), {}, {"missed_at": int(run.now)})


def items_of(table: str, run: Run, told: Told) -> list[Item]:
    """Give the row of an answer; of a review the claim on its attestation, of what was missed that no waiver came."""
    if told.collected:
        items = [collected_item(table, run.tenant, told.slot, told.row)]
        if "attested_event" in told.row:
            items.append(spent_item(table, run.tenant, told.row["attested_event"], told.slot))
        return items
    waiver = unwaived_item(table, run.tenant, told.waiver, run.rows.get(told.waiver))
    return [missed_item(table, run.tenant, told.slot, told.row["missed_at"]), waiver]


def _told(
    run: Run,
    obligation: Obligation,
    period: Period,
    said: tuple[str, Outcome, str | None],
    meta: Mapping[str, Any],
    row: Mapping[str, Any],
) -> Told:
    action, outcome, reason = said
    event = Draft(
        event_id=new_event_id(run.now),
        action=action,
        outcome=outcome,
        reason=reason,
        actor=ACTOR,
        resource=f"evidence_calendar/{obligation.id}/{period.first}",
        context=system_context("schedule", run.run_id),
        meta={
            "obligation": obligation.id,
            "period": {"from": str(period.first), "to": str(period.last)},
            "due": rfc3339(obligation.due(period).timestamp()),
            **meta,
        },
    )
    return Told(answer_slot(obligation, period), waiver_slot(obligation, period), event, row)
