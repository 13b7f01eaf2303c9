"""Routes by which administrators see to the people of their tenant, and keep them from being erased."""

from typing import Final

from shared.domain.permission import OWNERSHIP, SETTINGS_SECURITY_VIEW, STAFF_MANAGE, STAFF_VIEW
from shared.edge.route import Route


def _view(path: str, summary: str) -> Route:
    return Route("GET", path, "staff", STAFF_VIEW, step_up=None, summary=summary, impersonation=True)


def _measure(method: str, path: str, summary: str, step_up: str | None = "rbac_admin") -> Route:
    return Route(method, f"/api/staff/{{staff_id}}/{path}", "staff", STAFF_MANAGE, step_up, summary)


STAFF: Final[tuple[Route, ...]] = (
    _view("/api/staff", "The people of the tenant, page by page"),
    _view("/api/staff/{staff_id}", "One person, with the sessions that live"),
    _measure("PATCH", "role", "Give a person another role"),
    _measure("POST", "deactivate", "Take a person out; all sessions end at once"),
    _measure("POST", "reactivate", "Let a person in again"),
    _measure("POST", "logout", "End all sessions of a person", step_up=None),
    _measure("POST", "factors/reset", "Take all second factors of a person away; all sessions end"),
    Route(
        "POST",
        "/api/staff/{staff_id}/erase",
        "erasure",
        OWNERSHIP,
        step_up="rbac_admin",
        summary="Erase what is held of somebody who was deactivated, or was invited and never came; for good",
    ),
)

LEGAL_HOLDS: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/api/legal-holds",
        "legal_holds",
        SETTINGS_SECURITY_VIEW,
        step_up=None,
        summary="The legal holds of the tenant, those that were released too",
        impersonation=True,
    ),
    Route(
        "POST",
        "/api/legal-holds",
        "legal_holds",
        OWNERSHIP,
        step_up="rbac_admin",
        summary="Place a legal hold: nobody of its scope can be erased meanwhile",
    ),
    Route(
        "DELETE",
        "/api/legal-holds/{hold_id}",
        "legal_holds",
        OWNERSHIP,
        step_up="rbac_admin",
        summary="Release a legal hold; it stays in the list",
    ),
)
