"""Lambda entries: of beginning, seeing and ending an impersonation; and of the sweep that tells what is over."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from functions.impersonation.begin import Begin
from functions.impersonation.end import Finish
from functions.impersonation.listing import Listing
from functions.impersonation.record import Chronicler
from functions.impersonation.settings import Settings, SweepSettings
from functions.impersonation.standing import Standing
from functions.impersonation.sweep import Sweep
from shared.domain.impersonation import MAX_MINUTES
from shared.edge import wiring
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import ledger_of, log_of, service
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import Signer
from shared.store.impersonation_ends import EndTables
from shared.store.wire import JsonService

_LONGEST_SECONDS: Final = 60 * MAX_MINUTES  # its token is the only one, so it lives as long as its session


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


def sweep(_event: object, _context: object) -> dict[str, int]:
    told = _sweep().run()
    done = {"tenants": len(told), "ended": sum(told.values())}
    log_of("impersonation_sweep").info("sweep", **done)
    return done


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("impersonation", settings)
    tables, standing = _tables(settings), _standing(settings, parts.dynamodb)
    chronicler = Chronicler(DataKeys(parts.sealer))
    begin = Begin(
        dynamodb=parts.dynamodb,
        tables=tables,
        tenants_table=settings.tenants_table,
        tenant_staff_table=settings.tenant_staff_table,
        subject_keys_table=settings.subject_keys_table,
        throttles_table=settings.throttles_table,
        ledger=parts.ledger,
        guard=parts.guard,
        standing=standing,
        chronicler=chronicler,
        issuer=TokenIssuer(Signer(parts.keys, parts.sealer), settings.issuer, settings.audience, _LONGEST_SECONDS),
    )
    return parts.door, {
        "POST /api/impersonation": begin,
        "GET /api/impersonation": Listing(
            dynamodb=parts.dynamodb, impersonations_table=tables.impersonations, standing=standing, guard=parts.guard
        ),
        "DELETE /api/impersonation": Finish(
            dynamodb=parts.dynamodb,
            tables=tables,
            subject_keys_table=settings.subject_keys_table,
            ledger=parts.ledger,
            guard=parts.guard,
            standing=standing,
            chronicler=chronicler,
        ),
    }


@functools.cache
def _sweep() -> Sweep:
    settings = from_environment(SweepSettings, os.environ)
    dynamodb = service("dynamodb")
    return Sweep(
        dynamodb=dynamodb,
        tables=_tables(settings),
        tenants_table=settings.tenants_table,
        ledger=ledger_of(settings, dynamodb),
        standing=_standing(settings, dynamodb),
        clock=wiring.CLOCK,
    )


def _tables(settings: Settings | SweepSettings) -> EndTables:
    return EndTables(settings.impersonations_table, settings.user_sessions_table, settings.outbox_table)


def _standing(settings: Settings | SweepSettings, dynamodb: JsonService) -> Standing:
    return Standing(dynamodb, settings.tenants_table, settings.tenant_staff_table, settings.user_sessions_table)
