"""Routes by which people are asked to join a tenant, and join it."""

from typing import Final

from shared.domain.permission import STAFF_MANAGE
from shared.edge.route import Route, open_route

INVITES: Final[tuple[Route, ...]] = (
    # Above a member it takes a step-up as well; that depends on the body, so the flow asks for it.
    Route("POST", "/api/staff/invites", "invites", STAFF_MANAGE, step_up=None, summary="Invite somebody by e-mail"),
    Route("GET", "/api/staff/invites", "invites", STAFF_MANAGE, step_up=None, summary="The invites of the tenant"),
    Route(
        "DELETE",
        "/api/staff/invites/{invite_id}",
        "invites",
        STAFF_MANAGE,
        step_up=None,
        summary="Revoke an invite that was not accepted yet",
    ),
    open_route("POST", "/api/auth/invites/accept", "invites", "Join with the token of an invitation, and sign in"),
)
