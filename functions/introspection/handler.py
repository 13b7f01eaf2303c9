"""Lambda entry of the public keys and of introspection."""

import functools
import os
from typing import Any

from functions.introspection.flow import Introspection
from functions.introspection.settings import Settings
from shared.edge import wiring
from shared.edge.door import Door
from shared.edge.live_session import TableNames
from shared.edge.wiring import door_of, log_of, service
from shared.runtime.access_token import TokenVerifier
from shared.runtime.origin_secret import StoredOriginSecrets
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import KeyRing


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flow = _wiring()
    return door.answer(event, flow)


@functools.cache
def _wiring() -> tuple[Door, Introspection]:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    keys = KeyRing(dynamodb, settings.signing_keys_table, wiring.CLOCK)
    flow = Introspection(
        dynamodb=dynamodb,
        tables=TableNames(settings.tenants_table, settings.tenant_staff_table, settings.user_sessions_table),
        keys=keys,
        verifier=TokenVerifier(keys, settings.issuer, settings.audience),
        secrets=StoredOriginSecrets(service("secretsmanager"), settings.introspection_secret_arn, wiring.CLOCK),
        issuer=settings.issuer,
        audience=settings.audience,
    )
    return door_of(settings, log_of("introspection")), flow
