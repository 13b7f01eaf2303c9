"""Lambda entry of the administration of people."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.staff.flow import Administration, Measure
from functions.staff.listing import Listing
from functions.staff.settings import Settings
from shared.edge.bodies import MEASURE, ROLE
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.measure import change_role, deactivate, reactivate, reset_factors, sign_out
from shared.edge.measure_wiring import measures_of, person_tables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("staff", settings)
    tables = person_tables(settings)
    listing = Listing(dynamodb=parts.dynamodb, tables=tables, guard=parts.guard)
    administration = Administration(
        dynamodb=parts.dynamodb,
        tables=tables,
        ledger=parts.ledger,
        guard=parts.guard,
        measures=measures_of(settings, parts.dynamodb, parts.guard),
    )
    routes = {
        "PATCH /api/staff/{staff_id}/role": Measure(ROLE, change_role, ("role", "session_version", "must_enrol")),
        "POST /api/staff/{staff_id}/deactivate": Measure(MEASURE, deactivate),
        "POST /api/staff/{staff_id}/reactivate": Measure(MEASURE, reactivate),
        "POST /api/staff/{staff_id}/logout": Measure(MEASURE, sign_out),
        "POST /api/staff/{staff_id}/factors/reset": Measure(MEASURE, reset_factors),
    }
    return parts.door, {
        "GET /api/staff": listing.everybody,
        "GET /api/staff/{staff_id}": listing.one,
        **{route: administration.by(measure) for route, measure in routes.items()},
    }
