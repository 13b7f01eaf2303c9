"""EventBridge Scheduler -> settle what the address rules have left open, in every tenant of the deployment."""

import functools
import os

from functions.address_sweep.flow import AddressSweep, Done
from functions.address_sweep.settings import Settings
from shared.edge import wiring
from shared.edge.wiring import ledger_of, log_of, service
from shared.runtime.settings import from_environment


def handler(_event: object, _context: object) -> dict[str, int]:
    done: Done = _wiring().run()
    told = {"rules_undone": done.undone, "refusals_told": done.told}
    log_of("address_sweep").info("address sweep", **told)
    return told


@functools.cache
def _wiring() -> AddressSweep:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    return AddressSweep(dynamodb, ledger_of(settings, dynamodb), settings, wiring.CLOCK)
