"""GET /api/compliance/access-list: who has administrative access at this moment, or any.

1. Admit; 2. read what is asked; 3. read everybody; 4. tell of each what a review's snapshot would hold, and name him to
those alone who may see the people of the tenant (STAFF_VIEW): an auditor gets ids, as in the evidence.
"""

from dataclasses import dataclass
from typing import Any, Final

from functions.access_reviews.population import Population
from shared.audit.canonical import Json
from shared.audit.moment import rfc3339
from shared.domain.access_review import ADMINISTRATORS, in_scope
from shared.domain.permission import STAFF_VIEW, holds
from shared.edge.guard import Guard
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply, text_reply
from shared.edge.request import Request
from shared.evidence.access_list import COLUMNS, csv
from shared.evidence.csv_rows import CONTENT_TYPE

ALL: Final = "all"
FORMATS: Final = ("json", "csv")


@dataclass(frozen=True, slots=True)
class AccessList:
    guard: Guard
    population: Population

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        acting = self.guard.admit(request).acting
        # 2. What is asked.
        scope = chosen(request, "scope", (ADMINISTRATORS, ALL))
        form = chosen(request, "format", FORMATS)
        if faults := unknown_parameters(request.query, ("scope", "format")):
            raise invalid_request(faults)
        # 3. Everybody.
        everybody = self.population.everybody(acting.tenant)
        if scope == ADMINISTRATORS:
            everybody = [one for one in everybody if in_scope(scope, one.gate.status, one.gate.role)]
        people: list[dict[str, Json]] = self.population.documents(acting.tenant, everybody, request.now)
        # 4. Tell.
        columns: tuple[str, ...] = COLUMNS
        if holds(acting.role, STAFF_VIEW):
            columns = (*COLUMNS, "name", "email")
            people = [
                {**one, "name": holder.name, "email": holder.email}
                for one, holder in zip(people, everybody, strict=True)
            ]
        told: dict[str, Any] = {"scope": scope, "as_of": rfc3339(request.now), "total": len(people)}
        return json_reply(200, {**told, "people": people}) if form == "json" else _as_csv(columns, people, told)


def _as_csv(columns: tuple[str, ...], people: list[dict[str, Json]], told: dict[str, Any]) -> Reply:
    headers = {"X-Total-Count": str(told["total"]), "X-As-Of": told["as_of"]}
    return text_reply(200, csv(columns, people)[0].decode(), CONTENT_TYPE, headers)


def chosen(request: Request, name: str, choices: tuple[str, ...]) -> str:
    """Read a parameter, the first of its `choices` where it is not given; raises `Refused` (400)."""
    value = request.query.get(name, choices[0])
    if value not in choices:
        raise invalid_request([(f"/{name}", f"This must be one of {', '.join(choices)}.")])
    return value
