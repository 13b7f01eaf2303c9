"""Lambda entry of the legal holds."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.legal_holds.flow import LegalHolds
from functions.legal_holds.record import Chronicler
from functions.legal_holds.settings import Settings
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sealed_words import SealedWords
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("legal_holds", settings)
    flow = LegalHolds(
        dynamodb=parts.dynamodb,
        table=settings.legal_holds_table,
        tenant_staff_table=settings.tenant_staff_table,
        ledger=parts.ledger,
        guard=parts.guard,
        chronicler=Chronicler(SealedWords(parts.dynamodb, settings.subject_keys_table, DataKeys(parts.sealer))),
    )
    return parts.door, {
        "GET /api/legal-holds": flow.show,
        "POST /api/legal-holds": flow.place,
        "DELETE /api/legal-holds/{hold_id}": flow.release,
    }
