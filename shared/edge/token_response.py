"""The answer to a login and to a refresh: an access token, a refresh token, and the session that they belong to.

In cookie mode the refresh token is in a cookie and nowhere in the body.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.audit.moment import rfc3339
from shared.edge.cookies import device_cookie, refresh_cookie
from shared.edge.reply import JSON, Reply, written
from shared.runtime.access_token import Bearer


class Tokens(NamedTuple):
    """A pair of tokens and the instants (Unix seconds) until which they live."""

    bearer: Bearer
    access_token: str
    access_expires_at: int
    refresh_token: str
    refresh_expires_at: int


def token_response(
    bearer: Bearer, *, access_token: str, expires_in: int, refresh_token: str, refresh_expires_in: int
) -> dict[str, Any]:
    """Write the members that `api.md` promises; both lifetimes are seconds from now and never negative."""
    members = {
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
    if bearer.standing.cookie:
        del members["refresh_token"]
    return members


def token_reply(
    tokens: Tokens,
    now: int,
    *,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
    device_id: str | None = None,
) -> Reply:
    """Answer with `tokens`; `more` are further members, `device_id` is handed to a browser that has none yet."""
    body = token_response(
        tokens.bearer,
        access_token=tokens.access_token,
        expires_in=tokens.access_expires_at - now,
        refresh_token=tokens.refresh_token,
        refresh_expires_in=tokens.refresh_expires_at - now,
    )
    cookies = [device_cookie(device_id)] if device_id else []
    if tokens.bearer.standing.cookie:
        cookies.append(refresh_cookie(tokens.refresh_token, tokens.refresh_expires_at - now))
    return Reply(200, written({**body, **(more or {})}), JSON, headers or {}, tuple(cookies))
