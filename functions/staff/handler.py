"""Lambda entry of the administration of people."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import shared.edge.wiring
from functions.staff.consequences import Consequences
from functions.staff.flow import Administration, Measure
from functions.staff.listing import Listing
from functions.staff.measure import change_role, deactivate, reactivate, reset_factors, sign_out
from functions.staff.person import Tables
from functions.staff.record import Chronicler
from functions.staff.settings import Settings
from shared.edge.bodies import MEASURE, ROLE
from shared.edge.door import Door
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.store.impersonation_ends import EndTables


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    log = log_of("staff")
    ledger = ledger_of(settings, dynamodb)
    guard = guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log)
    tables = Tables(
        settings.tenant_staff_table, settings.subject_keys_table, settings.user_sessions_table, settings.outbox_table
    )
    listing = Listing(dynamodb=dynamodb, tables=tables, guard=guard)
    administration = Administration(
        dynamodb=dynamodb,
        tables=tables,
        ledger=ledger,
        guard=guard,
        chronicler=Chronicler(DataKeys(SecretSealer(service("kms"), settings.data_key_id))),
        consequences=Consequences(
            dynamodb=dynamodb,
            tables=EndTables(settings.impersonations_table, settings.user_sessions_table, settings.outbox_table),
            invites_table=settings.invites_table,
        ),
        clock=shared.edge.wiring.CLOCK,
    )
    measures = {
        "PATCH /api/staff/{staff_id}/role": Measure(ROLE, change_role, ("role", "session_version", "must_enrol")),
        "POST /api/staff/{staff_id}/deactivate": Measure(MEASURE, deactivate),
        "POST /api/staff/{staff_id}/reactivate": Measure(MEASURE, reactivate),
        "POST /api/staff/{staff_id}/logout": Measure(MEASURE, sign_out),
        "POST /api/staff/{staff_id}/factors/reset": Measure(MEASURE, reset_factors),
    }
    return door_of(settings, log), {
        "GET /api/staff": listing.everybody,
        "GET /api/staff/{staff_id}": listing.one,
        **{route: administration.by(measure) for route, measure in measures.items()},
    }
