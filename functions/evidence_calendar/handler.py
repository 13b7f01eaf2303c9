"""Lambda entry of the evidence calendar."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.evidence_calendar.flow import Calendar
from functions.evidence_calendar.reasons import Reasons
from functions.evidence_calendar.settings import Settings
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("evidence_calendar", settings)
    reasons = Reasons(parts.dynamodb, settings.subject_keys_table, DataKeys(parts.sealer))
    flow = Calendar(parts.dynamodb, settings, parts.ledger, parts.guard, reasons)
    return parts.door, {
        "GET /api/compliance/calendar": flow.show,
        "POST /api/compliance/calendar/waivers": flow.waive,
    }
