"""Lambda entry of the security settings."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.settings.flow import SecuritySettings
from functions.settings.settings import Settings
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("settings", settings)
    flow = SecuritySettings(
        tenants_table=settings.tenants_table,
        deployment=settings.deployment(),
        ledger=parts.ledger,
        guard=parts.guard,
        access_token_seconds=settings.access_token_seconds,
    )
    return parts.door, {
        "GET /api/settings/security": flow.show,
        "PATCH /api/settings/security": flow.change,
    }
