"""Routes of the address rules."""

from typing import Final

from shared.domain.permission import SETTINGS_SECURITY_MANAGE, SETTINGS_SECURITY_VIEW
from shared.edge.route import Route

_CONCERN: Final = "ip_rules"


def _change(method: str, path: str, summary: str) -> Route:
    return Route(method, path, _CONCERN, SETTINGS_SECURITY_MANAGE, step_up="rbac_admin", summary=summary)


IP_RULES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/api/ip-rules",
        _CONCERN,
        SETTINGS_SECURITY_VIEW,
        step_up=None,
        summary="The address rules, and what waits to be confirmed",
        impersonation=True,
    ),
    _change("POST", "/api/ip-rules", "Make an address rule; unless it is confirmed within five minutes, it goes again"),
    _change("POST", "/api/ip-rules/{rule_id}/confirm", "Confirm what was changed of an address rule"),
    _change("DELETE", "/api/ip-rules/{rule_id}", "Take a rule away; unless that is confirmed, it comes back"),
    Route(
        "POST",
        "/api/ip-rules/simulate",
        _CONCERN,
        SETTINGS_SECURITY_MANAGE,
        step_up=None,
        summary="Who, of those who signed in during the last thirty days, would be refused",
    ),
)
