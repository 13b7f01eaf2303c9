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
from shared.edge.moved_session import MoveTables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import address_rules_of, door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
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
    sealer = SecretSealer(service("kms"), settings.data_key_id)
    keys = keys_of(settings, dynamodb)
    log = log_of("password")
    ledger = ledger_of(settings, dynamodb)
    chronicler = Chronicler(DataKeys(sealer))
    tables = Tables(
        tenants=settings.tenants_table,
        tenant_staff=settings.tenant_staff_table,
        subject_keys=settings.subject_keys_table,
        throttles=settings.throttles_table,
        one_time_tokens=settings.one_time_tokens_table,
        outbox=settings.outbox_table,
    )
    change = Change(
        dynamodb=dynamodb,
        tables=tables,
        move_tables=MoveTables(settings.user_sessions_table, settings.refresh_tokens_table),
        ledger=ledger,
        guard=guard_of(settings, dynamodb, ledger, keys, log),
        issuer=TokenIssuer(Signer(keys, sealer), settings.issuer, settings.audience, settings.access_token_seconds),
        chronicler=chronicler,
    )
    addresses = address_rules_of(settings, dynamodb, ledger)
    request = ResetRequest(
        dynamodb=dynamodb,
        tables=tables,
        ledger=ledger,
        sealer=sealer,
        chronicler=chronicler,
        addresses=addresses,
        log=log,
    )
    completion = ResetCompletion(
        dynamodb=dynamodb, tables=tables, ledger=ledger, chronicler=chronicler, addresses=addresses, log=log
    )
    return door_of(settings, log), {
        "POST /api/auth/password": change,
        "POST /api/auth/password/reset": request,
        "POST /api/auth/password/reset/complete": completion,
    }
