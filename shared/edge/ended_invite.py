"""The event of an invite that was revoked, by whoever's doing."""

from collections.abc import Mapping

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.store.invites import OPEN, REVOKED, Invite


def invite_revoked(now: float, context: Mapping[str, Json], actor: Actor, invite: Invite, reason: str) -> Draft:
    """Write that `invite` counts no more; `reason` is the one of its row. Whom it was for stands in USER_INVITED."""
    return Draft(
        event_id=new_event_id(now),
        action="INVITE_REVOKED",
        outcome="success",
        actor=actor,
        resource=f"invites/{invite.invite_id}",
        context=context,
        reason=reason,
        targets=(Target("user", invite.staff_id),),
        change={"before": {"status": OPEN}, "after": {"status": REVOKED}},
        meta={"role": invite.role, "invited_by": invite.invited_by},
    )
