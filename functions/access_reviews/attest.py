"""POST /api/compliance/access-reviews/{review_id}/attest: a reviewer closes a review, for good.

1. Admit, with a fresh proof; 2. read the review, and refuse whoever is none of its reviewers; 3. read its people: all
are decided, and the snapshot is the one that was hashed; 4. read who got access since; 5. commit, held to OPEN and to
the number of decisions, with the event that carries the hashes; 6. answer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any

from functions.access_reviews.decide import refuse_strangers
from functions.access_reviews.document import decisions_of, decisions_sha256, review_document, sha256_of, snapshot_of
from functions.access_reviews.population import Delta, Population
from functions.access_reviews.reading import review_at
from functions.access_reviews.record import Chronicler
from shared.audit.canonical import Json
from shared.audit.event import new_event_id
from shared.audit.moment import rfc3339
from shared.edge.fields import Body, read_body
from shared.edge.guard import Guard, died
from shared.edge.problem import Refused, invalid_token
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.access_reviews import ATTESTED, OPEN, attested, items_of
from shared.store.attribute import Row
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True, kw_only=True)
class Attest:
    dynamodb: JsonService
    table: str
    ledger: Ledger
    guard: Guard
    population: Population
    chronicler: Chronicler

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        read_body(request, Body())
        tenant = principal.acting.tenant
        # 2. The review.
        row = review_at(self.dynamodb, self.table, tenant, request)
        refuse_strangers(self.guard, request, principal, row)
        _refuse_unfinished(row)
        # 3. Its people.
        review_id = row["review_id"]
        items = items_of(self.dynamodb, self.table, tenant, review_id)
        decisions = _whole(row, items)
        # 4. Who got access since.
        delta = self.population.delta(tenant, row["scope"], items, request.now)
        # 5. Commit.
        event_id = new_event_id(request.now)
        told = {
            "attested_at": int(request.now),
            "attested_by": principal.acting.staff_id,
            "attested_event": event_id,
            "decisions_sha256": decisions_sha256(decisions),
            "delta": delta.people,
            "delta_total": delta.total,
        }
        event = self.chronicler.attested(request, principal, event_id, review_id, _summary(row, decisions, delta))
        item = attested(self.table, tenant, review_id, row["population"], told)
        outcome = self.ledger.commit(tenant, [item], [event], acting=principal.acting)
        if isinstance(outcome, Refuted):
            # All were decided when it was read, and that stays so: it was attested meanwhile, or he is nobody any more.
            raise invalid_token() if died(outcome) else _closed()
        # 6. Answer.
        return json_reply(200, review_document({**row, "status": ATTESTED, **told}, request.now))


def _refuse_unfinished(row: Row) -> None:
    if row["status"] != OPEN:
        raise _closed()
    if row["decided"] != row["population"]:
        left = row["population"] - row["decided"]
        raise Refused(409, "review_incomplete", f"Decide about everybody first: {left} are left.")


def _whole(row: Row, items: Sequence[Row]) -> list[dict[str, Json]]:
    """Give the decisions; raises `RuntimeError` where the rows are not the snapshot that was hashed."""
    if sha256_of(snapshot_of(row, items)) != row["snapshot_sha256"]:
        raise RuntimeError(f"the rows of review {row['review_id']} are not what its snapshot was")
    decisions = decisions_of(items)
    if len(decisions) != len(items):
        raise RuntimeError(f"review {row['review_id']} has {len(decisions)} decisions about {len(items)} people")
    return decisions


def _summary(row: Row, decisions: Sequence[Mapping[str, Any]], delta: Delta) -> dict[str, Json]:
    seconds = [one["seconds"] for one in decisions]
    return {
        "scope": row["scope"],
        "taken_at": rfc3339(row["created_at"]),
        "snapshot_sha256": row["snapshot_sha256"],
        "decisions_sha256": decisions_sha256(decisions),
        "population": row["population"],
        "decided": len(decisions),
        "decisions": dict(Counter(one["decision"] for one in decisions)),
        "results": dict(Counter(one["result"] for one in decisions)),
        "late": sum(one["late"] for one in decisions),
        "seconds_per_decision": {"least": min(seconds), "median": median_low(seconds), "most": max(seconds)},
        "delta": [one["staff_id"] for one in delta.people],
        "delta_total": delta.total,
    }


def _closed() -> Refused:
    return Refused(409, "already_used", "The review has been attested, and stays as it is.")
