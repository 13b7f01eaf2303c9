"""`evidence_calendar`: what the calendar has asked for, found and told; the log holds what it told.

Rows that belong to a period begin with the date of its last day, so that a range of dates is one query.

| `slot` | what it holds |
| --- | --- |
| `<last day>#day` | one sealed day: `counts` of what is watched, `digests` that prove them, `attested` reviews |
| `<last day>#<obligation>` | what became of it: `collected_at`, `on_time` and what was found; `missed_at`; `failed` |
| `<last day>#<obligation>#waiver` | `by`, `at`, `until`, `event_id`, and `entry`: the reason, sealed as in the event |
| `<last day>#ask#<cadence>` | the bundle that was asked for: `export_id`, `asked_at`, `attempts` |
| `spent#<event>` | the attestation of that id has served: `answer` is the slot that it answers |
| `progress` | `begun_at`, `looked_from`, `attested` reviews with their days, and the canary of the day |

An answer to an obligation and a bundle that is asked for are parts of commits, under the condition that nobody else was
faster. A day and `failed` are notes of what the sealed log and the exports say, and can be made anew.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from shared.domain.evidence_calendar import Cadence, Collected, Known, Obligation, Period
from shared.store.attribute import Row
from shared.store.condition import absent, between, equals
from shared.store.item import Item, check, get, put, query, update, write
from shared.store.wire import JsonService

PROGRESS: Final = "progress"
_BEHIND: Final = "~"  # behind every character of a slot


def slot_key(tenant: str, slot: str) -> dict[str, str]:
    return {"tenant": tenant, "slot": slot}


def day_slot(day: date) -> str:
    return f"{day}#day"


def answer_slot(obligation: Obligation, period: Period) -> str:
    return f"{period.last}#{obligation.id}"


def waiver_slot(obligation: Obligation, period: Period) -> str:
    return f"{answer_slot(obligation, period)}#waiver"


def ask_slot(cadence: Cadence, period: Period) -> str:
    return f"{period.last}#ask#{cadence}"


def spent_slot(event_id: str) -> str:
    return f"spent#{event_id}"


def slots_of(dynamodb: JsonService, table: str, tenant: str, first: date, last: date) -> dict[str, Row]:
    """Read all rows of the periods whose last day lies in a range, by their slots."""
    found = query(dynamodb, table, equals("tenant", tenant), between("slot", str(first), f"{last}{_BEHIND}"))
    return {row["slot"]: row for row in found}


def read_slot(dynamodb: JsonService, table: str, tenant: str, slot: str) -> Row | None:
    return get(dynamodb, table, slot_key(tenant, slot))


def known_of(rows: Mapping[str, Row], obligation: Obligation, period: Period) -> Known:
    """Tell what the rows know of an obligation in one period."""
    answer = rows.get(answer_slot(obligation, period), {})
    waiver = rows.get(waiver_slot(obligation, period))
    collected = None
    if "collected_at" in answer:
        collected = Collected(instant(answer["collected_at"]), answer["on_time"])
    return Known(collected, None if waiver is None else instant(waiver["until"]), "failed" in answer)


def instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def begun(dynamodb: JsonService, table: str, tenant: str, at: int, looked_from: date) -> Row:
    """Begin a tenant's calendar; gives the row that is there now, whoever began it."""
    row = {**slot_key(tenant, PROGRESS), "begun_at": at, "looked_from": str(looked_from)}
    if write(dynamodb, put(table, row, absent("tenant"))):
        return row
    found = read_slot(dynamodb, table, tenant, PROGRESS)
    if found is None:
        raise RuntimeError(f"the calendar of {tenant} is gone")
    return found


def canary_sent(table: str, progress: Row, day: str, at: int) -> Item:
    """Note the canary of a day (label "progress"); refuted when another run sent one."""
    before = progress.get("canary_day")
    unsent = absent("canary_day") if before is None else equals("canary_day", before)
    changes = {"canary_day": day, "canary_at": at}
    key = slot_key(progress["tenant"], PROGRESS)
    return update(table, key, unsent, set_=changes, remove=("canary_sealed",), label="progress")


def note_progress(dynamodb: JsonService, table: str, progress: Row, changes: Mapping[str, Any]) -> None:
    """Note how far the calendar is, if nobody else has begun the next day meanwhile."""
    still = equals("canary_day", progress["canary_day"])
    write(dynamodb, update(table, slot_key(progress["tenant"], PROGRESS), still, set_=changes))


class DayProof(NamedTuple):
    """The digests that speak of a day, and its attestations: `event_id`, `scope` and `taken_at` of the snapshot."""

    digests: tuple[int, int]
    attested: Sequence[Mapping[str, str]]


def note_day(
    dynamodb: JsonService, table: str, tenant: str, day: date, counts: Mapping[str, int], proof: DayProof
) -> Row:
    found = {"digests": list(proof.digests), "attested": [dict(each) for each in proof.attested]}
    row = {**slot_key(tenant, day_slot(day)), "counts": dict(counts), **found}
    dynamodb.call("PutItem", dict(put(table, row).request))
    return row


def note_failed(dynamodb: JsonService, table: str, tenant: str, slot: str, why: str) -> None:
    """Note that the last attempt was in vain, unless it was collected meanwhile."""
    write(dynamodb, update(table, slot_key(tenant, slot), absent("collected_at"), set_={"failed": why}))


def collected_item(table: str, tenant: str, slot: str, found: Mapping[str, Any]) -> Item:
    """Answer an obligation (label: its slot); refuted when it was collected before."""
    return update(table, slot_key(tenant, slot), absent("collected_at"), set_=found, remove=("failed",), label=slot)


def spent_item(table: str, tenant: str, event_id: str, slot: str) -> Item:
    """Claim an attestation for the answer in `slot` (label "spent"); refuted when it serves another one."""
    row = {**slot_key(tenant, spent_slot(event_id)), "answer": slot}
    return put(table, row, absent("tenant"), label="spent")


def missed_item(table: str, tenant: str, slot: str, at: int) -> Item:
    """Say that an obligation was missed, once, and not of one that was collected (label: its slot)."""
    clauses = absent("collected_at"), absent("missed_at")
    return update(table, slot_key(tenant, slot), *clauses, set_={"missed_at": at}, label=slot)


def unwaived_item(table: str, tenant: str, slot: str, waiver: Row | None) -> Item:
    """Check that the waiver of a slot is as it was read (label: the slot of the waiver)."""
    as_read = absent("tenant") if waiver is None else equals("event_id", waiver["event_id"])
    return check(table, slot_key(tenant, slot), as_read, label=slot)


def asked_item(table: str, tenant: str, slot: str, export_id: str, at: int, before: Row | None) -> Item:
    """Ask for a bundle (label "ask") in the place of one that failed; refuted when another run was faster."""
    row = {**slot_key(tenant, slot), "export_id": export_id, "asked_at": at, "attempts": 1}
    if before is None:
        return put(table, row, absent("tenant"), label="ask")
    row["attempts"] = before["attempts"] + 1
    return put(table, row, equals("export_id", before["export_id"]), label="ask")


def waived_items(
    table: str, tenant: str, slots: tuple[str, str], waiver: Mapping[str, Any], before: Row | None
) -> tuple[Item, Item]:
    """Waive what was not collected; `slots` are those of the answer ("answer") and of the waiver ("waiver")."""
    as_read = absent("tenant") if before is None else equals("event_id", before["event_id"])
    answer, slot = slots
    return (
        check(table, slot_key(tenant, answer), absent("collected_at"), label="answer"),
        put(table, {**slot_key(tenant, slot), **waiver}, as_read, label="waiver"),
    )
