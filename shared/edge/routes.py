"""The one table of HTTP routes: what is served, by which concern, and what lets a caller in.

Rules of this module
- Every route of the product stands here once. The infrastructure creates one API Gateway route an
  entry, the guard reads the permission and the step-up purpose, `front` computes 404, 405 and the
  OpenAPI document from it.
- Every route declares the permission that it takes; one without is open to anyone who holds what its body asks for (a
  password, a refresh token), and tests/unit/edge/test_route_table.py lists those.
- Paths are API Gateway templates: `{name}` is one segment.
"""

from typing import Final

from shared.edge.access_review_routes import ACCESS_REVIEWS
from shared.edge.authentication_routes import AUTHENTICATION
from shared.edge.calendar_routes import CALENDAR
from shared.edge.compliance_routes import COMPLIANCE
from shared.edge.console_routes import CONSOLE
from shared.edge.impersonation_routes import IMPERSONATION
from shared.edge.invite_routes import INVITES
from shared.edge.ip_rule_routes import IP_RULES
from shared.edge.route import Route
from shared.edge.settings_routes import SETTINGS
from shared.edge.share_link_routes import SHARE_LINKS
from shared.edge.sso_routes import SSO
from shared.edge.staff_routes import LEGAL_HOLDS, STAFF

ROUTES: Final[tuple[Route, ...]] = (
    *AUTHENTICATION,
    *SSO,
    *INVITES,
    *SETTINGS,
    *STAFF,
    *LEGAL_HOLDS,
    *IMPERSONATION,
    *IP_RULES,
    *COMPLIANCE,
    *SHARE_LINKS,
    *ACCESS_REVIEWS,
    *CALENDAR,
    *CONSOLE,
)
_BY_KEY: Final = {route.key: route for route in ROUTES}


def route_of(key: str) -> Route:
    """Return the route behind an API Gateway route key; KeyError if it is none of the product's."""
    return _BY_KEY[key]
