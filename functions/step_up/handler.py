"""Lambda entry of enrolment and step-up."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.step_up.enrolment import Enrolment
from functions.step_up.factors import Desk, FactorTables
from functions.step_up.flow import StepUp
from functions.step_up.settings import Settings
from shared.edge.door import Door
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    sealer = SecretSealer(service("kms"), settings.data_key_id)
    keys = keys_of(settings, dynamodb)
    log = log_of("step_up")
    ledger = ledger_of(settings, dynamodb)
    guard = guard_of(settings, dynamodb, ledger, keys, log)
    tables = FactorTables(settings.tenant_staff_table, settings.subject_keys_table)
    desk = Desk(dynamodb=dynamodb, tables=tables, sealer=sealer, data_keys=DataKeys(sealer))
    enrolment = Enrolment(
        desk=desk,
        challenges_table=settings.step_up_challenges_table,
        ledger=ledger,
        guard=guard,
        issuer_name=settings.audience,
    )
    step_up = StepUp(
        desk=desk,
        challenges_table=settings.step_up_challenges_table,
        sessions_table=settings.user_sessions_table,
        ledger=ledger,
        guard=guard,
        issuer=TokenIssuer(Signer(keys, sealer), settings.issuer, settings.audience, settings.access_token_seconds),
    )
    return door_of(settings, log), {
        "POST /api/auth/factors/totp": enrolment.begin,
        "POST /api/auth/factors/totp/confirm": enrolment.confirm,
        "POST /api/auth/step-up/challenges": step_up.challenge,
        "POST /api/auth/step-up/verify": step_up.verify,
    }
