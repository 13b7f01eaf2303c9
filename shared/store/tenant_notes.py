"""What scheduled work notes in the rows of `tenants`: how far it is with each.

| attribute | what it holds |
| --- | --- |
| `signing_key_announced` | kid of the signing key that the tenant's log told of last |
| `retention_told` | the retention that the tenant's log told of last, as it stands in the event |
| `cleaned_at` | Unix seconds: when the last cleanup of the tenant began |
| `collected_at` | Unix seconds: when the tenant last had its turn in the evidence calendar's run |

A note is part of the commit that it speaks of, under the condition that it is what was read before: of two runs at
once, one does the work. `collected_at` alone is no part of any: nothing follows from it but an order.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.store.attribute import marshal, unmarshal
from shared.store.condition import absent, equals, present
from shared.store.item import Item, update
from shared.store.tenants import tenant_key
from shared.store.wire import JsonService

Note = str | int | Mapping[str, str | int]

SIGNING_KEY: Final = "signing_key_announced"
CLEANED_AT: Final = "cleaned_at"
COLLECTED_AT: Final = "collected_at"
RETENTION: Final = "retention_told"


def notes(dynamodb: JsonService, table: str, name: str) -> Iterator[tuple[str, Any]]:
    """Walk all tenants with their note `name`, None where there is none: scheduled work only, never a request."""
    request: dict[str, Any] = {"TableName": table, "ProjectionExpression": f"tenant, {name}", "ConsistentRead": True}
    while True:
        answer = dynamodb.call("Scan", request)
        for row in map(unmarshal, answer.get("Items", [])):
            yield row["tenant"], row.get(name)
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = marshal(unmarshal(answer["LastEvaluatedKey"]))


def noted(table: str, tenant: str, name: str, value: Note, before: Note | None) -> Item:
    """Note `value` in the place of `before` (label "tenant"); refuted when another run was faster."""
    known = absent(name) if before is None else equals(name, before)
    return update(table, tenant_key(tenant), present("tenant"), known, set_={name: value}, label="tenant")
