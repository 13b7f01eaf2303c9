"""The events of a beginning, and what follows from one. Those of an end are in shared/store/impersonation_ends.py.

Rules of this module
- Why somebody acts in another's name is free text about that person, and events are for ever: it is sealed as the
  person's own. In the clear it stands where things expire (session, record, mail), and where it is answered with.
- From where the real person acts is sealed as his own. Of whoever was erased nothing is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.edge.guard import Principal
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.impersonations import Beginning
from shared.store.item import Item
from shared.store.outbox import bus_event, mail

PURPOSE: Final = "impersonate"


@dataclass(frozen=True, slots=True)
class Chronicler:
    data_keys: DataKeys

    def sealed(
        self, request: Request, tenant: Row, event: Draft, salts: Mapping[str, bytes], reason: str | None = None
    ) -> Draft:
        """Give the event with whence its actor asked and, of a beginning, the `reason`; `salts` are by person."""
        personal = self.data_keys.personal_data(tenant["tenant"], tenant["data_key_sealed"])
        event_id, actor, target = event.event_id, str(event.actor.id), event.on_behalf_of
        entries = sealed_unless_erased(personal, salts.get(actor), actor, event_id, request)
        if reason is not None and target is not None and target in salts:
            values = {"reason": reason}
            told = personal.entry(salts[target], subject=target, of="target", event_id=event_id, values=values)
            entries = (*entries, told)
        return event._replace(personal=entries)


def started(request: Request, principal: Principal, beginning: Beginning) -> Draft:
    impersonation_id, target = beginning.impersonation_id, beginning.target
    ticket: dict[str, Json] = {} if beginning.ticket is None else {"ticket": beginning.ticket}
    return Draft(
        event_id=new_event_id(request.now),
        action="IMPERSONATION_STARTED",
        outcome="success",
        actor=_actor(principal),
        resource=f"impersonations/{impersonation_id}",
        context=context_of(request, principal.session.binding.device_hash),
        on_behalf_of=target.staff_id,
        targets=(Target("user", target.staff_id), Target("session", impersonation_id)),
        meta={
            "impersonation_id": impersonation_id,
            "mode": beginning.mode,
            "minutes": _minutes(beginning),
            "target_role": target.role,
            "notice": beginning.notice,
            **ticket,
        },
    )


def denied(request: Request, principal: Principal, target_id: str, reason: str, meta: Mapping[str, Json]) -> Draft:
    return Draft(
        event_id=new_event_id(request.now),
        action="IMPERSONATION_DENIED",
        outcome="denied",
        actor=_actor(principal),
        resource=f"tenant_staff/{target_id}",
        context=context_of(request, principal.session.binding.device_hash),
        reason=reason,
        targets=(Target("user", target_id),),
        meta=meta,
    )


def started_effects(outbox_table: str, request: Request, beginning: Beginning) -> list[Item]:
    """Tell the bus, and the impersonated person where the tenant has it so at the beginning."""
    tenant, target, now = beginning.tenant, beginning.target.staff_id, request.now
    told: dict[str, Any] = {"mode": beginning.mode, "minutes": _minutes(beginning)}
    detail = {
        **told,
        "impersonation_id": beginning.impersonation_id,
        "actor": beginning.actor.staff_id,
        "actor_role": beginning.actor.role,
        "started_at": beginning.started_at,
    }
    correlation = request.request_id
    name = "impersonation_started"
    effects = [bus_event(outbox_table, tenant, name, now, staff_id=target, correlation=correlation, detail=detail)]
    if beginning.notice == "start":
        values = {
            **told,
            "time": rfc3339(now),
            "role": beginning.actor.role,
            "reason": beginning.reason,
            "ticket": beginning.ticket,
        }
        effects.append(mail(outbox_table, tenant, target, name, now, values=values))
    return effects


def _actor(principal: Principal) -> Actor:
    return principal.actor(principal.grant(PURPOSE).challenge_id)


def _minutes(beginning: Beginning) -> int:
    return (beginning.expires_at - beginning.started_at) // 60
