"""Lambda entry of health, the API description, and API Gateway's `$default` route."""

import functools
import os
from typing import Any

from functions.front.flow import Front
from functions.front.settings import Settings
from shared.edge.door import Door
from shared.edge.wiring import door_of, log_of
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flow = _wiring()
    return door.answer(event, flow)


@functools.cache
def _wiring() -> tuple[Door, Front]:
    settings = from_environment(Settings, os.environ)
    return door_of(settings, log_of("front")), Front(settings.issuer, settings.software_version)
