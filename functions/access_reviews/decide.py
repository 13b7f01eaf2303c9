"""POST /api/compliance/access-reviews/{review_id}/items/{staff_id}/decision: said and done in one commit.

1. Admit; 2. read what is asked: what takes access needs a fresh proof; 3. read the review and the person's place in it;
4. refuse whoever is no reviewer or the subject himself, on the record, and a second answer; 5. read the person as he is
now; 6. weigh: gone already, changed since the snapshot, or a measure by the rules of all measures; 7. commit the
decision, the change and their events together; 8. answer. Who loses a race is admitted and weighed anew.

The commit holds the gate to what was read, whatever was decided: of an answer and any other change of the person, one
comes first and the other sees it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from functions.access_reviews.document import decisions_of
from functions.access_reviews.reading import no_review
from functions.access_reviews.record import PURPOSE, Chronicler
from shared.audit.event import Draft, Target, new_event_id
from shared.domain.access_review import (
    ALREADY_REMOVED,
    CHANGED,
    EVERYBODY,
    KEEP,
    KEPT,
    MODIFY,
    OTHER,
    REMOVED,
    REVOKE,
    WITHOUT_ACCESS,
    by_now,
    may_answer,
)
from shared.domain.session import ACTIVE
from shared.edge.access_review_bodies import DECISION
from shared.edge.bodies import IDENTIFIER
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.measure import Already, Denied, LastOwner, Step, Unchanged, change_role, deactivate
from shared.edge.measure_commit import LEAST_ROUNDS, WITH_CONSEQUENCES, Measures
from shared.edge.problem import Refused, invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.store.access_reviews import decided, read_item
from shared.store.attribute import Row
from shared.store.item import Item, get
from shared.store.person import Person, Tables, counts_as_owner, read_person
from shared.store.tenant_staff import GateRow, gate_key, gate_of, held_gate
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_ID: Final = re.compile(IDENTIFIER)


class _Case(NamedTuple):
    """One answer as it was read: `person` is None where nobody is there any more, `gate` says what is left."""

    principal: Principal
    asked: Mapping[str, Any]
    review: Row
    item: Row
    gate: GateRow
    person: Person | None

    @property
    def staff_id(self) -> str:
        staff_id: str = self.item["person"]["staff_id"]
        return staff_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    dynamodb: JsonService
    table: str
    tables: Tables
    ledger: Ledger
    guard: Guard
    measures: Measures
    chronicler: Chronicler

    def __call__(self, request: Request) -> Reply:
        for number in rounds(at_least=LEAST_ROUNDS):
            # 1. Admit.
            principal = self.guard.admit(request)
            # 2. What is asked.
            asked = _asked(request)
            if asked["decision"] != KEEP:
                self.guard.require_step_up(principal, PURPOSE, request.now)
            # 3. The review, 4. who may answer, 5. the person.
            review, item = self._found(request, principal)
            self._refuse(request, principal, review, item)
            case = self._case(principal, asked, review, item)
            # 6. Weigh.
            result, step = self._weighed(request, case)
            # 7. Commit.
            decision = self._committed(request, case, result, step, whole=number < WITH_CONSEQUENCES)
            if decision is not None:
                # 8. Answer.
                return json_reply(200, decisions_of([{**item, "decision": decision}])[0])
        raise Contended("the rows of the person or of the review kept changing")

    def _found(self, request: Request, principal: Principal) -> tuple[Row, Row]:
        asked = request.path_parameters
        review_id, staff_id = asked["review_id"], asked["staff_id"]
        if _ID.fullmatch(review_id) and _ID.fullmatch(staff_id):
            row, item = read_item(self.dynamodb, self.table, principal.acting.tenant, review_id, staff_id)
            if row is not None and item is not None:
                return row, item
        raise no_review()

    def _refuse(self, request: Request, principal: Principal, review: Row, item: Row) -> None:
        staff_id, who = item["person"]["staff_id"], principal.acting.staff_id
        refuse_strangers(self.guard, request, principal, review)
        if staff_id == who:
            target = (Target("user", staff_id),)
            self.guard.deny(request, principal, "ONESELF", {"review_id": review["review_id"]}, target)
            raise Refused(403, "self_review", "Another reviewer decides about your own access.")
        if "decision" in item:
            raise Refused(409, "already_used", "This has been decided, and a decision stands.")

    def _case(self, principal: Principal, asked: Mapping[str, Any], review: Row, item: Row) -> _Case:
        tenant, staff_id = principal.acting.tenant, item["person"]["staff_id"]
        person = read_person(self.dynamodb, self.tables, principal.acting, staff_id)
        if person is not None:
            return _Case(principal, asked, review, item, person.gate, person)
        gate = gate_of(get(self.dynamodb, self.tables.tenant_staff, gate_key(tenant, staff_id)))
        if gate.status == ACTIVE:
            raise RuntimeError(f"{staff_id} of {tenant} has a gate that lets him in, and no profile")
        return _Case(principal, asked, review, item, gate, None)

    def _weighed(self, request: Request, case: _Case) -> tuple[str, Step | None]:
        """Say what an answer comes to, with the step where it changes anything; raises `Refused`."""
        scope, shown, gate = case.review["scope"], case.item["person"]["role"], case.gate
        state = by_now(scope, shown, case.asked["seen_role"], gate.status, gate.role)
        if case.person is None or state == REMOVED:
            return ALREADY_REMOVED, None
        if state == OTHER:
            raise Refused(
                409,
                "changed_since_snapshot",
                "Look at the role that the person has now, and say it as `seen_role` to decide about that one.",
                members={"snapshot_role": shown, "role": gate.role},
            )
        decision, acting, person = case.asked["decision"], case.principal.acting, case.person
        if decision == KEEP:
            last_owner = counts_as_owner(gate) and person.active_owners <= 1
            if not may_answer(acting.role, gate.role, last_owner=last_owner):
                self.measures.refuse(request, case.principal, person, Denied("ROLE_BEYOND_OWN", {"role": gate.role}))
            return KEPT, None
        role = case.asked["role"] if decision == MODIFY else WITHOUT_ACCESS
        leaves = decision == REVOKE and scope == EVERYBODY
        verdict = deactivate(acting, person, {}) if leaves else change_role(acting, person, {"role": role})
        if isinstance(verdict, Already | Denied | LastOwner):
            self.measures.refuse(request, case.principal, person, verdict)
        if isinstance(verdict, Unchanged):
            raise invalid_request([("/role", "The person has this role: decide keep.")])
        return CHANGED, verdict

    def _committed(
        self, request: Request, case: _Case, result: str, step: Step | None, *, whole: bool
    ) -> dict[str, Any] | None:
        """Commit; gives the decision as its row has it, None when a row changed before."""
        principal, reason = case.principal, case.asked["reason"]
        tenant, review_id, staff_id = principal.acting.tenant, case.review["review_id"], case.staff_id
        events, after = list[Draft](), case.gate
        items: list[Item] = [held_gate(self.tables.tenant_staff, tenant, staff_id, case.gate)]
        if step is not None and case.person is not None:
            # The measure changes the gate, and holds it to the same.
            items, events = self.measures.changes(request, principal, case.person, step, reason, whole=whole)
            after = step.after
        decision = _decision(request, case, result, after, [event.event_id for event in events])
        told = self.chronicler.decided(request, principal, review_id, staff_id, decision)
        items += decided(self.table, tenant, review_id, staff_id, decision)
        outcome = self.ledger.commit(tenant, items, [told, *events], acting=principal.acting)
        return None if isinstance(outcome, Refuted) else decision


def refuse_strangers(guard: Guard, request: Request, principal: Principal, review: Row) -> None:
    """Refuse (403, on the record) whoever is none of the reviewers."""
    if principal.acting.staff_id not in review["reviewers"]:
        guard.deny(request, principal, "NOT_REVIEWER", {"review_id": review["review_id"]})
        raise Refused(403, "not_reviewer", "Ask one of the reviewers whom the review names.")


def _asked(request: Request) -> Mapping[str, Any]:
    body = read_body(request, DECISION)
    if (body["decision"] == MODIFY) != (body["role"] is not None):
        raise invalid_request([("/role", "A role goes with the decision modify, and with no other one.")])
    return body


def _decision(request: Request, case: _Case, result: str, after: GateRow, events: list[str]) -> dict[str, Any]:
    now, who, review = int(request.now), case.principal.acting.staff_id, case.review
    since = max(review["created_at"], review["last_decided"].get(who, 0))
    decision = {
        "decision": case.asked["decision"],
        "result": result,
        "role_before": case.gate.role or None,
        "role_after": after.role or None,
        "status_after": after.status,
        "by": who,
        "at": now,
        "late": now >= review["due_at"],
        "seconds": max(0, now - since),  # since his last one, or since the review began
        "event_id": new_event_id(request.now),
        "events": events,
    }
    # Of whoever is gone nothing more is written: nobody would come to take it away.
    return decision if case.person is None else {**decision, "reason": case.asked["reason"]}
