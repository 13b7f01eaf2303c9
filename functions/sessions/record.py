"""The events of ended sessions."""

from collections.abc import Mapping

from shared.audit.canonical import Json
from shared.audit.event import Draft, Target, new_event_id
from shared.edge.guard import Principal
from shared.edge.provenance import context_of
from shared.edge.request import Request


def of_one(
    request: Request, principal: Principal, action: str, reason: str | None, session_id: str | None = None
) -> Draft:
    """Write that one session ended; without `session_id` it is the acting one."""
    ended = session_id or principal.acting.session_id
    targets = (Target("user", principal.acting.staff_id), Target("session", ended))
    return _event(request, principal, action, reason, f"user_sessions/{ended}", targets, {}, None)


def of_all(
    request: Request,
    principal: Principal,
    action: str,
    reason: str | None,
    meta: Mapping[str, Json],
    change: Mapping[str, Json] | None = None,
) -> Draft:
    """Write that the sessions of the acting person ended; `meta` says which one was kept, if any."""
    staff_id = principal.acting.staff_id
    scope = {"scope": "user", **meta}
    return _event(
        request, principal, action, reason, f"tenant_staff/{staff_id}", (Target("user", staff_id),), scope, change
    )


def _event(
    request: Request,
    principal: Principal,
    action: str,
    reason: str | None,
    resource: str,
    targets: tuple[Target, ...],
    meta: Mapping[str, Json],
    change: Mapping[str, Json] | None,
) -> Draft:
    return Draft(
        event_id=new_event_id(request.now),
        action=action,
        outcome="success",
        actor=principal.actor(),
        resource=resource,
        context=context_of(request, principal.session.binding.device_hash),
        reason=reason,
        targets=targets,
        change=change,
        meta=meta,
    )
