"""The calendar as the API shows it: an item for each obligation and period, and how many there are of each status."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from shared.audit.moment import rfc3339
from shared.domain.evidence_calendar import (
    COLLECTED,
    COLLECTED_LATE,
    FAILED,
    MISSED,
    NOT_APPLICABLE,
    OPEN,
    UPCOMING,
    WAIVED,
    Obligation,
    Period,
    coverage,
    schedule,
    status_of,
    why_not_applicable,
)
from shared.store.attribute import Row
from shared.store.evidence_calendar import answer_slot, known_of, waiver_slot

_MODES: Final = {"review": "attested"}
_COUNTED: Final = {
    "collected": COLLECTED,
    "late": COLLECTED_LATE,
    "missed": MISSED,
    "failed": FAILED,
    "open": OPEN,
    "upcoming": UPCOMING,
    "waived": WAIVED,
    "not_applicable": NOT_APPLICABLE,
}


class Kept(NamedTuple):
    """How far a tenant's calendar and log reach.

    `since` is the first whole day of the calendar, `simulated` the days of one that was kept before it, and `verified`
    the last digest that was verified.
    """

    since: date
    simulated: Period | None
    verified: int


def items_of(rows: Mapping[str, Row], first: date, last: date, kept: Kept, now: datetime) -> list[dict[str, Any]]:
    """Show a range."""
    return [
        {**_described(obligation, period), **_answered(rows, obligation, period, kept.verified)}
        | _standing(rows, obligation, period, kept, now)
        for obligation, period in schedule(first, last)
    ]


def _standing(
    rows: Mapping[str, Row], obligation: Obligation, period: Period, kept: Kept, now: datetime
) -> dict[str, Any]:
    status = status_of(obligation, period, kept.since, known_of(rows, obligation, period), now)
    if status != NOT_APPLICABLE:
        return {"status": status}
    return {"status": status, "reason": why_not_applicable(period, kept.simulated)}


def summary_of(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count the items by their status; `expected` are all that apply.

    What was waived when it had been missed is among the waived, and lowers the coverage like what is missed.
    """
    statuses = [item["status"] for item in items]
    counts = Counter(statuses)
    return {
        "expected": len(statuses) - counts[NOT_APPLICABLE],
        **{name: counts[status] for name, status in _COUNTED.items()},
        "waived_after_missed": sum(_too_late(item) for item in items),
        "coverage_pct": coverage(MISSED if _too_late(item) else item["status"] for item in items),
    }


def waiver_document(row: Row, reason: str) -> dict[str, Any]:
    instants = {name: rfc3339(row[name]) for name in ("at", "until")}
    return {"by": row["by"], **instants, "reason": reason, "after_missed": row["after_missed"]}


def _too_late(item: Mapping[str, Any]) -> bool:
    """Tell whether an item is excused by a waiver that came when it had been missed."""
    waived = item["status"] == WAIVED
    return waived and (item["missed_at"] is not None or item["waiver"]["after_missed"])


def waivers_in(rows: Mapping[str, Row], first: date, last: date) -> dict[tuple[str, str], Row]:
    """Find the waivers of a range, by obligation and first day of the period."""
    found = ((each, period, rows.get(waiver_slot(each, period))) for each, period in schedule(first, last))
    return {(each.id, str(period.first)): row for each, period, row in found if row is not None}


def _described(obligation: Obligation, period: Period) -> dict[str, Any]:
    return {
        "obligation": obligation.id,
        "title": obligation.title,
        "section": obligation.section,
        "tsc": list(obligation.tsc),
        "cadence": obligation.cadence,
        "period": {"from": str(period.first), "to": str(period.last)},
        "due": rfc3339(obligation.due(period).timestamp()),
        "mode": _MODES.get(obligation.proof, "automatic"),
    }


def _answered(rows: Mapping[str, Row], obligation: Obligation, period: Period, verified: int) -> dict[str, Any]:
    row = rows.get(answer_slot(obligation, period), {})
    collected, missed, digests = row.get("collected_at"), row.get("missed_at"), row.get("digest_range")
    return {
        "collected_at": None if collected is None else rfc3339(collected),
        "missed_at": None if missed is None else rfc3339(missed),
        "on_time": row.get("on_time"),
        "export_id": row.get("export_id"),
        "sha256": row.get("manifest_sha256"),
        "population": row.get("population"),
        "zero_population": None if collected is None else row["population"] == 0,
        "digest_range": digests,
        "integrity": None if digests is None else ("verified" if digests[1] <= verified else "pending"),
        "reviewed_at": row.get("attested_on"),
        "attested_event": row.get("attested_event"),
        "snapshot_taken_at": row.get("snapshot_taken_at"),
        "cut_start": row.get("cut_start"),
        "resolved": row.get("resolved"),
        "failure": row.get("failed"),
        "waiver": None,
    }
