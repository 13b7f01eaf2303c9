"""Lambda entry of the refresh: the hottest and the leanest function of the product."""

import functools
import os
from typing import Any

from functions.refresh.flow import Refresh
from functions.refresh.rotation import Tables
from functions.refresh.settings import Settings
from shared.domain.refresh_token import RetryPolicy
from shared.edge.door import Door
from shared.edge.wiring import door_of, keys_of, ledger_of, log_of, service
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
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
    log = log_of("refresh")
    policy = RetryPolicy(
        settings.concurrency_window_seconds, settings.lost_response_window_seconds, settings.max_replays
    )
    tables = Tables(
        settings.tenants_table,
        settings.tenant_staff_table,
        settings.subject_keys_table,
        settings.user_sessions_table,
        settings.refresh_tokens_table,
    )
    flow = Refresh(
        dynamodb=dynamodb,
        tables=tables,
        ledger=ledger_of(settings, dynamodb),
        data_keys=DataKeys(sealer),
        issuer=TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds),
        policy=policy,
        idle_seconds=settings.refresh_idle_seconds,
        log=log,
    )
    return door_of(settings, log), flow
