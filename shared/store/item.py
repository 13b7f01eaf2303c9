"""Single operations of a transaction, and reads, as plain values over the wire's request shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import Clause, Expression, expressed
from shared.store.wire import JsonService, ServiceError, Unavailable

_BATCH_ATTEMPTS = 3


class Item(NamedTuple):
    """One operation; `label` names it when its condition fails, `key` is what it touches (for double-use checks)."""

    kind: str
    label: str
    table: str
    key: tuple[tuple[str, Any], ...]
    request: Mapping[str, Any]

    def wire(self) -> dict[str, Any]:
        return {self.kind: {**self.request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}


def put(table: str, row: Mapping[str, Any], *clauses: Clause, label: str | None = None) -> Item:
    """Write a whole row. Its key is unknown here, so `label` alone tells it apart."""
    request = {"TableName": table, "Item": marshal(row), **expressed(clauses)}
    return Item("Put", label or table, table, (), request)


def update(
    table: str,
    key: Mapping[str, Any],
    *clauses: Clause,
    set_: Mapping[str, Any] | None = None,
    remove: Sequence[str] = (),
    add: Mapping[str, int] | None = None,
    label: str | None = None,
) -> Item:
    """Change fields of one row. Without a clause it would create a row that is not there: give `present(...)`."""
    # An update of nothing stays one that DynamoDB refuses: without the member it would create the row.
    request = {"TableName": table, "Key": marshal(key), "UpdateExpression": ""}
    request |= expressed(clauses, set_, remove, add)
    return Item("Update", label or table, table, tuple(key.items()), request)


def delete(table: str, key: Mapping[str, Any], *clauses: Clause, label: str | None = None) -> Item:
    request = {"TableName": table, "Key": marshal(key), **expressed(clauses)}
    return Item("Delete", label or table, table, tuple(key.items()), request)


def check(table: str, key: Mapping[str, Any], *clauses: Clause, label: str | None = None) -> Item:
    request = {"TableName": table, "Key": marshal(key), **expressed(clauses)}
    return Item("ConditionCheck", label or table, table, tuple(key.items()), request)


def get(dynamodb: JsonService, table: str, key: Mapping[str, Any], *, consistent: bool = True) -> Row | None:
    """Read one row; `None` when there is none."""
    request = {"TableName": table, "Key": marshal(key), "ConsistentRead": consistent}
    item = dynamodb.call("GetItem", request).get("Item")
    return None if item is None else unmarshal(item)


def batch_get(dynamodb: JsonService, keys: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Row]]:
    """Read rows of several tables in one consistent call; what is not there is left out, the order is not kept.

    Raises `Unavailable` when the service keeps handing keys back unprocessed: a partial answer is no answer.
    """
    pending: dict[str, Any] = {
        table: {"Keys": [marshal(key) for key in wanted], "ConsistentRead": True}
        for table, wanted in keys.items()
        if wanted
    }
    rows: dict[str, list[Row]] = {table: [] for table in keys}
    for _ in range(_BATCH_ATTEMPTS):
        answer = dynamodb.call("BatchGetItem", {"RequestItems": pending})
        for table, items in answer.get("Responses", {}).items():
            rows[table].extend(unmarshal(item) for item in items)
        pending = answer.get("UnprocessedKeys") or {}
        if not pending:
            return rows
    raise Unavailable("DynamoDB left keys of a batch unread")


def query(
    dynamodb: JsonService,
    table: str,
    *clauses: Clause,
    descending: bool = False,
    limit: int | None = None,
) -> Iterator[Row]:
    """Read a partition consistently, page by page; `clauses` are the key condition, `limit` bounds the rows."""
    expression = Expression()
    request: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": expression.conjunction(clauses),
        "ConsistentRead": True,
        "ScanIndexForward": not descending,
        **expression.placeholders(),
    }
    left = limit
    while True:
        if left is not None:
            request["Limit"] = left
        answer = dynamodb.call("Query", request)
        items = answer.get("Items", [])
        yield from map(unmarshal, items)
        left = None if left is None else left - len(items)
        if "LastEvaluatedKey" not in answer or (left is not None and left <= 0):
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def write(dynamodb: JsonService, item: Item) -> bool:
    """Do one put, update or delete by itself, outside of any commit; False when its condition did not hold.

    For what has been told already, or decides nothing: a change of state goes through the ledger.
    """
    try:
        dynamodb.call(f"{item.kind}Item", dict(item.request))
    except ServiceError as refusal:
        if refusal.code != "ConditionalCheckFailedException":
            raise
        return False
    return True
