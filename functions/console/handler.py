"""Lambda entry of the web console."""

import functools
import os
from typing import Any

from functions.console.flow import Console
from functions.console.settings import Settings
from functions.console.static_files import StaticFiles
from shared.edge.door import Door
from shared.edge.wiring import door_of, log_of
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flow = _wiring()
    return door.answer(event, flow)


@functools.cache
def _wiring() -> tuple[Door, Console]:
    settings = from_environment(Settings, os.environ)
    return door_of(settings, log_of("console")), Console(StaticFiles.packaged())
