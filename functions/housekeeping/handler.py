"""Lambda entry of the housekeeping, started by EventBridge Scheduler."""

import functools
import os
from collections.abc import Sequence

from functions.housekeeping.flow import FirstSigningKey, Step, run
from functions.housekeeping.settings import Settings
from shared.edge.wiring import CLOCK, log_of, service
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment


def handler(_event: object, _context: object) -> None:
    run(_wiring(), CLOCK())


@functools.cache
def _wiring() -> Sequence[Step]:
    settings = from_environment(Settings, os.environ)
    sealer = SecretSealer(service("kms"), settings.data_key_id)
    log = log_of("housekeeping")
    return (FirstSigningKey(service("dynamodb"), settings.signing_keys_table, sealer, log),)
