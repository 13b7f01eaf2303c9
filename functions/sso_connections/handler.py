"""Lambda entry of the connections to identity providers."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.sso_connections.flow import Connections
from functions.sso_connections.records import Dns
from functions.sso_connections.settings import Settings
from shared.edge.door import Door
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    log = log_of("sso_connections")
    ledger = ledger_of(settings, dynamodb)
    flow = Connections(
        dynamodb=dynamodb,
        table=settings.sso_connections_table,
        outbox=settings.outbox_table,
        ledger=ledger,
        guard=guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log),
        sealer=SecretSealer(service("kms"), settings.data_key_id),
        records=Dns(),
        public_origin=settings.public_origin,
        loopback=settings.loopback_issuers,
    )
    return door_of(settings, log), {
        "GET /api/sso-connections": flow.list,
        "POST /api/sso-connections": flow.create,
        "GET /api/sso-connections/{connection_id}": flow.show,
        "PATCH /api/sso-connections/{connection_id}": flow.change,
        "DELETE /api/sso-connections/{connection_id}": flow.remove,
        "POST /api/sso-connections/{connection_id}/domains/verify": flow.verify,
    }
