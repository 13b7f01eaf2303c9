"""One decision = one transaction = its audit events.

`Ledger.commit` is the only way to change state: business items and events go into one TransactWriteItems, so either
both are there or neither. The events take the next numbers of one lane of the tenant, and the put of each is
conditional on its number being free; that is the lock that makes a lane a gap-free chain. Order is exact within a lane
only: events of two commits may stand in two lanes (see `lanes`). Rules:

* somebody else took the number: read the lane's head, stamp the time anew, try again, there or in another lane;
* a business condition failed: nothing is retried, the caller gets the rows that were there and decides anew;
* the acting session and its staff gate are checked again inside the transaction, whatever was checked before;
* an event stamped at t is committed before t + `give_up_seconds` or not at all: the sealer's watermark relies on it;
* an epoch above the first begins with AUDIT_EPOCH_STARTED or not at all: until then nobody changes anything;
* a lane begins once: its first event and the row that says so are one transaction, so that an expired lane, which looks
  empty, is never begun again.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.audit.catalogue import load
from shared.audit.epoch import FIRST_EPOCH, STARTED
from shared.audit.event import Actor, Draft, Line, Position, compose, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.store.attribute import Row, size_of, unmarshal
from shared.store.audit_logs import (
    FIRST_LANE,
    LANE_OPENED,
    ExpiredLaneError,
    Head,
    append_item,
    begin_item,
    lane_key,
)
from shared.store.condition import Clause, absent, equals
from shared.store.item import Item, check
from shared.store.lanes import Lanes, Place
from shared.store.wire import JsonService, ServiceError, Unavailable

MAX_ATTEMPTS = 12
MAX_ITEMS = 100  # of one TransactWriteItems
MAX_BYTES = 4_000_000  # of one, all of its items together: DynamoDB's limit is 4 MB
_LIGHT_ITEMS = 10  # so many never weigh that much: an item has 400 KB at most
_OPENING_ITEMS = 2  # what opening a lane adds: the event in lane 0, and the row that says that the lane has begun
_BACKOFF_SECONDS = 0.02
_LONGEST_BACKOFF_SECONDS = 0.5
_TRANSIENT = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class Contended(RuntimeError):
    """Others kept winning: nothing was committed, and the same request may be tried again."""


class EpochNotBegun(Contended):
    """The log starts again after a restore, and the operator has not begun the new epoch yet."""


class LogExpired(Contended):
    """Rows were not written for as long as they live: nobody knows where the log goes on. A new epoch is needed."""


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What a function that appends to the log reads from its environment; its own settings extend these.

    `log_lanes` is how many lanes a log may have, 1 to 64.
    """

    audit_logs_table: str
    user_sessions_table: str
    tenant_staff_table: str
    log_name: str
    log_epoch: int
    log_lanes: int
    writer_give_up_seconds: float
    audit_log_ttl_seconds: int


class Acting(NamedTuple):
    """On whose authority a change is made: the session that the guard let in, and what it relied on.

    `by` is the real person where somebody acts in another's name; what he relied on is checked again like the rest.
    """

    tenant: str
    staff_id: str
    session_id: str
    session_version: int
    role: str
    by: Acting | None = None


class CommittedEvent(NamedTuple):
    event_id: str
    lane: str
    seq: int
    time: str


class Committed(NamedTuple):
    events: tuple[CommittedEvent, ...]


class Refuted(NamedTuple):
    """A condition did not hold; under each failed label the row that was there, `None` where there was none."""

    failed: Mapping[str, Row | None]


def acting_session_key(acting: Acting) -> dict[str, str]:
    return {"owner": f"{acting.tenant}#{acting.staff_id}", "session_id": acting.session_id}


def acting_gate_key(acting: Acting) -> dict[str, str]:
    return {"tenant": acting.tenant, "item": f"{acting.staff_id}#gate"}


def acting_session_clauses(acting: Acting) -> tuple[Clause, ...]:
    """Say what an item that itself changes the acting session must carry."""
    alive = (equals("status", "ACTIVE"), equals("session_version", acting.session_version))
    return (*alive, absent("pending_challenge"))  # a session that waits for a proof does nothing meanwhile


def acting_session_holds(row: Row | None, acting: Acting) -> bool:
    """Tell whether a session row satisfies `acting_session_clauses`: then it was another clause that failed."""
    if row is None or "pending_challenge" in row:
        return False
    return (row["status"], row["session_version"]) == ("ACTIVE", acting.session_version)


def acting_gate_clauses(acting: Acting) -> tuple[Clause, ...]:
    return (
        equals("status", "ACTIVE"),
        equals("session_version", acting.session_version),
        equals("role", acting.role),
    )


class Append(NamedTuple):
    lane: str
    item: Item


class Ledger:
    """Appends to the logs of one deployment. Remembers the heads that it wrote: the usual commit reads nothing."""

    def __init__(
        self,
        dynamodb: JsonService,
        settings: LedgerSettings,
        clock: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb = dynamodb
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        table, epoch = settings.audit_logs_table, settings.log_epoch
        self._lanes = Lanes(dynamodb, table, epoch, settings.log_lanes, settings.audit_log_ttl_seconds)
        self._catalogue = load()

    def commit(
        self,
        tenant: str,
        items: Sequence[Item],
        events: Sequence[Draft],
        *,
        acting: Acting | None = None,
        lane: str | None = None,
    ) -> Committed | Refuted:
        """Commit `items` and `events` together; the events stand in one lane, which is `lane` if that is open and free.

        Raises `Unavailable` when the outcome could not be learned and `Contended` when others kept winning, or when the
        log cannot go on (`EpochNotBegun`, `LogExpired`): no reply may then claim that the change was made. Raises
        `RuntimeError` for an action without a catalogue entry, and for more than one transaction holds.
        """
        self._refuse_uncatalogued(events)
        checked = [*items, *(self._rechecks(acting, items) if acting else ())]
        room = MAX_ITEMS - len(checked) - len(events)
        if room < 0:
            raise RuntimeError(f"{len(checked)} items and {len(events)} events are more than {MAX_ITEMS}")
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                longest = min(_LONGEST_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2**attempt)
                self._sleep(longest * random.random())  # noqa: S311 - jitter, no secret
            stamped_at = self._clock()
            place = self._place(tenant, lane, stamped_at, room)
            outcome = self._attempt(tenant, place, stamped_at, checked, events)
            if not isinstance(outcome, frozenset):
                if not attempt:
                    self._lanes.won_at_once(tenant, place)
                return outcome
            if outcome and self._lanes.lost(tenant, place, outcome):
                lane = None
        raise Contended(f"{MAX_ATTEMPTS} attempts on the log of {tenant}")

    def _place(self, tenant: str, lane: str | None, now: float, room: int) -> Place:
        try:
            place = self._lanes.place(tenant, lane, now, may_open=room >= _OPENING_ITEMS)
        except ExpiredLaneError as fault:
            raise LogExpired(f"{fault}: begin a new epoch (docs/operations.md)") from fault
        if not place.head.seq and not room:
            raise RuntimeError(f"a log cannot begin with {MAX_ITEMS} items")
        return place

    def _attempt(
        self, tenant: str, place: Place, stamped_at: float, items: Sequence[Item], events: Sequence[Draft]
    ) -> Committed | Refuted | frozenset[str]:
        """Try once; a set means that nothing was written, and names the lanes where somebody else was faster."""
        self._refuse_before_epoch(tenant, place, events)
        first, opening = None, list[Append]()
        if place.opening is not None:
            draft = self._opening_of(tenant, place.lane, stamped_at)
            first, opening = self._appends(tenant, FIRST_LANE, place.opening, [draft], stamped_at)
        head, appends = self._appends(tenant, place.lane, place.head, events, stamped_at)
        appends = [*opening, *appends]
        try:
            self._write(
                [*items, *(append.item for append in appends)], stamped_at + self._settings.writer_give_up_seconds
            )
        except Unavailable:
            self._lanes.forget(tenant, {append.lane for append in appends})
            raise
        except _Cancelled as cancelled:
            return self._judge(items, appends, cancelled.reasons)
        self._lanes.wrote(tenant, place.lane, head, stamped_at)
        if first is not None:
            self._lanes.wrote(tenant, FIRST_LANE, first, stamped_at)
        return Committed(
            tuple(
                CommittedEvent(draft.event_id, place.lane, place.head.seq + number, rfc3339(stamped_at))
                for number, draft in enumerate(events, start=1)
            )
        )

    @staticmethod
    def _judge(
        items: Sequence[Item], appends: Sequence[Append], reasons: Sequence[Mapping[str, Any]]
    ) -> Refuted | frozenset[str]:
        codes = [reason.get("Code", "None") for reason in reasons]
        behind = list(zip(appends, codes[len(items) :], strict=False))
        taken = frozenset(append.lane for append, code in behind if code == "ConditionalCheckFailed")
        if taken:  # The lane moved on: that comes first, the rest may look different then.
            return taken
        if "ConditionalCheckFailed" in codes:
            return Refuted(
                {
                    item.label: unmarshal(reason["Item"]) if "Item" in reason else None
                    for item, reason in zip(items, reasons, strict=False)
                    if reason.get("Code") == "ConditionalCheckFailed"
                }
            )
        if not {*codes} - {"None"} <= _TRANSIENT:
            raise RuntimeError(f"transaction refused: {sorted({*codes} - {'None'})}")
        return frozenset(append.lane for append, code in behind if code != "None")

    def _write(self, items: Sequence[Item], deadline: float) -> None:
        _refuse_overweight(items)
        request = {
            "TransactItems": [item.wire() for item in items],
            "ClientRequestToken": secrets.token_hex(16),
        }
        try:
            self._dynamodb.call("TransactWriteItems", request, deadline=deadline)
        except ServiceError as refusal:
            if refusal.code == "TransactionCanceledException":
                raise _Cancelled(refusal.body.get("CancellationReasons", ())) from refusal
            if refusal.code == "TransactionConflictException":
                raise _Cancelled([{"Code": "TransactionConflict"}]) from refusal
            raise

    def _appends(
        self, tenant: str, lane: str, head: Head, events: Sequence[Draft], now: float
    ) -> tuple[Head, list[Append]]:
        """Put `events` behind `head`; gives the head that the lane then has."""
        table, key = self._settings.audit_logs_table, lane_key(tenant, self._settings.log_epoch, lane)
        ttl = int(now) + self._settings.audit_log_ttl_seconds
        appends = [] if head.seq else [Append(lane, begin_item(table, key, now, f"lane#{lane}#begun"))]
        for draft in events:
            line = self._composed(tenant, lane, head, draft, now)
            head = Head(head.seq + 1, line.leaf)
            appends.append(Append(lane, append_item(table, key, head.seq, line, ttl, f"lane#{lane}#{head.seq}")))
        return head, appends

    def _composed(self, tenant: str, lane: str, head: Head, draft: Draft, now: float) -> Line:
        log, epoch = self._settings.log_name, self._settings.log_epoch
        return compose(draft, Position(log, tenant, epoch, lane, head.seq + 1, head.leaf), rfc3339(now))

    def _opening_of(self, tenant: str, lane: str, now: float) -> Draft:
        return Draft(
            event_id=new_event_id(now),
            action=LANE_OPENED,
            outcome="success",
            actor=Actor("system", "ledger"),
            resource=f"audit_log/{tenant}/e{self._settings.log_epoch}/lane/{lane}",
            context=system_context("ledger"),
            meta={"lane": lane},
        )

    def _rechecks(self, acting: Acting, items: Sequence[Item]) -> list[Item]:
        """Check the acting session and gate, unless an item that touches the row carries the clauses itself.

        Of an impersonation the real person's are checked too.
        """
        wanted = [
            *self._checks_of(acting, "acting"),
            *(self._checks_of(acting.by, "impersonator") if acting.by else ()),
        ]
        touched = {(item.table, item.key): item for item in items}
        rechecks = []
        for recheck in wanted:
            own = touched.get((recheck.table, recheck.key))
            if own is None:
                rechecks.append(recheck)
            elif own.label != recheck.label:
                raise RuntimeError(f"{own.kind} on the acting row must be labelled {recheck.label}")
        return rechecks

    def _checks_of(self, acting: Acting, label: str) -> tuple[Item, Item]:
        sessions, staff = self._settings.user_sessions_table, self._settings.tenant_staff_table
        session = acting_session_key(acting), acting_session_clauses(acting)
        gate = acting_gate_key(acting), acting_gate_clauses(acting)
        return (
            check(sessions, session[0], *session[1], label=f"{label}_session"),
            check(staff, gate[0], *gate[1], label=f"{label}_gate"),
        )

    def _refuse_before_epoch(self, tenant: str, place: Place, events: Sequence[Draft]) -> None:
        begins = events[0].action == STARTED
        begun = place.lane != FIRST_LANE or place.head.seq > 0  # a log begins in lane 0
        if not begun and self._settings.log_epoch > FIRST_EPOCH and not begins:
            self._lanes.forget(tenant, {FIRST_LANE})  # the operator begins it at any moment
            raise EpochNotBegun(f"the log of {tenant} has no {STARTED} yet")
        if begins and begun:
            raise RuntimeError(f"the log of {tenant} has begun: {STARTED} is its first event or none")

    def _refuse_uncatalogued(self, events: Sequence[Draft]) -> None:
        if not events:
            raise RuntimeError("a change of state without an audit event")
        for draft in events:
            if draft.action not in self._catalogue.actions:
                raise RuntimeError(f"{draft.action} is not in catalogue {self._catalogue.version}")


def _refuse_overweight(items: Sequence[Item]) -> None:
    if len(items) <= _LIGHT_ITEMS:
        return
    weight = sum(size_of(item.request.get("Item", {})) for item in items)
    if weight > MAX_BYTES:
        raise RuntimeError(f"{len(items)} items of {weight} bytes are more than one transaction holds")


class _Cancelled(Exception):
    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.reasons = reasons
