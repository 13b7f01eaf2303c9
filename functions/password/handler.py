"""Lambda entry of passwords."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.password.account import Tables
from functions.password.change import Change
from functions.password.record import Chronicler
from functions.password.reset_completion import ResetCompletion
from functions.password.reset_request import ResetRequest
from functions.password.settings import Settings
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.moved_session import MoveTables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import address_rules_of
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("password", settings)
    chronicler = Chronicler(DataKeys(parts.sealer))
    tables = Tables(
        tenants=settings.tenants_table,
        tenant_staff=settings.tenant_staff_table,
        subject_keys=settings.subject_keys_table,
        throttles=settings.throttles_table,
        one_time_tokens=settings.one_time_tokens_table,
        outbox=settings.outbox_table,
    )
    change = Change(
        dynamodb=parts.dynamodb,
        tables=tables,
        move_tables=MoveTables(settings.user_sessions_table, settings.refresh_tokens_table),
        ledger=parts.ledger,
        guard=parts.guard,
        issuer=TokenIssuer(
            Signer(parts.keys, parts.sealer), settings.issuer, settings.audience, settings.access_token_seconds
        ),
        chronicler=chronicler,
    )
    addresses = address_rules_of(settings, parts.dynamodb, parts.ledger)
    request = ResetRequest(
        dynamodb=parts.dynamodb,
        tables=tables,
        ledger=parts.ledger,
        sealer=parts.sealer,
        chronicler=chronicler,
        addresses=addresses,
        log=parts.log,
    )
    completion = ResetCompletion(
        dynamodb=parts.dynamodb,
        tables=tables,
        ledger=parts.ledger,
        chronicler=chronicler,
        addresses=addresses,
        log=parts.log,
    )
    return parts.door, {
        "POST /api/auth/password": change,
        "POST /api/auth/password/reset": request,
        "POST /api/auth/password/reset/complete": completion,
    }
