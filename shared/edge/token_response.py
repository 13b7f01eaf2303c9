"""The answer to a login and to a refresh: an access token, a refresh token, and the session that they belong to."""

from typing import Any

from shared.audit.moment import rfc3339
from shared.runtime.access_token import Bearer


def token_response(
    bearer: Bearer, *, access_token: str, expires_in: int, refresh_token: str, refresh_expires_in: int
) -> dict[str, Any]:
    """Write the members that `api.md` promises; both lifetimes are seconds from now and never negative."""
    return {
        "token_type": "Bearer",
        "access_token": access_token,
        "expires_in": max(0, expires_in),
        "refresh_token": refresh_token,
        "refresh_expires_in": max(0, refresh_expires_in),
        "session": {
            "session_id": bearer.session_id,
            "tenant": bearer.tenant,
            "staff_id": bearer.staff_id,
            "role": bearer.standing.role,
            "acr": bearer.standing.acr,
            "created_at": rfc3339(bearer.standing.created_at),
        },
    }
