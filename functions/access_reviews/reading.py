"""GET /api/compliance/access-reviews, one of them, and one as a file.

1. Admit; 2. read what is asked; 3. read the review and its people; 4. read who got access since, of a review that was
attested as it was told then; 5. tell, and why something was decided to those alone who may see the people of the
tenant (STAFF_VIEW).
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from functions.access_reviews.document import DECISION_COLUMNS, review_document, whole_document
from functions.access_reviews.listing import FORMATS, chosen
from functions.access_reviews.population import Delta, Population
from shared.domain.permission import STAFF_VIEW, holds
from shared.edge.bodies import IDENTIFIER
from shared.edge.guard import Guard
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import Refused, invalid_request
from shared.edge.reply import Reply, json_reply, text_reply
from shared.edge.request import Request
from shared.evidence.access_list import COLUMNS, csv
from shared.evidence.csv_rows import CONTENT_TYPE
from shared.store.access_reviews import OPEN, items_of, read_review, reviews_of
from shared.store.attribute import Row
from shared.store.transaction import Acting
from shared.store.wire import JsonService

MAX_LISTED: Final = 1_000
_ID: Final = re.compile(IDENTIFIER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    dynamodb: JsonService
    table: str
    guard: Guard
    population: Population

    def everything(self, request: Request) -> Reply:
        tenant = self.guard.admit(request).acting.tenant
        _refuse_others(request)
        rows = list(reviews_of(self.dynamodb, self.table, tenant, limit=MAX_LISTED))
        told = [review_document(row, request.now) for row in rows]
        return json_reply(200, {"reviews": told, "truncated": len(rows) == MAX_LISTED})

    def one(self, request: Request) -> Reply:
        # 1. Admit, 2. what is asked.
        acting = self.guard.admit(request).acting
        _refuse_others(request)
        # 3. and 4., 5. Tell.
        return json_reply(200, self._whole(acting, request))

    def export(self, request: Request) -> Reply:
        """Give one row a person: the snapshot's columns, then what was decided about him."""
        # 1. Admit, 2. what is asked.
        acting = self.guard.admit(request).acting
        form = chosen(request, "format", FORMATS)
        _refuse_others(request, "format")
        # 3. and 4.
        document = self._whole(acting, request)
        # 5. Tell.
        population, decisions = document["snapshot"]["population"], document["decisions"]
        headers = {
            "X-Population": str(population),
            "X-Decisions": str(len(decisions)),
            "X-Snapshot-SHA256": document["review"]["snapshot_sha256"],
        }
        if form == "json":
            counts = {"population": population, "decided": len(decisions), "complete": population == len(decisions)}
            return json_reply(200, {**document, "counts": counts}, headers)
        decided = {one["staff_id"]: one for one in decisions}
        rows = [{**one, **decided.get(one["staff_id"], {})} for one in document["snapshot"]["people"]]
        return text_reply(200, csv((*COLUMNS, *DECISION_COLUMNS), rows)[0].decode(), CONTENT_TYPE, headers)

    def _whole(self, acting: Acting, request: Request) -> dict[str, Any]:
        tenant = acting.tenant
        row = review_at(self.dynamodb, self.table, tenant, request)
        items = items_of(self.dynamodb, self.table, tenant, row["review_id"])
        if row["status"] == OPEN:
            delta = self.population.delta(tenant, row["scope"], items, request.now)
        else:
            delta = Delta(row["delta"], row["delta_total"])
        document = {**whole_document(row, items, delta.people, request.now), "delta_total": delta.total}
        if not holds(acting.role, STAFF_VIEW):
            # Why is free text about a person; who decided what is the evidence.
            document["decisions"] = [{**one, "reason": None} for one in document["decisions"]]
        return document


def review_at(dynamodb: JsonService, table: str, tenant: str, request: Request) -> Row:
    """Read the review that the path names (untrusted); raises `Refused` (404) for all that is none of the tenant's."""
    review_id, row = request.path_parameters["review_id"], None
    if _ID.fullmatch(review_id):
        row = read_review(dynamodb, table, tenant, review_id)
    if row is None:
        raise no_review()
    return row


def no_review() -> Refused:
    return Refused(404, "not_found", "There is no such review, or nobody of this id in it.")


def _refuse_others(request: Request, *known: str) -> None:
    if faults := unknown_parameters(request.query, known):
        raise invalid_request(faults)
