"""Lambda entry of the login."""

import functools
import os
from typing import Any

from functions.login.credentials import Tables
from functions.login.flow import Login
from functions.login.settings import Settings
from shared.domain.passkey import relying_party
from shared.domain.web_origin import origins_of
from shared.edge.blocking import Blocking, BlockingTables
from shared.edge.door import Door
from shared.edge.outcome import Outcomes, OutcomeTables
from shared.edge.sign_in import SignIn, SignInTables
from shared.edge.weighing import Scales
from shared.edge.wiring import address_rules_of, door_of, keys_of, ledger_of, log_of, policies_of, service
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
    ledger = ledger_of(settings, dynamodb)
    log = log_of("login")
    tables = Tables(
        settings.tenants_table, settings.tenant_staff_table, settings.subject_keys_table, settings.throttles_table
    )
    outcome_tables = OutcomeTables(
        settings.tenant_staff_table, settings.step_up_challenges_table, settings.outbox_table
    )
    flow = Login(
        dynamodb=dynamodb,
        tables=tables,
        ledger=ledger,
        data_keys=DataKeys(sealer),
        scales=Scales(
            dynamodb=dynamodb,
            user_sessions_table=settings.user_sessions_table,
            policies=policies_of(settings, dynamodb),
        ),
        outcomes=Outcomes(
            tables=outcome_tables,
            ledger=ledger,
            party=relying_party(settings.issuer, settings.allowed_origins),
            blocking=Blocking(
                tables=BlockingTables(settings.tenant_staff_table, settings.user_sessions_table, settings.outbox_table),
                kept_seconds=settings.security_retention_seconds,
            ),
            sign_in=SignIn(
                tables=SignInTables(
                    settings.tenant_staff_table, settings.user_sessions_table, settings.refresh_tokens_table
                ),
                issuer=TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds),
            ),
        ),
        addresses=address_rules_of(settings, dynamodb, ledger),
        allowed_origins=origins_of(settings.allowed_origins),
        log=log,
    )
    return door_of(settings, log), flow
