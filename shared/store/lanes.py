"""Which lane a writer appends to, and where that lane ends: what one execution environment knows of its tenants' logs.

A writer begins on lane 0 and remembers the head that it wrote, so its usual append reads nothing. A memory that has
grown old is no contention: it costs one refusal and one read. Losing `MOVE_AFTER` times without a success between is:
then the writer moves to another slot at random and stays there until that happens again. A slot that is empty is
opened: its first event and the AUDIT_LANE_OPENED in lane 0 are one transaction, so that of two writers one opens and
the other reads again. Opening needs lane 0, which may be the contended one: each loss there draws another slot, and the
more of them are open, the likelier is one that needs no opening.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import NamedTuple

from shared.store.audit_logs import FIRST_LANE, Head, lane_key, read_head
from shared.store.wire import JsonService

MOVE_AFTER = 2  # losses: the first may be due to a memory that is old, the second met somebody at work


class Place(NamedTuple):
    """Where a commit appends. `opening` is the head of lane 0 where this commit is to open `lane`, else None."""

    lane: str
    head: Head
    opening: Head | None = None


class Lanes:
    """`count` is how many slots a log has, at least 1; with 1 every event stands in lane 0."""

    def __init__(self, dynamodb: JsonService, table: str, epoch: int, count: int) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._epoch = epoch
        self._count = count
        self._heads: dict[str, Head] = {}
        self._chosen: dict[str, str] = {}
        self._losses: dict[str, int] = {}

    def place(self, tenant: str, preferred: str | None, *, may_open: bool) -> Place:
        """Say where the next attempt appends; reads what is not remembered.

        Lane 0 stands in for a `preferred` lane that is not open, for a slot that the commit has no room to open, and
        for every other while it is empty: a log begins there.
        """
        lane = preferred or self._chosen.get(tenant, FIRST_LANE)
        head = self._head(tenant, lane)
        if lane == FIRST_LANE or head.seq:
            return Place(lane, head)
        first = self._head(tenant, FIRST_LANE)
        if preferred is not None or not may_open or not first.seq:
            return Place(FIRST_LANE, first)
        return Place(lane, head, first)

    def wrote(self, tenant: str, place: Place, head: Head, first: Head | None) -> None:
        """Remember the new heads of what was committed at `place`; `first` is that of lane 0 after an opening."""
        self._losses.pop(tenant, None)
        self._heads[lane_key(tenant, self._epoch, place.lane)] = head
        if first is not None:
            self._heads[lane_key(tenant, self._epoch, FIRST_LANE)] = first

    def forget(self, tenant: str, lanes: Collection[str]) -> None:
        """Drop what is remembered of heads that have moved, or may have."""
        for lane in lanes:
            self._heads.pop(lane_key(tenant, self._epoch, lane), None)

    def lost(self, tenant: str, place: Place, lanes: Collection[str]) -> bool:
        """Note that others were faster in `lanes`; tells whether the writer moves to another slot now."""
        self.forget(tenant, lanes)
        losses = self._losses[tenant] = self._losses.get(tenant, 0) + 1
        could_not_open = place.opening is not None and place.lane not in lanes
        others = [slot for slot in range(1, self._count) if str(slot) != place.lane]
        if not others or (losses < MOVE_AFTER and not could_not_open):
            return False
        self._losses.pop(tenant)
        self._chosen[tenant] = str(random.choice(others))  # noqa: S311 - to spread writers, no secret
        return True

    def _head(self, tenant: str, lane: str) -> Head:
        key = lane_key(tenant, self._epoch, lane)
        remembered = self._heads.get(key)
        if remembered is None:
            remembered = self._heads[key] = read_head(self._dynamodb, self._table, key)
        return remembered
