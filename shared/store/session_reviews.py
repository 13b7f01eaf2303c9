"""The sessions that cleanup must look at: the sparse index `due_for_review` of `user_sessions`.

The index holds, for each tenant and in the order of `review_at`, the keys of the sessions that have one: those that
have not ended. It is read eventually consistent, as indexes are, so it says where to look and nothing else. Every
change here is conditional on the row being as it was read: what was used meanwhile is left alone, and looked at again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shared.domain.session import ACTIVE
from shared.domain.session_review import End, Left, Reviewed, ReviewedGate
from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import Clause, Expression, below, equals, present
from shared.store.item import Item, batch_get, update
from shared.store.refresh_tokens import token_key
from shared.store.session_ends import LIVING
from shared.store.tenant_staff import gate_key
from shared.store.wire import JsonService, ServiceError

DUE_FOR_REVIEW: Final = "due_for_review"
_PAGE: Final = 50  # one batch reads a page of sessions and their gates: at most 100 keys


def due_pages(dynamodb: JsonService, table: str, tenant: str, now: int) -> Iterator[list[Mapping[str, str]]]:
    """Give the keys of the sessions whose review is due, page by page, each once; the most overdue come first."""
    expression = Expression()
    request: dict[str, Any] = {
        "TableName": table,
        "IndexName": DUE_FOR_REVIEW,
        "KeyConditionExpression": expression.conjunction([equals("tenant", tenant), below("review_at", now + 1)]),
        "Limit": _PAGE,
        **expression.placeholders(),
    }
    while True:
        answer = dynamodb.call("Query", request)
        rows = [unmarshal(item) for item in answer.get("Items", [])]
        if rows:
            yield [{"owner": row["owner"], "session_id": row["session_id"]} for row in rows]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = marshal(unmarshal(answer["LastEvaluatedKey"]))


def read_sessions(
    dynamodb: JsonService, sessions_table: str, staff_table: str, keys: Sequence[Mapping[str, str]]
) -> list[tuple[Row, ReviewedGate | None]]:
    """Read sessions as they are now, each with its owner's gate, None where there is none."""
    gates = [gate_key(*owner.split("#", 1)) for owner in sorted({key["owner"] for key in keys})]
    rows = batch_get(dynamodb, {sessions_table: keys, staff_table: gates})
    gates_of = {(row["tenant"], row["item"]): _gate_of(row) for row in rows[staff_table]}
    return [
        (row, gates_of.get((row["tenant"], gate_key(row["tenant"], row["staff"])["item"])))
        for row in sorted(rows[sessions_table], key=lambda row: (row["owner"], row["session_id"]))
    ]


def _gate_of(row: Row) -> ReviewedGate:
    left = row.get("left")
    return ReviewedGate(row["session_version"], None if left is None else Left(**left))


def reviewed_of(row: Row) -> Reviewed:
    return Reviewed(
        row["status"],
        row["session_version"],
        row["idle_expires_at"],
        row["absolute_expires_at"],
        row.get("review_at"),
    )


def ended(table: str, row: Row, end: End, now: int, kept_seconds: int, label: str) -> Item:
    """End the session of `row`; its retention stays what it was, or is `kept_seconds` for an end by an incident."""
    changes: dict[str, Any] = {"status": end.status, "revoke_reason": end.reason, "ended_at": now}
    if end.incident_id is not None:
        changes |= {"incident_id": end.incident_id, "ttl": max(now + kept_seconds, row["ttl"])}
    return update(
        table,
        _key_of(row),
        *_as_read(row),
        set_=changes,
        remove=LIVING,
        label=label,
    )


def token_revoked(table: str, row: Row, end: End, label: str) -> Item:
    """Note on the session's current refresh token why it no longer counts; refuted where its row is gone."""
    return update(
        table, token_key(row["current_hash"]), present("token_hash"), set_={"revoke_reason": end.reason}, label=label
    )


def look_again(dynamodb: JsonService, table: str, row: Row, at: int) -> bool:
    """Move the review of a living session to `at`; False when the session changed meanwhile.

    One unaudited write, as the next one: both decide nothing about the session.
    """
    return _noted(dynamodb, update(table, _key_of(row), *_as_read(row), set_={"review_at": at}))


def forget(dynamodb: JsonService, table: str, row: Row) -> bool:
    """Take an ended session out of the index; False when it changed meanwhile."""
    ended_still = (equals("status", row["status"]), equals("review_at", row["review_at"]))
    return _noted(dynamodb, update(table, _key_of(row), *ended_still, remove=("review_at",)))


def _as_read(row: Row) -> tuple[Clause, ...]:
    return (
        equals("status", ACTIVE),
        equals("review_at", row["review_at"]),
        equals("session_version", row["session_version"]),
        equals("current_hash", row["current_hash"]),
        equals("idle_expires_at", row["idle_expires_at"]),
    )


def _key_of(row: Row) -> Mapping[str, str]:
    return {"owner": row["owner"], "session_id": row["session_id"]}


def _noted(dynamodb: JsonService, item: Item) -> bool:
    try:
        dynamodb.call("UpdateItem", dict(item.request))
    except ServiceError as refusal:
        if refusal.code in {"ConditionalCheckFailedException", "TransactionConflictException"}:
            return False
        raise
    return True
