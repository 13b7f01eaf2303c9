"""Routes of the evidence calendar."""

from typing import Final

from shared.domain.permission import SETTINGS_SECURITY_MANAGE, SETTINGS_SECURITY_VIEW
from shared.edge.route import Route

CALENDAR: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/api/compliance/calendar",
        "evidence_calendar",
        SETTINGS_SECURITY_VIEW,
        step_up=None,
        summary="What evidence was due of each period, and what became of it",
    ),
    Route(
        "POST",
        "/api/compliance/calendar/waivers",
        "evidence_calendar",
        SETTINGS_SECURITY_MANAGE,
        step_up="rbac_admin",
        summary="Waive evidence of one period, with a reason and an end",
    ),
)
