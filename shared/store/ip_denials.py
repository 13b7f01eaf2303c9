"""`ip_denials`: addresses that the rules of a tenant refuse, one row an address, while its refusals are being folded.

| attribute | what it holds |
| --- | --- |
| `tenant`, `source` | the key; the address as a digest |
| `minute` | of the refusal that was last told in an event of its own |
| `folded` | how many were refused since without an event |
| `event_id`, `reason`, `rule_id` | of that event; `rule_id` absent where no rule names the address |
| `network`, `country` | of that address, as events tell them |
| `ttl` | Unix seconds; the sweep takes the row away long before |

Every refusal is counted before it is told: in the row, in the minute that has its event already, or else by an event
that takes over what was folded. Whoever removes a row tells of what it holds in the same commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import Clause, absent, equals
from shared.store.item import Item, delete, put, update
from shared.store.throttles import address_digest, digest
from shared.store.wire import JsonService, ServiceError

_MINUTE = 60
_KEPT_SECONDS = 30 * 86_400
_LOST = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})


@dataclass(frozen=True, slots=True)
class Told:
    """The event of a refusal, as its row remembers it."""

    event_id: str
    reason: str
    rule_id: str | None
    network: str
    country: str


def denial_key(tenant: str, address: str) -> dict[str, str]:
    return {"tenant": tenant, "source": digest(tenant, address_digest(address))}


def folded(dynamodb: JsonService, table: str, key: dict[str, str], now: float) -> bool:
    """Count a refusal in the minute of the address's last event; False where that was in another minute, or never."""
    item = update(table, key, equals("minute", _minute(now)), add={"folded": 1})
    try:
        dynamodb.call("UpdateItem", dict(item.request))
    except ServiceError as refusal:
        if refusal.code not in _LOST:
            raise
        return False
    return True


def told(table: str, key: dict[str, str], before: Row | None, event: Told, now: float) -> Item:
    """Begin to fold behind `event` (label "denial"); refuted when the row is not `before` any more."""
    row: dict[str, Any] = {
        **key,
        "minute": _minute(now),
        "folded": 0,
        "event_id": event.event_id,
        "reason": event.reason,
        "network": event.network,
        "country": event.country,
        "ttl": int(now) + _KEPT_SECONDS,
    }
    if event.rule_id is not None:
        row["rule_id"] = event.rule_id
    return put(table, row, *_unchanged(before), label="denial")


def counts_now(row: Row, now: float) -> bool:
    """Tell whether a refusal of this minute belongs to the event of a row, though it could not be counted just now."""
    return bool(row["minute"] == _minute(now))


def over(row: Row, now: float) -> bool:
    """Tell whether the minute of a row has passed: what it holds is complete."""
    return bool(row["minute"] < _minute(now))


def removed(table: str, row: Row) -> Item:
    """Take a row away (label "denial"); refuted when another refusal was counted since."""
    return delete(table, {"tenant": row["tenant"], "source": row["source"]}, *_unchanged(row), label="denial")


def drop(dynamodb: JsonService, table: str, row: Row) -> None:
    """Take a row away that holds nothing untold; one that has changed stays."""
    try:
        dynamodb.call("DeleteItem", dict(removed(table, row).request))
    except ServiceError as refusal:
        if refusal.code not in _LOST:
            raise


def denials(dynamodb: JsonService, table: str) -> Iterator[Row]:
    """Walk all rows of the deployment, which are those of the last minutes: for the sweep alone."""
    request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    while True:
        answer = dynamodb.call("Scan", request)
        yield from map(unmarshal, answer.get("Items", []))
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = marshal(unmarshal(answer["LastEvaluatedKey"]))


def _unchanged(row: Row | None) -> tuple[Clause, ...]:
    if row is None:
        return (absent("tenant"),)
    return equals("minute", row["minute"]), equals("folded", row["folded"]), equals("event_id", row["event_id"])


def _minute(now: float) -> int:
    return int(now) // _MINUTE
