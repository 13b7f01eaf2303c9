"""Routes by which somebody acts in another person's name, and by which it is seen who does."""

from typing import Final

from shared.domain.permission import IMPERSONATE, OWN_ACCOUNT, SETTINGS_SECURITY_VIEW
from shared.edge.route import Route

IMPERSONATION: Final[tuple[Route, ...]] = (
    Route(
        "POST",
        "/api/impersonation",
        "impersonation",
        IMPERSONATE,
        step_up="impersonate",
        summary="Act in another person's name for some minutes",
    ),
    Route(
        "GET",
        "/api/impersonation",
        "impersonation",
        SETTINGS_SECURITY_VIEW,
        step_up=None,
        summary="Who acts in whose name, and who did",
    ),
    Route(
        "DELETE",
        "/api/impersonation",
        "impersonation",
        OWN_ACCOUNT,
        step_up=None,
        summary="End the impersonation that one has begun",
        impersonation=True,
        before_enrolment=True,  # whose name it is may lack a factor: leaving it is free
        in_read_mode=True,
    ),
)
