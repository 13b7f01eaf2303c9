"""Routes of the access list and the access reviews. None is served to somebody who acts in another person's name."""

from typing import Final

from shared.domain.permission import SETTINGS_SECURITY_MANAGE, SETTINGS_SECURITY_VIEW, STAFF_MANAGE
from shared.edge.route import Route

_REVIEWS: Final = "/api/compliance/access-reviews"


def _view(path: str, summary: str) -> Route:
    return Route("GET", path, "access_reviews", SETTINGS_SECURITY_VIEW, step_up=None, summary=summary)


def _act(path: str, permission: str, summary: str, step_up: str | None = "rbac_admin") -> Route:
    return Route("POST", path, "access_reviews", permission, step_up, summary)


ACCESS_REVIEWS: Final[tuple[Route, ...]] = (
    _view("/api/compliance/access-list", "Who has administrative access now, or any"),
    _act(_REVIEWS, SETTINGS_SECURITY_MANAGE, "Begin a review: an immutable snapshot of who has access"),
    _view(_REVIEWS, "The access reviews of the tenant"),
    _view(f"{_REVIEWS}/{{review_id}}", "One review: its snapshot, its decisions, and who got access since"),
    _view(f"{_REVIEWS}/{{review_id}}/export", "One review as a file"),
    _act(
        f"{_REVIEWS}/{{review_id}}/items/{{staff_id}}/decision",
        STAFF_MANAGE,
        "Decide about one person, which is carried out at once; what takes access asks for a step-up rbac_admin",
        step_up=None,  # keep takes none; the flow asks for it
    ),
    _act(f"{_REVIEWS}/{{review_id}}/attest", STAFF_MANAGE, "Close a review in which everybody is decided; for good"),
)
