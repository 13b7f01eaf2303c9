"""PATCH /api/staff/{staff_id}/role, and POST .../deactivate, /reactivate, /logout and /factors/reset.

1. Admit, with a fresh proof where the route asks for one; 2. read what is asked; 3. read the person; 4. decide, and
refuse what is beyond the authority of whoever asks, on the record; 5. commit the change with its events, the mail and
the event on the bus; 6. answer. Who loses a race is admitted and decided anew: he may not be anybody any more.

Ids of another tenant are nothing here: a person is looked up in the tenant of the token alone, and what is not there
has one answer. Nothing is told of a person to whoever may not act on him but that he is there, which his list says too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.staff.consequences import Consequences
from functions.staff.measure import Already, Decide, Denied, LastOwner, Step
from functions.staff.person import Person, Tables, read_person
from functions.staff.record import Chronicler, Measured, actor_of, effects
from shared.audit.event import Draft, Target
from shared.edge.bodies import IDENTIFIER
from shared.edge.fields import Body, read_body
from shared.edge.guard import Guard, Principal
from shared.edge.problem import Refused, permission_denied
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.item import Item
from shared.store.second_factors import removed_factors, unchanged_factors
from shared.store.tenant_staff import GateRow, changed_gate, one_owner_less, one_owner_more, voided_reset
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_ATTEMPTS: Final = 8
_WITH_CONSEQUENCES: Final = 4  # attempts; then the measure goes without them: nobody may hold it up by changing them
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
    chronicler: Chronicler
    consequences: Consequences
    clock: Callable[[], float]

    def by(self, measure: Measure) -> Callable[[Request], Reply]:
        """Give the flow of a measure."""
        return lambda request: self._carry_out(request, measure)

    def _carry_out(self, request: Request, measure: Measure) -> Reply:
        for number in range(_ATTEMPTS):
            # 1. Admit.
            principal = self.guard.admit(request)
            # 2. What is asked.
            asked = read_body(request, measure.body)
            # 3. The person.
            person = person_at(self.dynamodb, self.tables, principal, request)
            # 4. Decide.
            verdict = measure.decide(principal.acting, person, asked)
            if isinstance(verdict, Already):
                raise Refused(409, "already_used", verdict.detail)
            if isinstance(verdict, Denied | LastOwner):
                self._refuse(request, principal, person, verdict)
            after = person.gate
            if isinstance(verdict, Step):
                # 5. Commit.
                whole = number < _WITH_CONSEQUENCES
                if not self._committed(request, principal, person, verdict, asked, whole=whole):
                    continue
                after = verdict.after
            # 6. Answer.
            return json_reply(200, _told(person, after, measure))
        raise Contended("the rows of the person kept changing")

    def _refuse(self, request: Request, principal: Principal, person: Person, verdict: Denied | LastOwner) -> None:
        target = (Target("user", person.staff_id),)
        if isinstance(verdict, Denied):
            self.guard.deny(request, principal, verdict.reason, verdict.meta, target)
            raise permission_denied()
        self.guard.deny(request, principal, "LAST_OWNER", {"role": person.gate.role}, target)
        raise Refused(409, "last_owner", "Make somebody else an owner first.")

    def _committed(
        self,
        request: Request,
        principal: Principal,
        person: Person,
        step: Step,
        asked: Mapping[str, Any],
        *,
        whole: bool,
    ) -> bool:
        """Commit the step; False when a row changed before that, so that it must be decided anew.

        `whole`: with what ends along with it. Without, that is dead all the same, and told by others (`consequences`).
        """
        also, further = list[Item](), list[Draft]()
        if whole:
            actor = actor_of(principal, step)
            also, further = self.consequences.of(request, principal, person.staff_id, step, actor)
        measured = Measured(
            request=request,
            principal=principal,
            person=person,
            step=step,
            reason=asked.get("reason"),
            effective_ms=max(0, round((self.clock() - request.now) * 1_000)),
        )
        items = [*_items(self.tables.tenant_staff, measured), *effects(self.tables.outbox, measured), *also]
        events = [*self.chronicler.events(measured), *further]
        outcome = self.ledger.commit(person.tenant, items, events, acting=principal.acting)
        return not isinstance(outcome, Refuted)


def person_at(dynamodb: JsonService, tables: Tables, principal: Principal, request: Request) -> Person:
    """Read the person whom the path names (untrusted); raises `Refused` (404) for all that is none of the tenant's."""
    staff_id = request.path_parameters["staff_id"]
    if _STAFF_ID.fullmatch(staff_id) is not None:
        person = read_person(dynamodb, tables, principal.acting, staff_id)
        if person is not None:
            return person
    raise Refused(404, "not_found", "Nobody of your tenant has this id.")


def _told(person: Person, gate: GateRow, measure: Measure) -> dict[str, Any]:
    return {"staff_id": person.staff_id, **{name: getattr(gate, name) for name in measure.told}}


def _items(table: str, measured: Measured) -> list[Item]:
    """Give the changes of the person's rows; every one is held to what was read."""
    person, step = measured.person, measured.step
    owner = person.tenant, person.staff_id
    left = None if step.ended is None else {"reason": step.ended, "incident_id": measured.request.request_id}
    after = step.after
    if step.voids_invites:
        after = after._replace(invites_void_before=int(measured.request.now))
    items = [changed_gate(table, *owner, step.before, after, left)]
    if step.owners:
        items.append((one_owner_more if step.owners > 0 else one_owner_less)(table, person.tenant))
    if step.voids_reset:
        items.append(voided_reset(table, *owner))
    if step.strips:
        items += removed_factors(table, *owner, person.factors)
    elif step.relies_on_factors:
        items += unchanged_factors(table, *owner, person.factors)
    return items
