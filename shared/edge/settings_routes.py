"""Routes of the security settings."""

from typing import Final

from shared.domain.permission import SETTINGS_SECURITY_MANAGE, SETTINGS_SECURITY_VIEW
from shared.edge.route import Route

SETTINGS: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/api/settings/security",
        "settings",
        SETTINGS_SECURITY_VIEW,
        step_up=None,
        summary="The security settings in force",
        impersonation=True,
    ),
    Route(
        "PATCH",
        "/api/settings/security",
        "settings",
        SETTINGS_SECURITY_MANAGE,
        step_up="rbac_admin",
        summary="Change security settings",
    ),
)
