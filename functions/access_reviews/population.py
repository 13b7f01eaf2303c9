"""Whom a list or a review is about: read whole, or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.audit.canonical import Json
from shared.domain.access_review import grown
from shared.edge.problem import Refused
from shared.evidence.access_list import document
from shared.store.access import AccessTables, Holder, access_of, holders_of
from shared.store.attribute import Row
from shared.store.wire import JsonService

MAX_PEOPLE: Final = 500  # of one list: each costs a query for his sessions, and one request reads them all
MAX_DELTA: Final = 100  # lines of those who came since: they stand in the row of the review, which holds 400 KB
NOTHING: Final = ("", "")


class Delta(NamedTuple):
    """Who got access since: the first `MAX_DELTA` of them, and how many there are."""

    people: list[dict[str, Json]]
    total: int


@dataclass(frozen=True, slots=True)
class Population:
    dynamodb: JsonService
    tables: AccessTables

    def everybody(self, tenant: str) -> list[Holder]:
        """Read everybody of a tenant who was not erased, without his sessions. Raises `Unavailable`."""
        return list(holders_of(self.dynamodb, self.tables.tenant_staff, tenant))

    def documents(self, tenant: str, holders: Sequence[Holder], now: float) -> list[dict[str, Json]]:
        """Write a line of everybody; raises `Refused` (409) for more people than one list holds."""
        if len(holders) > MAX_PEOPLE:
            raise Refused(409, "too_many_people", f"A list holds {MAX_PEOPLE} people, and there are {len(holders)}.")
        table = self.tables.user_sessions
        return [document(access_of(self.dynamodb, table, tenant, one, int(now))) for one in holders]

    def delta(self, tenant: str, scope: str, items: Sequence[Row], now: float) -> Delta:
        """Find who has access of `scope` now that nobody has seen, all of it or more of it.

        `items` are the people of the review: of each counts what was decided, of the undecided what the snapshot shows.
        """
        known = {item["person"]["staff_id"]: _known(item) for item in items}
        since = [
            one
            for one in self.everybody(tenant)
            if grown(scope, known.get(one.staff_id, NOTHING), one.gate.status, one.gate.role)
        ]
        return Delta(self.documents(tenant, since[:MAX_DELTA], now), len(since))


def _known(item: Row) -> tuple[str, str]:
    """Give the status and the role that the decision left, or that the snapshot shows."""
    if "decision" not in item:
        return item["person"]["status"], item["person"]["role"]
    return item["decision"]["status_after"], item["decision"]["role_after"] or ""
