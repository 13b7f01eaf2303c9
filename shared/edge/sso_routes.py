"""Routes of single sign-on: signing in by it, and the providers that a tenant trusts."""

from typing import Final

from shared.domain.permission import SETTINGS_SECURITY_MANAGE, SETTINGS_SECURITY_VIEW
from shared.edge.route import Route, open_route, own_account

_PROOF: Final = "account_security"
_CONNECTIONS: Final = "/api/sso-connections"
_CONNECTION: Final = "/api/sso-connections/{connection_id}"


def _view(path: str, summary: str) -> Route:
    return Route("GET", path, "sso_connections", SETTINGS_SECURITY_VIEW, None, summary, impersonation=True)


def _change(method: str, path: str, summary: str) -> Route:
    return Route(method, path, "sso_connections", SETTINGS_SECURITY_MANAGE, "rbac_admin", summary)


SSO: Final[tuple[Route, ...]] = (
    open_route("POST", "/api/auth/sso/discover", "sso", "Which identity provider a mail domain has"),
    open_route("GET", "/api/auth/sso/{tenant}/{connection}/start", "sso", "Begin a sign-in with an identity provider"),
    open_route("GET", "/api/auth/sso/callback", "sso", "Where the identity provider sends the browser back"),
    open_route("POST", "/api/auth/sso/token", "sso", "Exchange the code of a callback for tokens, in its browser"),
    own_account(
        "POST", "/api/auth/sso/link", "sso", "Begin to link an identity of a provider to one's own account", _PROOF
    ),
    own_account("GET", "/api/auth/sso/identities", "sso", "The identities by which one may sign in"),
    own_account("DELETE", "/api/auth/sso/identities/{identity_id}", "sso", "Unlink one of them", _PROOF),
    _view(_CONNECTIONS, "The identity providers of the tenant"),
    _change("POST", _CONNECTIONS, "Trust an identity provider"),
    _view(_CONNECTION, "One identity provider"),
    _change("PATCH", _CONNECTION, "Change how far it is trusted"),
    _change("DELETE", _CONNECTION, "Trust it no more"),
    _change("POST", f"{_CONNECTION}/domains/verify", "Prove a mail domain by its TXT record"),
)
