"""Address rules put straight into the tables, and the routes of the rules, called from a chosen address."""

import secrets
from typing import Any, Final

from functions.address_sweep.handler import handler as sweep_handler
from functions.ip_rules.handler import handler as rules_handler
from shared.domain.ip_rule import Network, Pending, Rule, network_of
from shared.store.attribute import Row
from shared.store.ip_rules import StoredRule, read_rules, rule_written, rules_changed
from shared.store.item import get
from shared.store.tenants import tenant_key
from tests.functions.estate import Estate, Place, Response, call, event
from tests.functions.signed_in import SignedIn

SHOW: Final = "GET /api/ip-rules"
CREATE: Final = "POST /api/ip-rules"
CONFIRM: Final = "POST /api/ip-rules/{rule_id}/confirm"
DELETE: Final = "DELETE /api/ip-rules/{rule_id}"
SIMULATE: Final = "POST /api/ip-rules/simulate"

HOME: Final = Place(address="198.51.100.7")
OFFICE: Final = Place(address="203.0.113.9")


def put_rules(estate: Estate, tenant: str, *rules: tuple[Any, ...]) -> list[str]:
    """Write rules as their commit does: action, network, for a pending one the kind and its end; gives their ids."""
    written = [_stored(*rule) for rule in rules]
    known = [stored.rule for stored in stored_rules(estate, tenant)]
    after = [*known, *(stored.rule for stored in written)]
    items = [rule_written(estate.prefix + "ip_rules", tenant, stored, new=True) for stored in written]
    items.append(rules_changed(estate.prefix + "tenants", tenant_row(estate, tenant), after))
    request = {"TransactItems": [item.wire() for item in items], "ClientRequestToken": secrets.token_hex(16)}
    estate.dynamodb.call("TransactWriteItems", request)
    return [stored.rule_id for stored in written]


def _stored(action: Any, cidr: str, pending: Pending | None = None, until: float = 0) -> StoredRule:
    network = network_of(cidr)
    assert isinstance(network, Network)
    return StoredRule(Rule(f"r_{secrets.token_hex(6)}", network, action, pending, int(until)), None, "somebody", 1)


def stored_rules(estate: Estate, tenant: str) -> list[StoredRule]:
    return read_rules(estate.dynamodb, estate.prefix + "ip_rules", tenant)


def tenant_row(estate: Estate, tenant: str) -> Row:
    row = get(estate.dynamodb, estate.prefix + "tenants", tenant_key(tenant))
    assert row is not None
    return row


def told(estate: Estate, tenant: str, action: str) -> list[dict[str, Any]]:
    return [each for each in estate.events(tenant) if each["action"] == action]


def ask(
    session: SignedIn,
    route: str,
    body: object = None,
    *,
    rule: str | None = None,
    place: Place = HOME,
    query: str = "",
) -> Response:
    """Call a route of the rules from `place`; `rule` is the one in the path."""
    document = event(route, body, bearer=session.access_token, place=place, query=query)
    if rule is not None:
        document["pathParameters"] = {"rule_id": rule}
    return call(rules_handler, document)


def sweep() -> dict[str, int]:
    return sweep_handler({}, None)
