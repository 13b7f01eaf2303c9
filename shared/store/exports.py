"""`exports`: one row for each time that evidence left, or should have left, the system.

| attribute | what it holds |
| --- | --- |
| `tenant`, `export_id` | the key; the id is also the name of the state machine's execution, and ids sort by time |
| `kind`, `status` | one of `KINDS`; `running`, `completed` or `failed`, and it changes once |
| `running` | tenant and kind, while it runs; of the system apart: the partition of the index `RUNNING_BY_DEADLINE` |
| `requested`, `requested_by`, `started_event` | what was asked for, by whom with which step-up, in which event |
| `requested_by.type` | `system` where no person asked: then `role` and `step_up` are null; absent of a person |
| `deadline_at` | Unix seconds after which a running export has failed; a bundle has little time to begin |
| `progress` | for people who wait: `{step, done, total}`; of a bundle's steps `{step, total, counted}`, by worker |
| `result` | of a completed bundle: object, size, digest, files; of a report: the rows |
| `error` | why it failed, in words for the one who asked |

The index is sparse: an export that has ended is not in it. It is read eventually consistent, so it says where to look:
whoever ends an export reads it again, and ends it under the condition that it runs.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from shared.store.attribute import Row, unmarshal
from shared.store.condition import Clause, Expression, absent, before, below, differs, equals
from shared.store.item import Item, get, put, query, update, write
from shared.store.outbox import START_EXPORT, effect
from shared.store.wire import JsonService

RUNNING, COMPLETED, FAILED = "running", "completed", "failed"
BUNDLE, REPORT, SAMPLE = KINDS = ("bundle", "report", "sample")
RUNNING_BY_DEADLINE: Final = "running_by_deadline"
SYSTEM: Final = "system"
START_SECONDS: Final = 3_600  # a bundle whose state machine has not begun by then has failed
STEPS: Final = ("requested", "render", "manifest", "assemble")  # of a bundle, as `progress` goes through them
BUNDLE_DEADLINE_SECONDS = 7 * 3_600  # beyond the six hours of the state machine: the sweep then ends it as failed
_ID = re.compile("exp_[0-9a-f]{24}")
_LATEST_MILLISECOND: Final = 2**48 - 1
_BY_ITSELF: Final = f"{BUNDLE}#{SYSTEM}"  # what the system asks for takes nobody's place
MOST_LOOKED_AT: Final = 500  # rows, for a page of one kind
_MOST_ENDED: Final = 500  # of one kind in one run of the sweep: the next run finds the others


class Latest(NamedTuple):
    """A page of exports; `ended_at` is the last id that it looked at, None where there are no others."""

    rows: list[Row]
    ended_at: str | None


def new_export_id(now: float) -> str:
    """Make an id: 48 bits of Unix milliseconds, by which a tenant's exports sort, and 48 random bits."""
    return f"exp_{min(int(now * 1000), _LATEST_MILLISECOND):012x}{secrets.token_hex(6)}"


def is_export_id(text: str) -> bool:
    """Tell whether `text` has the form of an id: what callers send may be longer than a key can be."""
    return _ID.fullmatch(text) is not None


def export_key(tenant: str, export_id: str) -> dict[str, str]:
    return {"tenant": tenant, "export_id": export_id}


def new_export_item(table: str, row: Row) -> Item:
    itself = {**row, "status": RUNNING, "running": _running(row["tenant"], _counted_as(row))}
    return put(table, itself, absent("tenant"), label="export")


def new_bundle_row(
    tenant: str,
    export_id: str,
    asked: Mapping[str, Any],
    requested_by: Mapping[str, Any],
    started_event: str,
    now: float,
) -> Row:
    """Give the row of a bundle that is asked for; `asked` holds `requested`, and `samples` where there are any."""
    return {
        **export_key(tenant, export_id),
        "kind": BUNDLE,
        "status": RUNNING,
        **asked,
        "requested_by": dict(requested_by),
        "started_event": started_event,
        "created_at": int(now),
        "deadline_at": int(now) + START_SECONDS,
        "progress": {"step": "requested", "done": 0, "total": 0},
    }


def new_bundle_items(exports_table: str, outbox_table: str, row: Row, now: float) -> tuple[Item, Item]:
    """Put the row of a bundle, and the effect that starts its state machine (labels "export" and "effect")."""
    ids = {"tenant": row["tenant"], "export_id": row["export_id"]}
    started = effect(outbox_table, row["tenant"], START_EXPORT, row["export_id"], ids, now)
    return new_export_item(exports_table, row), started


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
        remove=("running",),
        label="export",
    )


def failed_item(table: str, tenant: str, export_id: str, error: str) -> Item:
    return update(
        table,
        export_key(tenant, export_id),
        equals("status", RUNNING),
        set_={"status": FAILED, "error": error},
        remove=("running",),
        label="export",
    )


def get_export(dynamodb: JsonService, table: str, tenant: str, export_id: str) -> Row | None:
    return get(dynamodb, table, export_key(tenant, export_id))


def latest_exports(
    dynamodb: JsonService,
    table: str,
    tenant: str,
    limit: int,
    older_than: str | None = None,
    kind: str | None = None,
) -> Latest:
    """Read at most `limit` exports of a tenant, the latest first; `older_than` is where the page before ended.

    Those of one `kind` are looked for among all, so a page may end before it is full: where it has looked at
    `MOST_LOOKED_AT`.
    """
    page = () if older_than is None else (before("export_id", older_than),)
    most = limit if kind is None else MOST_LOOKED_AT
    rows = query(dynamodb, table, equals("tenant", tenant), *page, descending=True, limit=most + 1)
    found, looked_at = list[Row](), older_than
    for number, row in enumerate(rows):
        if number == most:
            return Latest(found, looked_at)
        if kind in {None, row["kind"]}:
            if len(found) == limit:
                return Latest(found, found[-1]["export_id"])
            found.append(row)
        looked_at = row["export_id"]
    return Latest(found, None)


def overdue_exports(dynamodb: JsonService, table: str, tenant: str, now: float) -> Iterator[str]:
    """Name exports that ran behind their deadline when the index was written, the most overdue of each kind first."""
    for kind in (*KINDS, _BY_ITSELF):
        clauses = equals("running", _running(tenant, kind)), below("deadline_at", int(now))
        yield from itertools.islice(_indexed(dynamodb, table, clauses, _MOST_ENDED), _MOST_ENDED)


def running_exports(dynamodb: JsonService, table: str, tenant: str, kind: str, limit: int) -> list[str]:
    """Name at most `limit` exports of a kind that people asked for and that run, as the index has them."""
    clauses = (equals("running", _running(tenant, kind)),)
    return list(itertools.islice(_indexed(dynamodb, table, clauses, limit), limit))


def _indexed(dynamodb: JsonService, table: str, clauses: tuple[Clause, ...], limit: int) -> Iterator[str]:
    expression = Expression()
    request: dict[str, Any] = {
        "TableName": table,
        "IndexName": RUNNING_BY_DEADLINE,
        "KeyConditionExpression": expression.conjunction(clauses),
        "Limit": limit,
        **expression.placeholders(),
    }
    while True:
        answer = dynamodb.call("Query", request)
        yield from (unmarshal(item)["export_id"] for item in answer.get("Items", []))
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _counted_as(row: Row) -> str:
    return _BY_ITSELF if row["requested_by"].get("type") == SYSTEM else row["kind"]


def _running(tenant: str, kind: str) -> str:
    return f"{tenant}#{kind}"


@dataclass(frozen=True, slots=True)
class Progress:
    """Tells whoever waits for a bundle how far it is.

    No decision hangs on progress, so it needs no event and may be lost. `begin` and `whole` raise `ServiceError` for an
    export that has ended, and for a step behind which another has begun: then there is nothing left to do.
    """

    dynamodb: JsonService
    table: str
    tenant: str
    export_id: str

    def begin(self, step: str, total: int) -> None:
        """Begin a step; what a repetition of it finds counted stays counted. None goes back to an earlier step."""
        begun = {"step": step, "total": total, "counted": {}}
        ahead = [differs("progress.step", later) for later in STEPS[STEPS.index(step) :]]
        if not write(self.dynamodb, self._update({"progress": begun}, *ahead)):
            self._insist(step, {"progress.total": total})

    def more(self, step: str, worker: int, done: int) -> None:
        """Tell how much of the step this worker has done, unless more was told before: a repeated one starts over."""
        field = f"progress.counted.{worker}"
        more = Clause("(attribute_not_exists({field}) OR {field} < {value})", field, done)
        write(self.dynamodb, self._update({field: done}, equals("progress.step", step), more))

    def whole(self, step: str, worker: int, done: int) -> None:
        """Tell that this worker has done all of its part."""
        self._insist(step, {f"progress.counted.{worker}": done})

    def _insist(self, step: str, changes: Mapping[str, Any]) -> None:
        self.dynamodb.call("UpdateItem", dict(self._update(changes, equals("progress.step", step)).request))

    def _update(self, changes: Mapping[str, Any], *clauses: Clause) -> Item:
        key, running = export_key(self.tenant, self.export_id), equals("status", RUNNING)
        return update(self.table, key, running, *clauses, set_=changes)


def progress_of(row: Row) -> dict[str, Any]:
    """Give the progress of an export as people are told of it."""
    progress = row["progress"]
    if "counted" not in progress:
        return dict(progress)
    return {"step": progress["step"], "done": sum(progress["counted"].values()), "total": progress["total"]}


def extend_deadline(
    dynamodb: JsonService, table: str, tenant: str, export_id: str, deadline_at: int, progress: Mapping[str, Any]
) -> None:
    """Give a running export more time: whoever reads it went on, or its state machine has begun.

    Raises `ServiceError` for one that has ended.
    """
    key, changes = export_key(tenant, export_id), {"deadline_at": deadline_at, "progress": dict(progress)}
    dynamodb.call("UpdateItem", dict(update(table, key, equals("status", RUNNING), set_=changes).request))
