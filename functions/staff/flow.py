"""PATCH /api/staff/{staff_id}/role, and POST .../deactivate, /reactivate, /logout and /factors/reset.

1. Admit, with a fresh proof where the route asks for one; 2. read what is asked; 3. read the person; 4. decide, and
refuse what is beyond the authority of whoever asks, on the record; 5. commit the change with its events, the mail and
the event on the bus; 6. answer. Who loses a race is admitted and decided anew: he may not be anybody any more.

Ids of another tenant are nothing here: a person is looked up in the tenant of the token alone, and what is not there
has one answer. Nothing is told of a person to whoever may not act on him but that he is there, which his list says too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from shared.edge.bodies import IDENTIFIER
from shared.edge.fields import Body, read_body
from shared.edge.guard import Guard, Principal
from shared.edge.measure import Already, Decide, Denied, LastOwner, Step
from shared.edge.measure_commit import LEAST_ROUNDS, WITH_CONSEQUENCES, Measures
from shared.edge.problem import Refused
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.store.person import Person, Tables, read_person
from shared.store.tenant_staff import GateRow
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_STAFF_ID: Final = re.compile(IDENTIFIER)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a route does: the body it takes, how it decides, and which members of the gate it answers with."""

    body: Body
    decide: Decide
    told: tuple[str, ...] = ("session_version",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    guard: Guard
    measures: Measures

    def by(self, measure: Measure) -> Callable[[Request], Reply]:
        """Give the flow of a measure."""
        return lambda request: self._carry_out(request, measure)

    def _carry_out(self, request: Request, measure: Measure) -> Reply:
        for number in rounds(at_least=LEAST_ROUNDS):
            # 1. Admit.
            principal = self.guard.admit(request)
            # 2. What is asked.
            asked = read_body(request, measure.body)
            # 3. The person.
            person = person_at(self.dynamodb, self.tables, principal, request)
            # 4. Decide.
            verdict = measure.decide(principal.acting, person, asked)
            if isinstance(verdict, Already | Denied | LastOwner):
                self.measures.refuse(request, principal, person, verdict)
            after = person.gate
            if isinstance(verdict, Step):
                # 5. Commit.
                whole = number < WITH_CONSEQUENCES
                reason = asked.get("reason")
                items, events = self.measures.changes(request, principal, person, verdict, reason, whole=whole)
                outcome = self.ledger.commit(person.tenant, items, events, acting=principal.acting)
                if isinstance(outcome, Refuted):
                    continue
                after = verdict.after
            # 6. Answer.
            return json_reply(200, _told(person, after, measure))
        raise Contended("the rows of the person kept changing")


def person_at(dynamodb: JsonService, tables: Tables, principal: Principal, request: Request) -> Person:
    """Read the person whom the path names (untrusted); raises `Refused` (404) for all that is none of the tenant's."""
    person = read_person(dynamodb, tables, principal.acting, staff_id_of(request))
    if person is None:
        raise nobody()
    return person


def staff_id_of(request: Request) -> str:
    """Give the id in the path (untrusted); raises `Refused` (404) for what can be none."""
    staff_id = request.path_parameters["staff_id"]
    if _STAFF_ID.fullmatch(staff_id) is None:
        raise nobody()
    return staff_id


def nobody() -> Refused:
    return Refused(404, "not_found", "Nobody of your tenant has this id.")


def _told(person: Person, gate: GateRow, measure: Measure) -> dict[str, Any]:
    return {"staff_id": person.staff_id, **{name: getattr(gate, name) for name in measure.told}}
