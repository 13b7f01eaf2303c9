"""Lambda entry of `me`, the list of sessions, and the logouts."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.sessions.flow import Me
from functions.sessions.listing import Listing
from functions.sessions.logout import Logout
from functions.sessions.settings import Settings
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.moved_session import MoveTables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.runtime.access_token import TokenIssuer
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("sessions", settings)
    signer = Signer(parts.keys, parts.sealer)
    logout = Logout(
        dynamodb=parts.dynamodb,
        tables=MoveTables(settings.user_sessions_table, settings.refresh_tokens_table),
        tenant_staff_table=settings.tenant_staff_table,
        throttles_table=settings.throttles_table,
        ledger=parts.ledger,
        guard=parts.guard,
        issuer=TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds),
    )
    return parts.door, {
        "GET /api/auth/me": Me(
            dynamodb=parts.dynamodb, tenant_staff_table=settings.tenant_staff_table, guard=parts.guard
        ),
        "GET /api/auth/sessions": Listing(
            dynamodb=parts.dynamodb, user_sessions_table=settings.user_sessions_table, guard=parts.guard
        ),
        "POST /api/auth/logout": logout.this_one,
        "POST /api/auth/logout-all": logout.all_of_mine,
        "DELETE /api/auth/sessions/{session_id}": logout.one_of_mine,
    }
