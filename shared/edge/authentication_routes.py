"""Routes by which people sign in, stay signed in, prove themselves, and see to their own account."""

from typing import Final

from shared.edge.route import Route, open_route, own_account

AUTHENTICATION: Final[tuple[Route, ...]] = (
    open_route("GET", "/api/health", "front", "Says that the deployment serves"),
    open_route("GET", "/api/openapi.json", "front", "This description"),
    open_route("POST", "/api/auth/login", "login", "Log in with tenant, e-mail and password"),
    open_route("POST", "/api/auth/refresh", "refresh", "Exchange a refresh token for its successor"),
    own_account("POST", "/api/auth/logout", "sessions", "End this session", before_enrolment=True),
    own_account("POST", "/api/auth/logout-all", "sessions", "End all sessions, or all but this one"),
    own_account(
        "GET",
        "/api/auth/me",
        "sessions",
        "Who is signed in, and what he may do",
        impersonation=True,
        before_enrolment=True,
    ),
    own_account("GET", "/api/auth/sessions", "sessions", "The sessions of whoever asks", before_enrolment=True),
    own_account("DELETE", "/api/auth/sessions/{session_id}", "sessions", "End one of one's own sessions"),
    own_account("GET", "/api/auth/factors", "step_up", "What proves whoever asks", before_enrolment=True),
    own_account(
        "POST", "/api/auth/factors/totp", "step_up", "Begin to enrol a TOTP authenticator", before_enrolment=True
    ),
    own_account(
        "POST",
        "/api/auth/factors/totp/confirm",
        "step_up",
        "Confirm the authenticator with its first code; answers recovery codes once",
        before_enrolment=True,
    ),
    own_account("DELETE", "/api/auth/factors/totp", "step_up", "Remove the authenticator", step_up="account_security"),
    own_account(
        "POST",
        "/api/auth/factors/recovery-codes",
        "step_up",
        "Replace the recovery codes; answers the new ones once",
        step_up="account_security",
    ),
    own_account("GET", "/api/auth/factors/passkeys", "step_up", "The passkeys of whoever asks"),
    own_account(
        "POST",
        "/api/auth/factors/passkeys",
        "step_up",
        "Begin to register a passkey (WebAuthn creation options)",
        step_up="account_security",
    ),
    own_account(
        "POST",
        "/api/auth/factors/passkeys/confirm",
        "step_up",
        "Finish the registration with the authenticator's answer",
        step_up="account_security",
    ),
    own_account(
        "DELETE",
        "/api/auth/factors/passkeys/{passkey_id}",
        "step_up",
        "Remove a passkey",
        step_up="account_security",
    ),
    own_account("POST", "/api/auth/step-up/challenges", "step_up", "Ask for a challenge bound to a purpose"),
    # Signed in for a challenge of a session; a challenge of a sign-in or a refresh proves itself.
    open_route(
        "POST",
        "/api/auth/step-up/verify",
        "step_up",
        "Answer a challenge; the session is granted, opened or goes on",
        before_enrolment=True,
    ),
    own_account("POST", "/api/auth/password", "password", "Change one's own password; ends all other sessions"),
    open_route("POST", "/api/auth/password/reset", "password", "Ask for a reset message; always answers 202"),
    open_route("POST", "/api/auth/password/reset/complete", "password", "Set a new password with the message's token"),
    open_route("GET", "/.well-known/jwks.json", "introspection", "Public keys of the access tokens (RFC 7517)"),
    open_route("POST", "/api/auth/introspect", "introspection", "Whether an access token counts (RFC 7662)"),
)
