"""Lambda entry of invites."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.invites.acceptance import Acceptance, Tables
from functions.invites.flow import Invites
from functions.invites.offer import OfferTables
from functions.invites.settings import Settings
from shared.domain.web_origin import origins_of
from shared.edge.door import Door
from shared.edge.guarded import Guarded, guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sign_in import SignIn, SignInTables
from shared.edge.wiring import address_rules_of, policies_of
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("invites", settings)
    invites = Invites(
        dynamodb=parts.dynamodb,
        tables=OfferTables(settings.invites_table, settings.subject_keys_table, settings.outbox_table),
        tenant_staff_table=settings.tenant_staff_table,
        throttles_table=settings.throttles_table,
        ledger=parts.ledger,
        guard=parts.guard,
        sealer=parts.sealer,
        data_keys=DataKeys(parts.sealer),
    )
    return parts.door, {
        "POST /api/staff/invites": invites.invite,
        "GET /api/staff/invites": invites.listed,
        "DELETE /api/staff/invites/{invite_id}": invites.revoke,
        "POST /api/auth/invites/accept": _acceptance(settings, parts),
    }


def _acceptance(settings: Settings, parts: Guarded) -> Acceptance:
    tables = SignInTables(settings.tenant_staff_table, settings.user_sessions_table, settings.refresh_tokens_table)
    signer = Signer(parts.keys, parts.sealer)
    issuer = TokenIssuer(signer, settings.issuer, settings.audience, settings.access_token_seconds)
    return Acceptance(
        dynamodb=parts.dynamodb,
        tables=Tables(
            tenants=settings.tenants_table,
            tenant_staff=settings.tenant_staff_table,
            subject_keys=settings.subject_keys_table,
            throttles=settings.throttles_table,
            invites=settings.invites_table,
            outbox=settings.outbox_table,
        ),
        ledger=parts.ledger,
        sign_in=SignIn(tables=tables, issuer=issuer),
        policies=policies_of(settings, parts.dynamodb),
        data_keys=DataKeys(parts.sealer),
        addresses=address_rules_of(settings, parts.dynamodb, parts.ledger),
        allowed_origins=origins_of(settings.allowed_origins),
        log=parts.log,
    )
