"""Lambda entry of the address rules."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.ip_rules.flow import IpRules, Tables
from functions.ip_rules.settings import Settings
from functions.ip_rules.simulation import Simulation, SimulationTables
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("ip_rules", settings)
    tables = Tables(settings.tenants_table, settings.ip_rules_table, settings.outbox_table)
    flow = IpRules(dynamodb=parts.dynamodb, tables=tables, ledger=parts.ledger, guard=parts.guard)
    simulation = Simulation(
        dynamodb=parts.dynamodb,
        tables=SimulationTables(
            settings.audit_logs_table, settings.audit_seals_table, settings.subject_keys_table, settings.ip_rules_table
        ),
        epoch=settings.log_epoch,
        guard=parts.guard,
        data_keys=DataKeys(parts.sealer),
    )
    return parts.door, {
        "GET /api/ip-rules": flow.show,
        "POST /api/ip-rules": flow.create,
        "POST /api/ip-rules/{rule_id}/confirm": flow.confirm,
        "DELETE /api/ip-rules/{rule_id}": flow.delete,
        "POST /api/ip-rules/simulate": simulation,
    }
