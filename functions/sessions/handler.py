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
from shared.edge.moved_session import MoveTables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.access_token import TokenIssuer
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    keys = keys_of(settings, dynamodb)
    log = log_of("sessions")
    ledger = ledger_of(settings, dynamodb)
    guard = guard_of(settings, dynamodb, ledger, keys, log)
    signer = Signer(keys, SecretSealer(service("kms"), settings.data_key_id))
    logout = Logout(
        dynamodb=dynamodb,
        tables=MoveTables(settings.user_sessions_table, settings.refresh_tokens_table),
        tenant_staff_table=settings.tenant_staff_table,
        throttles_table=settings.throttles_table,
        ledger=ledger,
        guard=guard,
        issuer=TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds),
    )
    return door_of(settings, log), {
        "GET /api/auth/me": Me(dynamodb=dynamodb, tenant_staff_table=settings.tenant_staff_table, guard=guard),
        "GET /api/auth/sessions": Listing(
            dynamodb=dynamodb, user_sessions_table=settings.user_sessions_table, guard=guard
        ),
        "POST /api/auth/logout": logout.this_one,
        "POST /api/auth/logout-all": logout.all_of_mine,
        "DELETE /api/auth/sessions/{session_id}": logout.one_of_mine,
    }
