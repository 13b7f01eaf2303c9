"""`erasures`: who was erased, and whether all that was held of him is gone; a row stays for ever, and holds ids alone.

| attribute | what it holds |
| --- | --- |
| `tenant`, `staff_id` | the key |
| `status` | OPEN until the last row is gone, then DONE |
| `subjects` | all ids under which he was known: his own, and those of invites to his address |
| `erased_at`, `event_id`, `done_at` | Unix seconds, and the id of PII_ERASED |
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import absent, equals
from shared.store.item import Item, put, update
from shared.store.wire import JsonService

OPEN: Final = "OPEN"
DONE: Final = "DONE"


class Erasure(NamedTuple):
    tenant: str
    staff_id: str
    subjects: tuple[str, ...]
    erased_at: int
    event_id: str
    done: bool = False


def erasure_key(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "staff_id": staff_id}


def erasure_of(row: Row) -> Erasure:
    done = row["status"] == DONE
    return Erasure(row["tenant"], row["staff_id"], tuple(row["subjects"]), row["erased_at"], row["event_id"], done)


def begun(table: str, erasure: Erasure) -> Item:
    """Order what is left to be taken away (label "erasure"); refuted when the person was erased before."""
    return put(table, _order(erasure), absent("tenant"), label="erasure")


def ordered_again(table: str, erasure: Erasure) -> Item:
    """Order it whatever was ordered before (label "erasure"): of tables that were restored something is back."""
    return put(table, _order(erasure), label="erasure")


def finished(table: str, erasure: Erasure, now: int) -> Item:
    """Note that nothing is left; refuted when another run noted it."""
    key = erasure_key(erasure.tenant, erasure.staff_id)
    return update(table, key, equals("status", OPEN), set_={"status": DONE, "done_at": now})


def _order(erasure: Erasure) -> Row:
    return {
        **erasure_key(erasure.tenant, erasure.staff_id),
        "status": OPEN,
        "subjects": list(erasure.subjects),
        "erased_at": erasure.erased_at,
        "event_id": erasure.event_id,
    }


def open_erasures(dynamodb: JsonService, table: str) -> Iterator[Erasure]:
    """Find what is not finished, in all tenants. A scan of one small row a person: for the sweep alone."""
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "#s = :open",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": marshal({":open": OPEN}),
        "ConsistentRead": True,
    }
    while True:
        answer = dynamodb.call("Scan", request)
        yield from map(erasure_of, map(unmarshal, answer.get("Items", [])))
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
