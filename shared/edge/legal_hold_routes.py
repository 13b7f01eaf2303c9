"""Routes of the legal holds, which keep people from being erased."""

from typing import Final

from shared.domain.permission import OWNERSHIP, SETTINGS_SECURITY_VIEW
from shared.edge.route import Route

_CONCERN: Final = "legal_holds"

LEGAL_HOLDS: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/api/legal-holds",
        _CONCERN,
        SETTINGS_SECURITY_VIEW,
        step_up=None,
        summary="The legal holds of the tenant, those that were released too",
        impersonation=True,
    ),
    Route(
        "POST",
        "/api/legal-holds",
        _CONCERN,
        OWNERSHIP,
        step_up="rbac_admin",
        summary="Place a legal hold: nobody of its scope can be erased meanwhile",
    ),
    Route(
        "DELETE",
        "/api/legal-holds/{hold_id}",
        _CONCERN,
        OWNERSHIP,
        step_up="rbac_admin",
        summary="Release a legal hold; it stays in the list",
    ),
)
