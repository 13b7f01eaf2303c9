"""A review as it is told: the snapshot as it was hashed, the decisions, and who got access since.

Rules of this module
- Nobody is named but by the staff id, so that the hash over the snapshot can be made again even of the erased.
- Why something was decided is no part of any hash: it is overwritten when the person is erased.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from shared.audit.canonical import Json, canonical
from shared.audit.moment import rfc3339
from shared.store.access_reviews import OPEN
from shared.store.attribute import Row

DECISION_COLUMNS: Final = (
    "decision",
    "result",
    "role_before",
    "role_after",
    "status_after",
    "decided_by",
    "decided_at",
    "late",
    "seconds",
    "event_id",
    "events",
    "reason",
)


def sha256_of(document: Json) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()


def snapshot(
    tenant: str, review_id: str, scope: str, taken_at: int, people: Sequence[Mapping[str, Json]]
) -> dict[str, Json]:
    """Give the document whose canonical SHA-256 stands in ACCESS_REVIEW_CREATED."""
    return {
        "type": "access-review-snapshot",
        "v": 1,
        "tenant": tenant,
        "review_id": review_id,
        "scope": scope,
        "taken_at": rfc3339(taken_at),
        "population": len(people),
        "people": list(people),
    }


def snapshot_of(row: Row, items: Iterable[Row]) -> dict[str, Json]:
    """Give the same document by the rows."""
    people = [item["person"] for item in items]
    return snapshot(row["tenant"], row["review_id"], row["scope"], row["created_at"], people)


def decisions_of(items: Iterable[Row]) -> list[dict[str, Json]]:
    """Write the decisions in the order of the staff ids, with the reasons."""
    return [_decision(item["person"]["staff_id"], item["decision"]) for item in items if "decision" in item]


def decisions_sha256(decisions: Sequence[Mapping[str, Json]]) -> str:
    """Hash what was decided, but for the reasons."""
    return sha256_of([{name: one[name] for name in one if name != "reason"} for one in decisions])


def _decision(staff_id: str, told: Mapping[str, Any]) -> dict[str, Json]:
    return {
        "staff_id": staff_id,
        **{name: told[name] for name in ("decision", "result", "role_before", "role_after", "status_after")},
        "decided_by": told["by"],
        "decided_at": rfc3339(told["at"]),
        "late": told["late"],
        "seconds": told["seconds"],
        "event_id": told["event_id"],
        "events": list(told["events"]),
        "reason": told.get("reason"),
    }


def review_document(row: Row, now: float) -> dict[str, Any]:
    """Write what a list tells of a review."""
    attested = row.get("attested_at")
    return {
        "review_id": row["review_id"],
        "status": row["status"],
        "scope": row["scope"],
        "reviewers": row["reviewers"],
        "due": row["due"],
        "overdue": row["status"] == OPEN and now >= row["due_at"],
        "created_at": rfc3339(row["created_at"]),
        "created_by": row["created_by"],
        "created_event": row["created_event"],
        "population": row["population"],
        "decided": row["decided"],
        "snapshot_sha256": row["snapshot_sha256"],
        "decisions_sha256": row.get("decisions_sha256"),
        "attested_at": None if attested is None else rfc3339(attested),
        "attested_by": row.get("attested_by"),
        "attested_event": row.get("attested_event"),
    }


def whole_document(row: Row, items: Sequence[Row], delta: Sequence[Mapping[str, Json]], now: float) -> dict[str, Any]:
    """Write all of a review; `delta` is who has access of its scope that nobody has seen."""
    return {
        "type": "access-review",
        "v": 1,
        "review": review_document(row, now),
        "snapshot": snapshot_of(row, items),
        "decisions": decisions_of(items),
        "delta": list(delta),
    }
