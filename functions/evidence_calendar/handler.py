"""Lambda entry of the evidence calendar."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.evidence_calendar.flow import Calendar
from functions.evidence_calendar.reasons import Reasons
from functions.evidence_calendar.settings import Settings
from shared.edge.door import Door
from shared.edge.reply import Reply
from shared.edge.request import Request
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
    log = log_of("evidence_calendar")
    ledger = ledger_of(settings, dynamodb)
    data_keys = DataKeys(SecretSealer(service("kms"), settings.data_key_id))
    guard = guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log)
    reasons = Reasons(dynamodb, settings.subject_keys_table, data_keys)
    flow = Calendar(dynamodb, settings, ledger, guard, reasons)
    return door_of(settings, log), {
        "GET /api/compliance/calendar": flow.show,
        "POST /api/compliance/calendar/waivers": flow.waive,
    }
