"""POST /api/compliance/access-reviews: an immutable snapshot of who has access.

1. Admit, with a fresh proof; 2. read what is asked; 3. read everybody, whole or not at all; 4. refuse reviewers who
could not decide; 5. write the people, then 6. commit the review, which alone makes them a snapshot, with its event;
7. answer.

Whoever gets access while everybody is read is in the snapshot or in the review's `delta`, which compares with what is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from functions.access_reviews.document import review_document, sha256_of, snapshot
from functions.access_reviews.population import Population
from functions.access_reviews.record import Chronicler
from shared.audit.event import new_event_id
from shared.domain.access_review import due_at, in_scope, unreviewable
from shared.domain.permission import STAFF_MANAGE, holds
from shared.domain.session import ACTIVE
from shared.edge.access_review_bodies import ACCESS_REVIEW
from shared.edge.bodies import IDENTIFIER
from shared.edge.fields import read_body
from shared.edge.guard import Guard
from shared.edge.problem import Refused, invalid_request, invalid_token
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.access import Holder
from shared.store.access_reviews import Review, begun, review_row, write_people
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService

MAX_REVIEWERS: Final = 20
_STAFF_ID: Final = re.compile(IDENTIFIER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    dynamodb: JsonService
    table: str
    ledger: Ledger
    guard: Guard
    population: Population
    chronicler: Chronicler

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        tenant, now = principal.acting.tenant, int(request.now)
        # 2. What is asked.
        asked = read_body(request, ACCESS_REVIEW)
        reviewers, until = _reviewers(asked["reviewers"]), _until(asked["due"], request.now)
        # 3. Everybody.
        everybody = self.population.everybody(tenant)
        reviewed = [one for one in everybody if in_scope(asked["scope"], one.gate.status, one.gate.role)]
        # 4. The reviewers.
        _refuse_powerless(reviewers, everybody, {one.staff_id: one.gate.role for one in reviewed})
        people = self.population.documents(tenant, reviewed, request.now)
        # 5. The people.
        review_id, event_id = new_event_id(request.now), new_event_id(request.now)
        write_people(self.dynamodb, self.table, tenant, review_id, people)
        # 6. The review.
        review = Review(
            tenant=tenant,
            review_id=review_id,
            scope=asked["scope"],
            reviewers=reviewers,
            due=asked["due"],
            due_at=until,
            created_at=now,
            created_by=principal.acting.staff_id,
            created_event=event_id,
            population=len(people),
            snapshot_sha256=sha256_of(snapshot(tenant, review_id, asked["scope"], now, people)),
        )
        event = self.chronicler.created(request, principal, event_id, review_id, _told(review))
        outcome = self.ledger.commit(tenant, [begun(self.table, review)], [event], acting=principal.acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()  # the id is new, so it is the standing of whoever asks that failed
        # 7. Answer.
        return json_reply(201, review_document(review_row(review), request.now))


def _told(review: Review) -> dict[str, Any]:
    return {
        "scope": review.scope,
        "reviewers": list(review.reviewers),
        "due": review.due,
        "population": review.population,
        "snapshot_sha256": review.snapshot_sha256,
    }


def _reviewers(asked: Sequence[str]) -> tuple[str, ...]:
    sound = all(_STAFF_ID.fullmatch(one) for one in asked)
    if not sound or not 1 <= len(asked) <= MAX_REVIEWERS or len(set(asked)) < len(asked):
        raise invalid_request([("/reviewers", f"These are 1 to {MAX_REVIEWERS} staff ids, each of them once.")])
    return tuple(asked)


def _until(day: str, now: float) -> int:
    until = due_at(day, now)
    if until is None:
        raise invalid_request([("/due", "This is a day from today on, a year ahead at most.")])
    return until


def _refuse_powerless(reviewers: Sequence[str], everybody: Sequence[Holder], population: Mapping[str, str]) -> None:
    """Refuse who is nobody of the tenant (404) or could decide nothing, and who leaves somebody undecided (400)."""
    known: Mapping[str, Holder] = {one.staff_id: one for one in everybody}
    if not set(reviewers) <= set(known):
        raise Refused(404, "not_found", "Nobody of your tenant has this id.")
    faults = [
        (f"/reviewers/{number}", "A reviewer is an active person whose role may change roles.")
        for number, one in enumerate(reviewers)
        if known[one].gate.status != ACTIVE or not holds(known[one].gate.role, STAFF_MANAGE)
    ]
    if left := unreviewable(population, {one: known[one].gate.role for one in reviewers}):
        detail = f"Nobody reviews himself, or more than he holds: name another reviewer, {len(left)} would have none."
        faults.append(("/reviewers", detail))
    if faults:
        raise invalid_request(faults)
