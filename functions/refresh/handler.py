"""Lambda entry of the refresh: the hottest and the leanest function of the product."""

import functools
import os
from typing import Any

from functions.refresh.aside import Aside
from functions.refresh.flow import Refresh
from functions.refresh.settings import Settings
from functions.refresh.strangers import Strangers
from shared.domain.web_origin import origins_of
from shared.edge.door import Door
from shared.edge.wiring import address_rules_of, door_of, keys_of, ledger_of, log_of, policies_of, service
from shared.runtime.access_token import TokenIssuer
from shared.runtime.rotation import RotationTables
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flow = _wiring()
    return door.answer(event, flow)


@functools.cache
def _wiring() -> tuple[Door, Refresh]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    sealer = SecretSealer(service("kms"), settings.data_key_id)
    signer = Signer(keys_of(settings, dynamodb), sealer)
    ledger = ledger_of(settings, dynamodb)
    policies = policies_of(settings, dynamodb)
    log = log_of("refresh")
    flow = Refresh(
        tables=RotationTables(settings.tenant_staff_table, settings.user_sessions_table, settings.refresh_tokens_table),
        ledger=ledger,
        issuer=TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds),
        policies=policies,
        addresses=address_rules_of(settings, dynamodb, ledger),
        aside=Aside(settings, dynamodb, sealer, ledger, policies),
        allowed_origins=origins_of(settings.allowed_origins),
        strangers=Strangers(),
        log=log,
    )
    return door_of(settings, log), flow
