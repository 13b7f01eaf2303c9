"""Lambda entry of the housekeeping: EventBridge Scheduler starts it, and in an emergency an operator."""

import functools
import os
from typing import Any

from functions.housekeeping.flow import Announcement, Retention, SigningKeys, Step, run
from functions.housekeeping.settings import Settings
from shared.domain.impersonation import MAX_MINUTES
from shared.domain.signing_key import RotationPolicy
from shared.edge import wiring
from shared.edge.wiring import ledger_of, log_of, service
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment

_REVOKE = "revoke_signing_key"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer `{"revoked": kid}` to an operator, once no environment can read the key as a living one any more."""
    keys, *steps = _wiring()
    now = wiring.CLOCK()
    if _REVOKE not in event:
        run((keys, *steps), now)
        return {}
    kid = str(event[_REVOKE])
    keys.revoke(kid, now)
    run((keys, *steps), now)
    return {"revoked": kid}


@functools.cache
def _wiring() -> tuple[SigningKeys, Step, Step]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    # A previous key verifies as long as any token that it may have signed: the longest are those of impersonations.
    longest = max(settings.access_token_seconds, 60 * MAX_MINUTES)
    policy = RotationPolicy(settings.signing_key_rotation_seconds, settings.signing_key_publish_seconds, longest)
    sealer = SecretSealer(service("kms"), settings.data_key_id)
    keys = SigningKeys(dynamodb, settings.signing_keys_table, sealer, policy, log_of("housekeeping"))
    ledger = ledger_of(settings, dynamodb)
    announcement = Announcement(dynamodb, settings.signing_keys_table, settings.tenants_table, ledger)
    return keys, announcement, Retention(dynamodb, settings.tenants_table, ledger, settings.retention())
