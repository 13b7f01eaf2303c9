"""Legal holds that restored tables do not know, or know as placed that were released: a lost hold allows an erasure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from infra.restoration.operation import Change, Operation
from shared.audit.moment import unix_seconds
from shared.domain.restoration import Hold
from shared.store.attribute import Row
from shared.store.condition import absent, equals
from shared.store.item import Item, put, update
from shared.store.legal_holds import ACTIVE, active_in, hold_key, hold_row, read_hold, read_scope, release_of, scoped
from shared.store.legal_holds import Hold as Placed

RESTORED: Final = "[restored: the log holds the reason]"


@dataclass(frozen=True, slots=True)
class Holds:
    operation: Operation
    tenant: str

    def changes(self, told: Mapping[str, Hold]) -> Iterator[Change]:
        """Give the holds, one row each, and then the rows of their scopes; nothing where the tables say the same."""
        table, dynamodb = self.operation.tables.legal_holds, self.operation.dynamodb
        counts: dict[str, Hold] = {}
        for hold_id, hold in sorted(told.items()):
            row = read_hold(dynamodb, table, self.tenant, hold_id)
            if (item := self._hold(hold_id, hold, row)) is not None:
                yield f"hold/{hold_id}", (item,)
            if hold.released is not None or _may_count(row, hold):
                counts[hold_id] = hold
        for staff_id in {hold.staff_id: None for _, hold in sorted(told.items())}:
            scope = read_scope(dynamodb, table, self.tenant, staff_id)
            active = _active(scope, {key: hold for key, hold in counts.items() if hold.staff_id == staff_id})
            if active != active_in(scope):
                yield f"hold_scope/{staff_id or 'tenant'}", (scoped(table, self.tenant, staff_id, scope, active),)

    def _hold(self, hold_id: str, hold: Hold, row: Row | None) -> Item | None:
        table, key = self.operation.tables.legal_holds, hold_key(self.tenant, hold_id)
        ends = {} if hold.released is None else _release(hold.released)
        if row is None:
            if hold.placed is None:
                return None  # released by somebody, and neither the tables nor the log since know it: nothing is held
            by, at = hold.placed
            placed = Placed(self.tenant, hold_id, hold.staff_id, RESTORED, hold.case, by, int(unix_seconds(at)))
            return put(table, {**hold_row(placed), **ends}, absent("tenant"), label="hold")
        if row["status"] == ACTIVE and ends:
            return update(table, key, equals("status", ACTIVE), set_=ends, label="hold")
        return None


def _release(word: tuple[str, str]) -> Row:
    by, at = word
    return release_of(by, RESTORED, int(unix_seconds(at)))


def _may_count(row: Row | None, hold: Hold) -> bool:
    """Say whether nobody has released it, or placed it upon somebody else: by that name it could never be released."""
    return row is None or (row["status"] == ACTIVE and row.get("staff_id") == hold.staff_id)


def _active(scope: Row | None, told: Mapping[str, Hold]) -> tuple[str, ...]:
    """Say which holds of a scope count: those that did and were not released, and those that were placed since."""
    before = active_in(scope)
    kept = tuple(one for one in before if one not in told or told[one].released is None)
    new = (key for key, hold in sorted(told.items()) if hold.placed and not hold.released and key not in before)
    return (*kept, *new)
