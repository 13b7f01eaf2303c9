"""The events of enrolment and step-up, and the refusals that a challenge's state leads to."""

from collections.abc import Mapping

from shared.audit.canonical import Json
from shared.audit.event import Draft, Outcome, Target, new_event_id
from shared.domain.step_up import Gone, Locked, Open, Used
from shared.edge.guard import Principal, died
from shared.edge.problem import Refused, invalid_token
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.store.transaction import Refuted


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
        context=context_of(request, session.device_hash),
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
        raise Refused(410, "challenge_expired", "Ask for a new challenge.")


def locked(lock: Locked) -> Refused:
    wait = str(lock.retry_after_seconds)
    return Refused(423, "factor_locked", "Wait before the next attempt.", headers={"Retry-After": wait})


def already_used(detail: str) -> Refused:
    return Refused(409, "already_used", detail)


def refuse_dead_session(refuted: Refuted, session_version: int) -> None:
    """Raise 401 when the commit failed because session or gate are dead; anything else must be decided anew."""
    if not died(refuted):
        return
    row = refuted.failed.get("acting_session")
    alive = row is not None and row["status"] == "ACTIVE" and row["session_version"] == session_version
    if "acting_gate" in refuted.failed or not alive:
        raise invalid_token()
