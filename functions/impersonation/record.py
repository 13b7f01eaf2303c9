"""The events of a beginning, and what follows from one. Those of an end are in shared/store/impersonation_ends.py."""

from collections.abc import Mapping
from typing import Any, Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.edge.guard import Principal
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.store.impersonations import Beginning
from shared.store.item import Item
from shared.store.outbox import bus_event, mail

PURPOSE: Final = "impersonate"


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
        reason=beginning.reason,
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
    told: dict[str, Any] = {
        "actor_role": beginning.actor.role,
        "mode": beginning.mode,
        "minutes": _minutes(beginning),
        "started_at": beginning.started_at,
    }
    detail = {**told, "impersonation_id": beginning.impersonation_id, "actor": beginning.actor.staff_id}
    correlation = request.request_id
    name = "impersonation_started"
    effects = [bus_event(outbox_table, tenant, name, now, staff_id=target, correlation=correlation, detail=detail)]
    if beginning.notice == "start":
        effects.append(mail(outbox_table, tenant, target, name, now, values={**told, "reason": beginning.reason}))
    return effects


def _actor(principal: Principal) -> Actor:
    return principal.actor(principal.grant(PURPOSE).challenge_id)


def _minutes(beginning: Beginning) -> int:
    return (beginning.expires_at - beginning.started_at) // 60
