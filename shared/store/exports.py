"""`exports`: one row for each time that evidence left, or should have left, the system.

| attribute | what it holds |
| --- | --- |
| `tenant`, `export_id` | the key; the id is also the name of the state machine's execution |
| `kind`, `status` | `bundle` or `report`; `running`, `completed` or `failed`, and it changes once |
| `requested`, `requested_by`, `started_event` | what was asked for, by whom with which step-up, in which event |
| `deadline_at` | Unix seconds after which a running export has failed |
| `progress` | `{step, done, total}`, for people who wait |
| `result` | of a completed bundle: object, size, digest, files; of a report: the rows |
| `error` | why it failed, in words for the one who asked |
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from shared.store.attribute import Row
from shared.store.condition import absent, equals
from shared.store.item import Item, get, put, query, update
from shared.store.wire import JsonService

RUNNING, COMPLETED, FAILED = "running", "completed", "failed"
_ID = re.compile("exp_[0-9a-f]{24}")


def new_export_id() -> str:
    return f"exp_{secrets.token_hex(12)}"


def is_export_id(text: str) -> bool:
    """Tell whether `text` has the form of an id: what callers send may be longer than a key can be."""
    return _ID.fullmatch(text) is not None


def export_key(tenant: str, export_id: str) -> dict[str, str]:
    return {"tenant": tenant, "export_id": export_id}


def new_export_item(table: str, row: Row) -> Item:
    return put(table, {**row, "status": RUNNING}, absent("tenant"), label="export")


def completed_item(table: str, tenant: str, export_id: str, result: Mapping[str, Any]) -> Item:
    return update(
        table,
        export_key(tenant, export_id),
        equals("status", RUNNING),
        set_={
            "status": COMPLETED,
            "result": dict(result),
            "progress": {"step": "completed", "done": 1, "total": 1},
        },
        label="export",
    )


def failed_item(table: str, tenant: str, export_id: str, error: str) -> Item:
    return update(
        table,
        export_key(tenant, export_id),
        equals("status", RUNNING),
        set_={"status": FAILED, "error": error},
        label="export",
    )


def get_export(dynamodb: JsonService, table: str, tenant: str, export_id: str) -> Row | None:
    return get(dynamodb, table, export_key(tenant, export_id))


def exports_of(dynamodb: JsonService, table: str, tenant: str) -> Iterator[Row]:
    return query(dynamodb, table, equals("tenant", tenant))


def set_progress(dynamodb: JsonService, table: str, tenant: str, export_id: str, progress: Mapping[str, Any]) -> None:
    """Tell the one who waits how far it is. No decision hangs on it, so it needs no event and may be lost."""
    item = update(table, export_key(tenant, export_id), equals("status", RUNNING), set_={"progress": dict(progress)})
    dynamodb.call("UpdateItem", dict(item.request))


def extend_deadline(
    dynamodb: JsonService, table: str, tenant: str, export_id: str, deadline_at: int, progress: Mapping[str, Any]
) -> None:
    """Give a running export more time, because the one who reads it went on. Like progress, no decision hangs on it."""
    key, changes = export_key(tenant, export_id), {"deadline_at": deadline_at, "progress": dict(progress)}
    dynamodb.call("UpdateItem", dict(update(table, key, equals("status", RUNNING), set_=changes).request))


def count_progress(dynamodb: JsonService, table: str, tenant: str, export_id: str) -> None:
    """Count one finished piece of the current step."""
    item = update(table, export_key(tenant, export_id), equals("status", RUNNING), add={"progress.done": 1})
    dynamodb.call("UpdateItem", dict(item.request))
