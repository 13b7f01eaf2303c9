"""Lambda entry of the security settings."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.settings.flow import SecuritySettings
from functions.settings.settings import Settings
from shared.edge.door import Door
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    log = log_of("settings")
    ledger = ledger_of(settings, dynamodb)
    flow = SecuritySettings(
        tenants_table=settings.tenants_table,
        deployment=settings.deployment(),
        ledger=ledger,
        guard=guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log),
        access_token_seconds=settings.access_token_seconds,
    )
    return door_of(settings, log), {
        "GET /api/settings/security": flow.show,
        "PATCH /api/settings/security": flow.change,
    }
