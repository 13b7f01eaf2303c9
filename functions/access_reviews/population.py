"""Whom a list or a review is about: read whole, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.audit.canonical import Json
from shared.domain.access_review import in_scope
from shared.domain.permission import covers
from shared.edge.problem import Refused
from shared.evidence.access_list import document
from shared.store.access import AccessTables, Holder, access_of, holders_of
from shared.store.wire import JsonService

MAX_PEOPLE: Final = 500  # of one list: each costs a query for his sessions, and one request reads them all


@dataclass(frozen=True, slots=True)
class Population:
    dynamodb: JsonService
    tables: AccessTables

    def everybody(self, tenant: str) -> list[Holder]:
        """Read everybody of a tenant who was not erased, without his sessions. Raises `Unavailable`."""
        return list(holders_of(self.dynamodb, self.tables.tenant_staff, tenant))

    def in_scope(self, tenant: str, scope: str) -> list[Holder]:
        """Read those who have the access that a review of `scope` looks at."""
        return [one for one in self.everybody(tenant) if in_scope(scope, one.gate.status, one.gate.role)]

    def documents(self, tenant: str, holders: Sequence[Holder], now: float) -> list[dict[str, Json]]:
        """Write a line of everybody; raises `Refused` (409) for more people than one list holds."""
        if len(holders) > MAX_PEOPLE:
            raise Refused(409, "too_many_people", f"A list holds {MAX_PEOPLE} people, and there are {len(holders)}.")
        table = self.tables.user_sessions
        return [document(access_of(self.dynamodb, table, tenant, one, int(now))) for one in holders]

    def delta(self, tenant: str, scope: str, people: Sequence[dict[str, Any]], now: float) -> list[dict[str, Json]]:
        """Write who has access of `scope` now that the snapshot of `people` does not show: all of it, or more of it."""
        shown = {one["staff_id"]: one["role"] for one in people}
        since = [
            one
            for one in self.in_scope(tenant, scope)
            if one.staff_id not in shown or not covers(shown[one.staff_id], one.gate.role)
        ]
        return self.documents(tenant, since, now)
