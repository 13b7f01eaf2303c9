"""Lambda entry of the legal holds."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.legal_holds.flow import LegalHolds
from functions.legal_holds.record import Chronicler
from functions.legal_holds.settings import Settings
from shared.edge.door import Door
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sealed_words import SealedWords
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    log = log_of("legal_holds")
    ledger = ledger_of(settings, dynamodb)
    data_keys = DataKeys(SecretSealer(service("kms"), settings.data_key_id))
    flow = LegalHolds(
        dynamodb=dynamodb,
        table=settings.legal_holds_table,
        tenant_staff_table=settings.tenant_staff_table,
        ledger=ledger,
        guard=guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log),
        chronicler=Chronicler(SealedWords(dynamodb, settings.subject_keys_table, data_keys)),
    )
    return door_of(settings, log), {
        "GET /api/legal-holds": flow.show,
        "POST /api/legal-holds": flow.place,
        "DELETE /api/legal-holds/{hold_id}": flow.release,
    }
