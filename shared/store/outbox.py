"""`outbox`: effects that follow a commit (a started state machine; later mails and bus events).

An effect is a row of the same transaction as the change it follows from. The stream delivers it at once, a sweep
delivers what the stream lost, and every delivery is idempotent, so an effect happens at least once and counts once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import absent, equals
from shared.store.item import Item, put, update
from shared.store.wire import JsonService

START_EXPORT = "start_export"
_KEPT_SECONDS = 30 * 86_400


def effect(table: str, tenant: str, kind: str, effect_id: str, payload: Mapping[str, Any], now: float) -> Item:
    row = {
        "tenant": tenant,
        "effect_id": effect_id,
        "kind": kind,
        "payload": dict(payload),
        "status": "PENDING",
        "created_at": int(now),
        "ttl": int(now) + _KEPT_SECONDS,
    }
    return put(table, row, absent("tenant"), label="effect")


def mark_delivered(dynamodb: JsonService, table: str, row: Row, now: float) -> None:
    """Note a delivery. Only the first one is noted; a repeated one raises `ServiceError` nobody needs to act on."""
    item = update(
        table,
        {"tenant": row["tenant"], "effect_id": row["effect_id"]},
        equals("status", "PENDING"),
        set_={"status": "DELIVERED", "delivered_at": int(now)},
    )
    dynamodb.call("UpdateItem", dict(item.request))


def pending_effects(dynamodb: JsonService, table: str, created_before: float) -> Iterator[Row]:
    """Find what the stream has not delivered. A scan, bounded by the table's TTL: for the sweep alone."""
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "#s = :pending AND created_at < :before",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": marshal({":pending": "PENDING", ":before": int(created_before)}),
    }
    while True:
        answer = dynamodb.call("Scan", request)
        yield from map(unmarshal, answer.get("Items", []))
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
