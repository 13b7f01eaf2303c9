"""Lambda entry of the authorizer: API Gateway asks it before every request of an adopter's own HTTP API.

Whatever goes wrong, the answer is no: a fault is told to the operator's log, and the caller is refused (403).
"""

import functools
import os
from typing import Any, NoReturn

from functions.authorizer.flow import Allowed, Authorizer
from functions.authorizer.settings import Settings
from shared.edge import wiring
from shared.edge.address_rules import AddressRules
from shared.edge.live_session import TableNames
from shared.edge.request import request_id_of
from shared.edge.wiring import log_of, service
from shared.runtime.access_token import TokenVerifier
from shared.runtime.log import counted
from shared.runtime.origin_secret import StoredOriginSecrets
from shared.runtime.settings import from_environment
from shared.runtime.signing_keys import KeyRing

_log = log_of("authorizer")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    try:
        return _answered(event)
    except Exception as fault:  # noqa: BLE001 - whatever it is, nobody is let in for it
        told = {"metric": "control_failure", **counted("ControlFailure", wiring.CLOCK())}
        _log.error("cannot decide", fault, **told)
        return {"isAuthorized": False}


def _answered(event: dict[str, Any]) -> dict[str, Any]:
    began_at = wiring.CLOCK()
    decision = _wiring().decide(event, began_at)
    outcome, context = ("allowed", decision.context) if isinstance(decision, Allowed) else (decision.reason, None)
    _log.info(
        "decided",
        request_id=request_id_of(event),
        api=str(event["requestContext"].get("apiId", "")),
        route=str(event.get("routeKey", "")),
        outcome=outcome,
        milliseconds=round((wiring.CLOCK() - began_at) * 1000),
    )
    return {"isAuthorized": False} if context is None else {"isAuthorized": True, "context": context}


def _recorder() -> NoReturn:
    """Record nobody: the rules are only asked, and a refusal stands in the operator's log."""
    raise RuntimeError("the authorizer records no refusals")


@functools.cache
def _wiring() -> Authorizer:
    settings = from_environment(Settings, os.environ)
    dynamodb = service("dynamodb")
    keys = KeyRing(dynamodb, settings.signing_keys_table, wiring.CLOCK)
    return Authorizer(
        dynamodb=dynamodb,
        tables=TableNames(settings.tenants_table, settings.tenant_staff_table, settings.user_sessions_table),
        verifier=TokenVerifier(keys, settings.issuer, settings.audience),
        addresses=AddressRules(dynamodb, settings.ip_rules_table, _recorder),
        secrets=StoredOriginSecrets(service("secretsmanager"), settings.origin_secret_arn, wiring.CLOCK),
    )
