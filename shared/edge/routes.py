"""The one table of HTTP routes: what is served, by which concern, and what lets a caller in.

Rules of this module
- Every route of the product stands here once. The infrastructure creates one API Gateway route an
  entry, the guard reads the permission and the step-up purpose, `front` computes 404, 405 and the
  OpenAPI document from it.
- A route without `permission` is open to every signed-in role; without `authenticated` it is open
  to anyone who holds what its body asks for (a password, a refresh token).
- Paths are API Gateway templates: `{name}` is one segment.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Route:
    """`step_up` is the purpose whose fresh grant the route asks for; None asks for none."""

    method: str
    path: str
    concern: str
    permission: str | None
    authenticated: bool
    step_up: str | None
    summary: str

    @property
    def key(self) -> str:
        """The route key of API Gateway, as `routeKey` of an event carries it."""
        return f"{self.method} {self.path}"


def _open(method: str, path: str, concern: str, summary: str) -> Route:
    return Route(method, path, concern, None, authenticated=False, step_up=None, summary=summary)


def _signed_in(method: str, path: str, concern: str, summary: str, step_up: str | None = None) -> Route:
    return Route(method, path, concern, None, authenticated=True, step_up=step_up, summary=summary)


def _evidence(method: str, path: str, concern: str, summary: str, *, step_up: bool) -> Route:
    return Route(
        method,
        path,
        concern,
        "SETTINGS_SECURITY_VIEW",
        authenticated=True,
        step_up="data_export" if step_up else None,
        summary=summary,
    )


ROUTES: Final[tuple[Route, ...]] = (
    _open("GET", "/api/health", "front", "Says that the deployment serves"),
    _open("GET", "/api/openapi.json", "front", "This description"),
    _open("POST", "/api/auth/login", "login", "Log in with tenant, e-mail and password"),
    _open("POST", "/api/auth/refresh", "refresh", "Exchange a refresh token for its successor"),
    _signed_in("POST", "/api/auth/logout", "sessions", "End this session"),
    _signed_in("POST", "/api/auth/logout-all", "sessions", "End all sessions, or all but this one"),
    _signed_in("GET", "/api/auth/me", "sessions", "Who is signed in, and what he may do"),
    _signed_in("GET", "/api/auth/sessions", "sessions", "The sessions of whoever asks"),
    _signed_in("DELETE", "/api/auth/sessions/{session_id}", "sessions", "End one of one's own sessions"),
    _signed_in("POST", "/api/auth/factors/totp", "step_up", "Begin to enrol a TOTP authenticator"),
    _signed_in(
        "POST",
        "/api/auth/factors/totp/confirm",
        "step_up",
        "Confirm the authenticator with its first code; answers recovery codes once",
    ),
    _signed_in("DELETE", "/api/auth/factors/totp", "step_up", "Remove the authenticator", step_up="account_security"),
    _signed_in(
        "POST",
        "/api/auth/factors/recovery-codes",
        "step_up",
        "Replace the recovery codes; answers the new ones once",
        step_up="account_security",
    ),
    _signed_in("GET", "/api/auth/factors/passkeys", "step_up", "The passkeys of whoever asks"),
    _signed_in(
        "POST",
        "/api/auth/factors/passkeys",
        "step_up",
        "Begin to register a passkey (WebAuthn creation options)",
        step_up="account_security",
    ),
    _signed_in(
        "POST",
        "/api/auth/factors/passkeys/confirm",
        "step_up",
        "Finish the registration with the authenticator's answer",
        step_up="account_security",
    ),
    _signed_in(
        "DELETE",
        "/api/auth/factors/passkeys/{passkey_id}",
        "step_up",
        "Remove a passkey",
        step_up="account_security",
    ),
    _signed_in("POST", "/api/auth/step-up/challenges", "step_up", "Ask for a challenge bound to a purpose"),
    # Signed in for a challenge of a session; a challenge of a sign-in or a refresh proves itself.
    _open(
        "POST", "/api/auth/step-up/verify", "step_up", "Answer a challenge; the session is granted, opened or goes on"
    ),
    _signed_in("POST", "/api/auth/password", "password", "Change one's own password; ends all other sessions"),
    _open("POST", "/api/auth/password/reset", "password", "Ask for a reset message; always answers 202"),
    _open("POST", "/api/auth/password/reset/complete", "password", "Set a new password with the message's token"),
    _open("GET", "/.well-known/jwks.json", "introspection", "Public keys of the access tokens (RFC 7517)"),
    _open("POST", "/api/auth/introspect", "introspection", "Whether an access token counts (RFC 7662)"),
    Route(
        "GET",
        "/api/settings/security",
        "settings",
        "SETTINGS_SECURITY_VIEW",
        authenticated=True,
        step_up=None,
        summary="The security settings in force",
    ),
    Route(
        "PATCH",
        "/api/settings/security",
        "settings",
        "SETTINGS_SECURITY_MANAGE",
        authenticated=True,
        step_up="rbac_admin",
        summary="Change security settings",
    ),
    _evidence("GET", "/api/compliance/cc6/access-logs", "compliance", "CC6: access logs", step_up=True),
    _evidence(
        "GET",
        "/api/compliance/cc7/session-invalidations",
        "compliance",
        "CC7: session invalidations",
        step_up=True,
    ),
    _evidence(
        "POST",
        "/api/compliance/export/bundle",
        "evidence_bundle",
        "Request the evidence bundle of a range; consumes the step-up",
        step_up=True,
    ),
    _evidence("GET", "/api/compliance/exports", "evidence_bundle", "List the exports", step_up=False),
    _evidence(
        "GET",
        "/api/compliance/exports/{export_id}",
        "evidence_bundle",
        "Status and progress of one export",
        step_up=False,
    ),
    _evidence(
        "GET",
        "/api/compliance/exports/{export_id}/download",
        "evidence_bundle",
        "Redirect to a presigned address of the finished bundle",
        step_up=True,
    ),
)


def route_of(key: str) -> Route:
    """Return the route behind an API Gateway route key; KeyError if it is none of the product's."""
    for route in ROUTES:
        if route.key == key:
            return route
    raise KeyError(key)
