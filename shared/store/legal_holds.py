"""`legal_holds`: for whom nothing may be erased, and since when.

| `hold_id` | what it holds |
| --- | --- |
| a ULID | one hold, see below; it stays when it is released |
| `scope#tenant`, `scope#staff#<staff>` | `active`: the ids of the holds that count, absent where none does; `version` |

| attribute of a hold | what it holds |
| --- | --- |
| `status` | ACTIVE, then RELEASED for good |
| `scope`, `staff_id` | whom it keeps; `staff_id` is absent where it is everybody |
| `reason`, `release_reason` | as they were typed, until the person of the scope is erased |
| `case` | where the case is filed; absent where nobody said |
| `placed_by`, `placed_at`, `released_by`, `released_at` | staff ids and Unix seconds |

Whether anything is held is asked in the commit of an erasure, of the rows of the scopes alone: each is one row, so a
hold that is placed at the same moment meets the erasure there, and one of the two comes first.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from shared.store.attribute import Row
from shared.store.condition import absent, between, equals
from shared.store.item import Item, check, get, put, query, update
from shared.store.wire import JsonService

ACTIVE: Final = "ACTIVE"
RELEASED: Final = "RELEASED"
TENANT: Final = "tenant"  # the scopes
STAFF: Final = "staff"
# ULIDs begin with a digit, rows of scopes with a small letter.
_FIRST_ID, _AFTER_IDS = "0", "a"


class Hold(NamedTuple):
    """A hold that is placed; `staff_id` None keeps everybody of the tenant."""

    tenant: str
    hold_id: str
    staff_id: str | None
    reason: str
    case: str | None
    placed_by: str
    placed_at: int


def hold_key(tenant: str, hold_id: str) -> dict[str, str]:
    return {"tenant": tenant, "hold_id": hold_id}


def scope_key(tenant: str, staff_id: str | None) -> dict[str, str]:
    return hold_key(tenant, "scope#tenant" if staff_id is None else f"scope#{STAFF}#{staff_id}")


def scope_keys(tenant: str, staff_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Give the keys of all rows that can keep a person."""
    return scope_key(tenant, None), scope_key(tenant, staff_id)


def active_in(row: Row | None) -> tuple[str, ...]:
    """Name the holds that count, by the row of their scope."""
    return () if row is None else tuple(row.get("active", ()))


def unheld(table: str, tenant: str, staff_id: str) -> tuple[Item, Item]:
    """Check that nothing keeps a person (labels "hold_tenant" and "hold_staff")."""
    everybody, person = scope_keys(tenant, staff_id)
    return (
        check(table, everybody, absent("active"), label="hold_tenant"),
        check(table, person, absent("active"), label="hold_staff"),
    )


def read_hold(dynamodb: JsonService, table: str, tenant: str, hold_id: str) -> Row | None:
    """Read one hold; `hold_id` is an identifier, and as such never the key of a scope."""
    return get(dynamodb, table, hold_key(tenant, hold_id))


def read_scope(dynamodb: JsonService, table: str, tenant: str, staff_id: str | None) -> Row | None:
    return get(dynamodb, table, scope_key(tenant, staff_id))


def holds_of(dynamodb: JsonService, table: str, tenant: str, limit: int | None = None) -> Iterator[Row]:
    """Read the holds of a tenant, newest first, whatever became of them."""
    clauses = equals("tenant", tenant), between("hold_id", _FIRST_ID, _AFTER_IDS)
    return query(dynamodb, table, *clauses, descending=True, limit=limit)


def placed(table: str, hold: Hold, scope: Row | None) -> tuple[Item, Item]:
    """Place a hold (labels "hold" and "scope"); refuted when its scope is not as it was read."""
    active = (*active_in(scope), hold.hold_id)
    itself = put(table, hold_row(hold), absent("tenant"), label="hold")
    return itself, scoped(table, hold.tenant, hold.staff_id, scope, active)


def hold_row(hold: Hold) -> dict[str, Any]:
    """Give the row of a hold that counts."""
    row: dict[str, Any] = {
        **hold_key(hold.tenant, hold.hold_id),
        "status": ACTIVE,
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_at": hold.placed_at,
    }
    if hold.staff_id is not None:
        row["staff_id"] = hold.staff_id
    if hold.case is not None:
        row["case"] = hold.case
    return row


def released(table: str, row: Row, scope: Row | None, by: str, reason: str, now: int) -> tuple[Item, Item]:
    """Release an ACTIVE hold (labels "hold" and "scope"); refuted when somebody was faster."""
    tenant, hold_id = row["tenant"], row["hold_id"]
    changes = release_of(by, reason, now)
    itself = update(table, hold_key(tenant, hold_id), equals("status", ACTIVE), set_=changes, label="hold")
    active = tuple(other for other in active_in(scope) if other != hold_id)
    return itself, scoped(table, tenant, row.get("staff_id"), scope, active)


def release_of(by: str, reason: str, now: int) -> dict[str, Any]:
    """Give what a released hold holds beside what it held."""
    return {"status": RELEASED, "released_by": by, "released_at": now, "release_reason": reason}


def scoped(table: str, tenant: str, staff_id: str | None, before: Row | None, active: tuple[str, ...]) -> Item:
    """Name the holds that count in the row of their scope; refuted when that is not as it was read (`before`)."""
    version = 0 if before is None else before["version"]
    row: dict[str, Any] = {**scope_key(tenant, staff_id), "version": version + 1}
    if active:
        row["active"] = list(active)
    as_read = absent("tenant") if before is None else equals("version", version)
    return put(table, row, as_read, label="scope")
