"""The events of enrolment and step-up, and the refusals that a challenge's state leads to."""

from collections.abc import Callable, Mapping, Sequence

from shared.audit.canonical import Json
from shared.audit.event import Draft, Outcome, Target, new_event_id
from shared.domain.step_up import Gone, Locked, Open, Used
from shared.edge.guard import Principal
from shared.edge.problem import Refused
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.store.session_endings import FACTOR_CHANGED


def event(
    request: Request,
    principal: Principal,
    action: str,
    outcome: Outcome,
    challenge_id: str,
    *,
    meta: Mapping[str, Json],
    reason: str | None = None,
    event_id: str | None = None,
    personal: tuple[Mapping[str, Json], ...] = (),
) -> Draft:
    """Write an event about a challenge; `meta` carries purpose and method."""
    session = principal.session
    return Draft(
        event_id=event_id or new_event_id(request.now),
        action=action,
        outcome=outcome,
        actor=principal.actor(challenge_id if outcome == "success" and action != "STEP_UP_REQUIRED" else None),
        resource=f"step_up_challenges/{challenge_id}",
        context=context_of(request, session.binding.device_hash),
        reason=reason,
        targets=(Target("user", principal.acting.staff_id), Target("session", session.session_id)),
        personal=personal,
        meta=meta,
    )


def refuse_unless_open(state: Open | Gone | Used | Locked) -> None:
    """Raise the refusal that `state` stands for; an open challenge passes."""
    if isinstance(state, Used):
        raise already_used("This challenge has been answered.")
    if isinstance(state, Locked):
        raise locked(state)
    if isinstance(state, Gone):
        raise gone()


def gone() -> Refused:
    """Give the one refusal of a challenge that is unknown, expired, voided, or of somebody who may not go on."""
    return Refused(410, "challenge_expired", "Ask for a new challenge.")


def locked(lock: Locked) -> Refused:
    wait = str(lock.retry_after_seconds)
    return Refused(423, "factor_locked", "Wait before the next attempt.", headers={"Retry-After": wait})


def disabled() -> Refused:
    """Refuse codes of an authenticator that takes none any more: waiting does not help, so there is no Retry-After."""
    detail = "The authenticator is disabled: use a recovery code or a passkey, or ask an administrator."
    return Refused(423, "factor_locked", detail)


def already_used(detail: str) -> Refused:
    return Refused(409, "already_used", detail)


def factor_event(
    request: Request,
    principal: Principal,
    action: str,
    meta: Mapping[str, Json],
    seal: Callable[[str], tuple[Mapping[str, Json], ...]],
    challenge_id: str,
) -> Draft:
    """Write that a factor changed; `challenge_id` is the step-up or the enrolment that it relied on.

    `seal` makes the personal part of the event with the id that it is given.
    """
    event_id = new_event_id(request.now)
    return Draft(
        event_id=event_id,
        action=action,
        outcome="success",
        actor=principal.actor(challenge_id),
        resource=f"tenant_staff/{principal.acting.staff_id}",
        context=context_of(request, principal.session.binding.device_hash),
        targets=(Target("user", principal.acting.staff_id),),
        personal=seal(event_id),
        meta=meta,
    )


def others_ended(request: Request, principal: Principal, sessions: Sequence[str]) -> list[Draft]:
    """Write that `sessions`, all but the acting one, ended with a factor; nothing where there were none."""
    if not sessions:
        return []
    acting = principal.acting
    return [
        Draft(
            event_id=new_event_id(request.now),
            action="SESSION_INVALIDATED",
            outcome="success",
            actor=principal.actor(),
            resource=f"tenant_staff/{acting.staff_id}",
            context=context_of(request, principal.session.binding.device_hash),
            reason=FACTOR_CHANGED,
            targets=(Target("user", acting.staff_id), *(Target("session", session_id) for session_id in sessions)),
            meta={"scope": "others", "sessions": len(sessions)},
        )
    ]
