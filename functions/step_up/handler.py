"""Lambda entry of enrolment and step-up."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.step_up.change import Change, ChangeTables
from functions.step_up.enrolment import Enrolment
from functions.step_up.factors import Desk, FactorTables
from functions.step_up.flow import StepUp
from functions.step_up.own_factors import OwnFactors
from functions.step_up.passkeys import Passkeys
from functions.step_up.pending import Pending, PendingTables
from functions.step_up.recovery import Recovery
from functions.step_up.removal import Removal
from functions.step_up.sensitive import Sensitive
from functions.step_up.settings import Settings
from functions.step_up.waiting import WaitingRefresh, WaitingSignIn
from shared.domain.passkey import relying_party
from shared.domain.web_origin import host_of, origins_of
from shared.edge.blocking import Blocking, BlockingTables
from shared.edge.door import Door
from shared.edge.guard import Guard
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.risk_challenge import REFRESH, SIGN_IN
from shared.edge.sign_in import SignIn, SignInTables
from shared.edge.wiring import address_rules_of, policies_of
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.rotation import RotationTables
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.transaction import Ledger
from shared.store.wire import JsonService


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("step_up", settings)
    desk = _desk(settings, parts.dynamodb, parts.sealer)
    issuer = TokenIssuer(
        Signer(parts.keys, parts.sealer), settings.issuer, settings.audience, settings.access_token_seconds
    )
    policies = policies_of(settings, parts.dynamodb)
    change = Change(
        dynamodb=parts.dynamodb,
        tables=ChangeTables(settings.tenant_staff_table, settings.user_sessions_table),
        ledger=parts.ledger,
    )
    step_up = StepUp(
        desk=desk,
        challenges_table=settings.step_up_challenges_table,
        sessions_table=settings.user_sessions_table,
        ledger=parts.ledger,
        guard=parts.guard,
        issuer=issuer,
        policies=policies,
        sensitive=_sensitive(settings, desk, parts.ledger, policies),
    )
    return parts.door, {
        "POST /api/auth/step-up/challenges": step_up.challenge,
        "POST /api/auth/step-up/verify": _verify(step_up, _pending(settings, desk, parts.ledger, issuer, policies)),
        **_factors(settings, desk, change, parts.ledger, parts.guard),
    }


def _desk(settings: Settings, dynamodb: JsonService, sealer: SecretSealer) -> Desk:
    return Desk(
        dynamodb=dynamodb,
        tables=FactorTables(settings.tenant_staff_table, settings.subject_keys_table, settings.outbox_table),
        sealer=sealer,
        data_keys=DataKeys(sealer),
        party=relying_party(settings.issuer, settings.allowed_origins),
    )


def _factors(
    settings: Settings, desk: Desk, change: Change, ledger: Ledger, guard: Guard
) -> Mapping[str, Callable[[Request], Reply]]:
    challenges_table = settings.step_up_challenges_table
    enrolment = Enrolment(
        desk=desk,
        challenges_table=challenges_table,
        change=change,
        ledger=ledger,
        guard=guard,
        issuer_name=host_of(settings.issuer),
    )
    passkeys = Passkeys(desk=desk, challenges_table=challenges_table, change=change, ledger=ledger, guard=guard)
    own = OwnFactors(dynamodb=desk.dynamodb, tenant_staff_table=settings.tenant_staff_table, guard=guard)
    return {
        "GET /api/auth/factors": own,
        "POST /api/auth/factors/totp": enrolment.begin,
        "POST /api/auth/factors/totp/confirm": enrolment.confirm,
        "DELETE /api/auth/factors/totp": Removal(desk=desk, change=change, guard=guard),
        "POST /api/auth/factors/recovery-codes": Recovery(desk=desk, change=change, guard=guard),
        "GET /api/auth/factors/passkeys": passkeys.listed,
        "POST /api/auth/factors/passkeys": passkeys.begin,
        "POST /api/auth/factors/passkeys/confirm": passkeys.confirm,
        "DELETE /api/auth/factors/passkeys/{passkey_id}": passkeys.remove,
    }


def _sensitive(settings: Settings, desk: Desk, ledger: Ledger, policies: TenantPolicies) -> Sensitive:
    tables = BlockingTables(settings.tenant_staff_table, settings.user_sessions_table, settings.outbox_table)
    blocking = Blocking(tables=tables, kept_seconds=settings.security_retention_seconds)
    return Sensitive(desk=desk, policies=policies, blocking=blocking, ledger=ledger)


def _pending(settings: Settings, desk: Desk, ledger: Ledger, issuer: TokenIssuer, policies: TenantPolicies) -> Pending:
    sign_in = WaitingSignIn(
        dynamodb=desk.dynamodb,
        user_sessions_table=settings.user_sessions_table,
        sign_in=SignIn(
            tables=SignInTables(
                settings.tenant_staff_table, settings.user_sessions_table, settings.refresh_tokens_table
            ),
            issuer=issuer,
        ),
        policies=policies,
    )
    refresh = WaitingRefresh(
        tables=RotationTables(settings.tenant_staff_table, settings.user_sessions_table, settings.refresh_tokens_table),
        issuer=issuer,
        policies=policies,
    )
    return Pending(
        desk=desk,
        tables=PendingTables(
            settings.tenants_table,
            settings.tenant_staff_table,
            settings.subject_keys_table,
            settings.user_sessions_table,
            settings.step_up_challenges_table,
        ),
        ledger=ledger,
        purposes={SIGN_IN: sign_in, REFRESH: refresh},
        addresses=address_rules_of(settings, desk.dynamodb, ledger),
        allowed_origins=origins_of(settings.allowed_origins),
    )


def _verify(step_up: StepUp, pending: Pending) -> Callable[[Request], Reply]:
    """Tell the challenge of a session, which comes with an access token, from one that proves itself."""

    def verify(request: Request) -> Reply:
        if "authorization" in request.headers:
            return step_up.verify(request)
        return pending.verify(request)

    return verify
