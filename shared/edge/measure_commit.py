"""A measure about a person on its way into a commit: refused on the record, or as its items and events.

Whoever carries measures out (an administrator's route, a review of access) commits these together with what is its own,
so that there is one set of rules for whom nobody may touch, and one for what ends along with somebody's access.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from shared.audit.event import Draft, Target
from shared.edge.guard import Guard, Principal
from shared.edge.measure import Already, Denied, LastOwner, Step
from shared.edge.measure_consequences import Consequences
from shared.edge.measure_record import Chronicler, Measured, actor_of, effects
from shared.edge.problem import Refused, permission_denied
from shared.edge.request import Request
from shared.store.item import Item
from shared.store.person import Person, Tables
from shared.store.second_factors import removed_factors, unchanged_factors
from shared.store.tenant_staff import Granted, changed_gate, one_owner_less, one_owner_more, voided_reset

LEAST_ROUNDS: Final = 8  # more than a session can move meanwhile: whoever takes access away is not held up by it
WITH_CONSEQUENCES: Final = 4  # rounds; then the measure goes without them: nobody may hold it up by changing them


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    tables: Tables
    guard: Guard
    chronicler: Chronicler
    consequences: Consequences
    clock: Callable[[], float]

    def refuse(
        self, request: Request, principal: Principal, person: Person, verdict: Already | Denied | LastOwner
    ) -> NoReturn:
        """Raise `Refused`; what is beyond the authority of whoever asks is recorded first."""
        if isinstance(verdict, Already):
            raise Refused(409, "already_used", verdict.detail)
        target = (Target("user", person.staff_id),)
        if isinstance(verdict, Denied):
            self.guard.deny(request, principal, verdict.reason, verdict.meta, target)
            raise permission_denied()
        self.guard.deny(request, principal, "LAST_OWNER", {"role": person.gate.role}, target)
        raise Refused(409, "last_owner", "Make somebody else an owner first.")

    def changes(
        self, request: Request, principal: Principal, person: Person, step: Step, reason: str | None, *, whole: bool
    ) -> tuple[list[Item], list[Draft]]:
        """Give what belongs into the commit of `step`; the first event is that of the measure itself.

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
            reason=reason,
            effective_ms=max(0, round((self.clock() - request.now) * 1_000)),
        )
        events = self.chronicler.events(measured)
        items = _items(self.tables.tenant_staff, measured, events[0].event_id)
        return [*items, *effects(self.tables.outbox, measured), *also], [*events, *further]


def _items(table: str, measured: Measured, event_id: str) -> list[Item]:
    """Give the changes of the person's rows, of which `event_id` tells; every one is held to what was read."""
    person, step, now = measured.person, measured.step, int(measured.request.now)
    owner = person.tenant, person.staff_id
    left = None if step.ended is None else {"reason": step.ended, "incident_id": measured.request.request_id}
    after = step.after
    if step.voids_invites:
        after = after._replace(invites_void_before=now)
    items = [changed_gate(table, *owner, step.before, after, left, Granted(now, event_id))]
    if step.owners:
        items.append((one_owner_more if step.owners > 0 else one_owner_less)(table, person.tenant))
    if step.voids_reset:
        items.append(voided_reset(table, *owner))
    if step.strips:
        items += removed_factors(table, *owner, person.factors)
    elif step.relies_on_factors:
        items += unchanged_factors(table, *owner, person.factors)
    return items
