"""Lambda entry of logout and `me`."""

import functools
import os
from typing import Any

from functions.sessions.flow import Sessions
from functions.sessions.settings import Settings
from shared.edge.door import Door
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flow = _wiring()
    return door.answer(event, flow)


@functools.cache
def _wiring() -> tuple[Door, Sessions]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    log = log_of("sessions")
    ledger = ledger_of(settings, dynamodb)
    flow = Sessions(
        dynamodb=dynamodb,
        user_sessions_table=settings.user_sessions_table,
        tenant_staff_table=settings.tenant_staff_table,
        ledger=ledger,
        guard=guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log),
    )
    return door_of(settings, log), flow
