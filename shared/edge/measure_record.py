"""The events of a measure, and what follows from it: the mail to the person, and the event on the bus.

Rules of this module
- What an administrator writes about a person is that person's: it is sealed under his salt, as the target of the event,
  and nowhere else. Of somebody who was erased nothing is written.
- `effective_ms` is how long the request had been with the function when its decision went to the commit: the guard's
  read, the person's rows and all lost races lie in it, by one clock. From that commit on, no request, refresh or
  step-up of the person is let in, since each checks the gate inside its own read or commit. What the number does not
  hold is the commit itself (a few milliseconds; `writer_give_up_seconds` at most, or nothing was changed), and the way
  of the request to the function. The instant of the event is that of the commit's last attempt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.edge.guard import Principal
from shared.edge.measure import Step
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.item import Item
from shared.store.outbox import bus_event, mail
from shared.store.person import Person

PURPOSE = "rbac_admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A measure about to be committed; `reason` is what the administrator wrote, None where the route asks for none."""

    request: Request
    principal: Principal
    person: Person
    step: Step
    reason: str | None
    effective_ms: int


def actor_of(principal: Principal, step: Step) -> Actor:
    """Give the administrator with the proof that he relied on; a forced logout, which has no `action`, takes none."""
    return principal.actor(principal.grant(PURPOSE).challenge_id if step.action else None)


@dataclass(frozen=True, slots=True)
class Chronicler:
    data_keys: DataKeys

    def events(self, measured: Measured) -> list[Draft]:
        """Write the event of the measure, and that of the sessions which end with it; both share a correlation id."""
        step = measured.step
        lasted: dict[str, Json] = {"effective_ms": measured.effective_ms} if step.ended else {}
        ended: dict[str, Json] = {"scope": "user"}
        versions: dict[str, Json] = {
            "before": {"session_version": step.before.session_version},
            "after": {"session_version": step.after.session_version},
        }
        if step.action is None:
            return [self._event(measured, "SESSION_INVALIDATED", step.ended, versions, {**ended, **lasted})]
        first = self._event(measured, step.action, None, step.change, {**step.meta, **lasted})
        if step.ended is None:
            return [first]
        sessions = self._draft(measured, "SESSION_INVALIDATED", step.ended, versions, ended)
        return [first, sessions]

    def _event(
        self,
        measured: Measured,
        action: str,
        reason: str | None,
        change: Mapping[str, Json] | None,
        meta: Mapping[str, Json],
    ) -> Draft:
        """Write the event that carries who did it from where, and why."""
        draft = self._draft(measured, action, reason, change, meta)
        return draft._replace(personal=self._personal(measured, draft.event_id))

    def _draft(
        self,
        measured: Measured,
        action: str,
        reason: str | None,
        change: Mapping[str, Json] | None,
        meta: Mapping[str, Json],
    ) -> Draft:
        request, principal, staff_id = measured.request, measured.principal, measured.person.staff_id
        return Draft(
            event_id=new_event_id(request.now),
            action=action,
            outcome="success",
            actor=actor_of(principal, measured.step),
            resource=f"tenant_staff/{staff_id}",
            context=context_of(request, principal.session.binding.device_hash),
            reason=reason,
            targets=(Target("user", staff_id),),
            change=change,
            meta=meta,
        )

    def _personal(self, measured: Measured, event_id: str) -> tuple[Mapping[str, Json], ...]:
        principal, person = measured.principal, measured.person
        acting, tenant = principal.acting, principal.tenant
        sealer = self.data_keys.personal_data(acting.tenant, tenant["data_key_sealed"])
        actor = sealed_unless_erased(sealer, person.actor_salt, acting.staff_id, event_id, measured.request)
        if measured.reason is None or person.factors.salt is None:
            return actor
        values = {"reason": measured.reason}
        told = sealer.entry(person.factors.salt, subject=person.staff_id, of="target", event_id=event_id, values=values)
        return (*actor, told)


def effects(outbox_table: str, measured: Measured) -> list[Item]:
    """Tell the person, and the adopter's own rules."""
    request, person, step = measured.request, measured.person, measured.step
    roles: dict[str, Json] = {}
    if step.before.role != step.after.role:
        roles = {"from": step.before.role, "to": step.after.role}
    detail: dict[str, Json] = {
        "by": measured.principal.acting.staff_id,
        "role": step.after.role,
        "session_version": step.after.session_version,
        **roles,
    }
    return [
        mail(
            outbox_table,
            person.tenant,
            person.staff_id,
            step.template,
            request.now,
            values={"time": rfc3339(request.now), **roles},
        ),
        bus_event(
            outbox_table,
            person.tenant,
            step.bus,
            request.now,
            staff_id=person.staff_id,
            correlation=request.request_id,
            detail=detail,
        ),
    ]
