"""Lambda entry of the login."""

import functools
import os
from typing import Any

from functions.login.credentials import Tables
from functions.login.flow import Login, SessionTables
from functions.login.opening import Lifetimes
from functions.login.settings import Settings
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
def _wiring() -> tuple[Door, Login]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    sealer = SecretSealer(service("kms"), settings.data_key_id)
    signer = Signer(keys_of(settings, dynamodb), sealer)
    log = log_of("login")
    flow = Login(
        dynamodb=dynamodb,
        tables=Tables(settings.tenants_table, settings.tenant_staff_table, settings.subject_keys_table),
        session_tables=SessionTables(settings.user_sessions_table, settings.refresh_tokens_table),
        ledger=ledger_of(settings, dynamodb),
        data_keys=DataKeys(sealer),
        issuer=TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds),
        lifetimes=Lifetimes(settings.refresh_idle_seconds, settings.refresh_absolute_seconds),
        log=log,
    )
    return door_of(settings, log), flow
