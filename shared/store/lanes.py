"""Which lane a writer appends to, and where that lane ends: what one execution environment knows of its tenants' logs.

A writer begins on lane 0 and remembers the head that it wrote, so its usual append reads nothing. A memory that has
grown old is no contention: it costs one refusal and one read. But who loses a number although he learned of the head
within the last `FRESH_SECONDS` has met somebody at work. After `MOVE_AFTER` such losses, with no append between that
went through at once, the writer moves to another slot at random and stays there until that happens again. An empty slot
is opened: its first event and the AUDIT_LANE_OPENED in lane 0 are one transaction, so that of two writers one opens and
the other reads again. Opening needs lane 0, which may be the contended one: each loss there draws another slot, and the
more of them are open, the likelier is one that needs no opening.

Whoever writes without a pause never loses: he knows each head before anybody else can read it, and would keep all
others from lane 0 and from opening anything. So a writer in haste (`HASTY_APPENDS` in a row) leaves lane 0 of his own
accord.

A lane whose last row has expired is never continued: who was driven there goes back to lane 0, and an expired lane 0
ends the log (`LogExpired` of the ledger).
"""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import NamedTuple

from shared.store.audit_logs import FIRST_LANE, ExpiredLaneError, Head, head_to_continue, lane_key
from shared.store.wire import JsonService

MOVE_AFTER = 2
FRESH_SECONDS = 0.5
HASTY_APPENDS = 16
MEMORY_SECONDS = 86_400  # an older memory is read again: the rows behind it may have come and expired meanwhile


class Place(NamedTuple):
    """Where a commit appends. `opening` is the head of lane 0 where this commit is to open `lane`, else None.

    `fresh`: the head was learned so lately that losing it means contention.
    """

    lane: str
    head: Head
    fresh: bool
    opening: Head | None = None


class _Known(NamedTuple):
    head: Head
    since: float


class Lanes:
    """`count` is how many slots a log has, at least 1; with 1 every event stands in lane 0. Rows live `ttl_seconds`."""

    def __init__(self, dynamodb: JsonService, table: str, epoch: int, count: int, ttl_seconds: int) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._epoch = epoch
        self._count = count
        self._ttl_seconds = ttl_seconds
        self._heads: dict[str, _Known] = {}
        self._chosen: dict[str, str] = {}
        self._losses: dict[str, int] = {}
        self._hasty: dict[str, int] = {}

    def place(self, tenant: str, preferred: str | None, now: float, *, may_open: bool) -> Place:
        """Say where an attempt at `now` (Unix seconds) appends; reads what is not remembered.

        Lane 0 stands in for a `preferred` lane that is not open, for a slot that the commit has no room to open, and
        for every other while it is empty: a log begins there. It stands in for one that has expired, too; raises
        `ExpiredLaneError` where it has expired itself.
        """
        lane = preferred or self._chosen.get(tenant, FIRST_LANE)
        try:
            head, since = self._known(tenant, lane, now)
        except ExpiredLaneError:
            self._chosen.pop(tenant, None)
            lane = FIRST_LANE
            head, since = self._known(tenant, lane, now)
        if lane == FIRST_LANE or head.seq:
            return Place(lane, head, now - since < FRESH_SECONDS)
        first, since = self._known(tenant, FIRST_LANE, now)
        fresh = now - since < FRESH_SECONDS
        if preferred is not None or not may_open or not first.seq:
            return Place(FIRST_LANE, first, fresh)
        return Place(lane, head, fresh, opening=first)

    def wrote(self, tenant: str, lane: str, head: Head, now: float) -> None:
        """Remember the head that this writer has just given a lane."""
        self._heads[lane_key(tenant, self._epoch, lane)] = _Known(head, now)

    def forget(self, tenant: str, lanes: Collection[str]) -> None:
        """Drop what is remembered of heads that have moved, or may have."""
        for lane in lanes:
            self._heads.pop(lane_key(tenant, self._epoch, lane), None)

    def lost(self, tenant: str, place: Place, lanes: Collection[str]) -> bool:
        """Note that others were faster in `lanes`; tells whether the writer moves to another slot now."""
        self.forget(tenant, lanes)
        losses = self._losses.get(tenant, 0) + place.fresh
        self._losses[tenant] = losses
        could_not_open = place.opening is not None and place.lane not in lanes
        return (losses >= MOVE_AFTER or could_not_open) and self._move(tenant, place.lane)

    def won_at_once(self, tenant: str, place: Place) -> None:
        """Note an append that nobody else was in the way of."""
        self._losses.pop(tenant, None)
        hasty = self._hasty.get(tenant, 0) + 1 if place.fresh and place.lane == FIRST_LANE else 0
        self._hasty[tenant] = hasty
        if hasty >= HASTY_APPENDS:
            self._move(tenant, FIRST_LANE)

    def _move(self, tenant: str, lane: str) -> bool:
        others = [slot for slot in range(1, self._count) if str(slot) != lane]
        self._losses.pop(tenant, None)
        if others:
            self._chosen[tenant] = str(random.choice(others))  # noqa: S311 - to spread writers, no secret
        return bool(others)

    def _known(self, tenant: str, lane: str, now: float) -> _Known:
        key = lane_key(tenant, self._epoch, lane)
        remembered = self._heads.get(key)
        if remembered is None or now - remembered.since > MEMORY_SECONDS:
            head = head_to_continue(self._dynamodb, self._table, key, now, self._ttl_seconds)
            remembered = self._heads[key] = _Known(head, now)
        return remembered
