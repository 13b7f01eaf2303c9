"""EventBridge Scheduler -> revoke what has expired, in every tenant of the deployment."""

import functools
import os

from functions.cleanup.flow import Cleanup
from functions.cleanup.settings import Settings
from shared.edge import wiring
from shared.edge.wiring import ledger_of, log_of, service
from shared.runtime.settings import from_environment


def handler(_event: object, _context: object) -> dict[str, int]:
    served = _wiring().run()
    done = {
        "tenants": len(served),
        "sessions_expired": sum(counts.sessions_expired for counts in served.values()),
        "sessions_stamped": sum(counts.sessions_stamped for counts in served.values()),
    }
    log_of("cleanup").info("cleanup", **done)
    return done


@functools.cache
def _wiring() -> Cleanup:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    return Cleanup(dynamodb, ledger_of(settings, dynamodb), settings, wiring.CLOCK)
