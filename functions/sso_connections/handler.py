"""Lambda entry of the connections to identity providers."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from functions.sso_connections.flow import Connections
from functions.sso_connections.records import Dns
from functions.sso_connections.settings import Settings
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("sso_connections", settings)
    flow = Connections(
        dynamodb=parts.dynamodb,
        table=settings.sso_connections_table,
        outbox=settings.outbox_table,
        ledger=parts.ledger,
        guard=parts.guard,
        sealer=parts.sealer,
        records=Dns(),
        public_origin=settings.public_origin,
        loopback=settings.loopback_issuers,
    )
    return parts.door, {
        "GET /api/sso-connections": flow.list,
        "POST /api/sso-connections": flow.create,
        "GET /api/sso-connections/{connection_id}": flow.show,
        "PATCH /api/sso-connections/{connection_id}": flow.change,
        "DELETE /api/sso-connections/{connection_id}": flow.remove,
        "POST /api/sso-connections/{connection_id}/domains/verify": flow.verify,
    }
