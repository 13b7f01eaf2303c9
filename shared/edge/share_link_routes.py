"""Routes by which a finished bundle is given to an auditor without an account."""

from typing import Final

from shared.domain.permission import SETTINGS_SECURITY_VIEW
from shared.edge.route import Route, open_route

_LINKS: Final = "/api/compliance/exports/{export_id}/share-links"

SHARE_LINKS: Final[tuple[Route, ...]] = (
    Route(
        "POST",
        _LINKS,
        "share_links",
        SETTINGS_SECURITY_VIEW,
        step_up="data_export",
        summary="Make a link to a finished bundle for a named auditor",
    ),
    Route("GET", _LINKS, "share_links", SETTINGS_SECURITY_VIEW, step_up=None, summary="The share links of one export"),
    Route(
        "DELETE",
        f"{_LINKS}/{{share_id}}",
        "share_links",
        SETTINGS_SECURITY_VIEW,
        step_up=None,
        summary="Revoke a share link",
    ),
    open_route("GET", "/api/share/{token}", "share_links", "Redirect whoever holds a share link to its bundle"),
)
