"""Lambda entry of single sign-on."""

import functools
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final

from functions.sso.callback import Callback
from functions.sso.chronicle import Chronicle, Tables
from functions.sso.discovery import Discovery
from functions.sso.exchange import Exchange
from functions.sso.linking import Linking
from functions.sso.outbound import Outbound
from functions.sso.own_identities import OwnIdentities
from functions.sso.provider import Providers
from functions.sso.settings import Settings
from functions.sso.start import Start
from functions.sso.token_endpoint import TokenEndpoint
from shared.domain.passkey import relying_party
from shared.domain.web_origin import origins_of
from shared.edge import wiring
from shared.edge.address_rules import AddressRules
from shared.edge.blocking import Blocking, BlockingTables
from shared.edge.door import Door
from shared.edge.guard import Guard
from shared.edge.guarded import Guarded, guarded
from shared.edge.outcome import Outcomes, OutcomeTables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sign_in import SignIn, SignInTables
from shared.edge.weighing import Scales
from shared.edge.wiring import address_rules_of, policies_of
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer
from shared.store.wire import JsonService

# Of one call to a provider, from the connection to the last byte. A callback makes at most three; API Gateway waits 30.
OUTBOUND_SECONDS: Final = 3.0


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("sso", settings)
    data_keys = DataKeys(parts.sealer)
    tables = _tables(settings)
    addresses = address_rules_of(settings, parts.dynamodb, parts.ledger)
    chronicle = Chronicle(
        dynamodb=parts.dynamodb, tables=tables, ledger=parts.ledger, data_keys=data_keys, log=parts.log
    )
    outbound = Outbound(settings.loopback_issuers, OUTBOUND_SECONDS, ssl.create_default_context())
    providers = Providers(outbound, wiring.CLOCK)
    linking = _linking(settings, parts.guard, chronicle, providers)
    own = OwnIdentities(
        dynamodb=parts.dynamodb, tables=tables, ledger=parts.ledger, guard=parts.guard, chronicle=chronicle
    )
    exchange = _exchange(settings, parts.dynamodb, chronicle, _outcomes(settings, parts), addresses)
    callback = Callback(
        dynamodb=parts.dynamodb,
        tables=tables,
        ledger=parts.ledger,
        chronicle=chronicle,
        providers=providers,
        endpoint=TokenEndpoint(outbound, parts.sealer),
        exchange=exchange,
        linking=linking,
        data_keys=data_keys,
        addresses=addresses,
        public_origin=settings.public_origin,
    )
    start = Start(
        dynamodb=parts.dynamodb,
        tables=tables,
        chronicle=chronicle,
        providers=providers,
        data_keys=data_keys,
        addresses=addresses,
        public_origin=settings.public_origin,
    )
    return parts.door, {
        "POST /api/auth/sso/discover": Discovery(dynamodb=parts.dynamodb, tables=tables, chronicle=chronicle),
        "GET /api/auth/sso/{tenant}/{connection}/start": start,
        "GET /api/auth/sso/callback": callback,
        "POST /api/auth/sso/token": exchange,
        "POST /api/auth/sso/link": linking.begin,
        "GET /api/auth/sso/identities": own.list,
        "DELETE /api/auth/sso/identities/{identity_id}": own.remove,
    }


def _tables(settings: Settings) -> Tables:
    return Tables(
        tenants=settings.tenants_table,
        tenant_staff=settings.tenant_staff_table,
        subject_keys=settings.subject_keys_table,
        throttles=settings.throttles_table,
        one_time_tokens=settings.one_time_tokens_table,
        outbox=settings.outbox_table,
        sso_connections=settings.sso_connections_table,
    )


def _linking(settings: Settings, guard: Guard, chronicle: Chronicle, providers: Providers) -> Linking:
    return Linking(
        dynamodb=chronicle.dynamodb,
        tables=chronicle.tables,
        user_sessions_table=settings.user_sessions_table,
        ledger=chronicle.ledger,
        guard=guard,
        chronicle=chronicle,
        providers=providers,
        data_keys=chronicle.data_keys,
        public_origin=settings.public_origin,
    )


def _exchange(
    settings: Settings, dynamodb: JsonService, chronicle: Chronicle, outcomes: Outcomes, addresses: AddressRules
) -> Exchange:
    return Exchange(
        dynamodb=dynamodb,
        tables=chronicle.tables,
        chronicle=chronicle,
        scales=Scales(
            dynamodb=dynamodb,
            user_sessions_table=settings.user_sessions_table,
            policies=policies_of(settings, dynamodb),
        ),
        outcomes=outcomes,
        addresses=addresses,
        allowed_origins=origins_of(settings.allowed_origins),
    )


def _outcomes(settings: Settings, parts: Guarded) -> Outcomes:
    signer = Signer(parts.keys, parts.sealer)
    staff, sessions = settings.tenant_staff_table, settings.user_sessions_table
    return Outcomes(
        tables=OutcomeTables(staff, settings.step_up_challenges_table, settings.outbox_table),
        ledger=parts.ledger,
        party=relying_party(settings.issuer, settings.allowed_origins),
        blocking=Blocking(
            tables=BlockingTables(staff, sessions, settings.outbox_table),
            kept_seconds=settings.security_retention_seconds,
        ),
        sign_in=SignIn(
            tables=SignInTables(staff, sessions, settings.refresh_tokens_table),
            issuer=TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds),
        ),
    )
