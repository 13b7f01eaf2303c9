"""The event of an invite that was revoked, by whoever's doing."""

from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.store.invites import OPEN, REVOKED, Invite


def invite_revoked(
    request: Request, actor: Actor, invite: Invite, reason: str, *, device_hash: str, correlation_id: str | None = None
) -> Draft:
    """Write that `invite` counts no more; `reason` is the one of its row. Whom it was for stands in USER_INVITED."""
    return Draft(
        event_id=new_event_id(request.now),
        action="INVITE_REVOKED",
        outcome="success",
        actor=actor,
        resource=f"invites/{invite.invite_id}",
        context=context_of(request, device_hash, correlation_id),
        reason=reason,
        targets=(Target("user", invite.staff_id),),
        change={"before": {"status": OPEN}, "after": {"status": REVOKED}},
        meta={"role": invite.role, "invited_by": invite.invited_by},
    )
