"""One decision = one transaction = its audit events.

`Ledger.commit` is the only way to change state: business items and events go into one TransactWriteItems, so either
both are there or neither. The events take the next numbers of the tenant's lane, and the put of each is conditional on
its number being free; that is the lock that makes the lane a gap-free chain. Rules:

* somebody else took the number: read the lane's head, stamp the time anew, try again;
* a business condition failed: nothing is retried, the caller gets the rows that were there and decides anew;
* the acting session and its staff gate are checked again inside the transaction, whatever was checked before;
* an event stamped at t is committed before t + `give_up_seconds` or not at all: the sealer's watermark relies on it;
* an epoch above the first begins with AUDIT_EPOCH_STARTED or not at all: until then nobody changes anything.
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
from shared.audit.event import Draft, Line, Position, compose
from shared.audit.moment import rfc3339
from shared.store.attribute import Row, unmarshal
from shared.store.audit_logs import Head, append_item, lane_key, read_head
from shared.store.condition import Clause, absent, equals
from shared.store.item import Item, check
from shared.store.wire import JsonService, ServiceError, Unavailable

LANE = "0"  # every log has it from its first event on
MAX_ATTEMPTS = 12
_BACKOFF_SECONDS = 0.02
_LONGEST_BACKOFF_SECONDS = 0.5
_TRANSIENT = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class Contended(RuntimeError):
    """Others kept winning: nothing was committed, and the same request may be tried again."""


class EpochNotBegun(Contended):
    """The log starts again after a restore, and the operator has not begun the new epoch yet."""


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """What a function that appends to the log reads from its environment; its own settings extend these."""

    audit_logs_table: str
    user_sessions_table: str
    tenant_staff_table: str
    log_name: str
    log_epoch: int
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


class Ledger:
    """Appends to the logs of one deployment. Remembers the lane heads that it wrote: the usual commit reads nothing."""

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
        self._heads: dict[str, Head] = {}
        self._catalogue = load()

    def commit(
        self,
        tenant: str,
        items: Sequence[Item],
        events: Sequence[Draft],
        *,
        acting: Acting | None = None,
    ) -> Committed | Refuted:
        """Commit `items` and `events` together.

        Raises `Unavailable` when the outcome could not be learned and `Contended` when others kept winning: no reply
        may then claim that the change was made. Raises `RuntimeError` for an action without a catalogue entry.
        """
        self._refuse_uncatalogued(events)
        checked = [*items, *(self._rechecks(acting, items) if acting else ())]
        lane = lane_key(tenant, self._settings.log_epoch, LANE)
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                longest = min(_LONGEST_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2**attempt)
                self._sleep(longest * random.random())  # noqa: S311 - jitter, no secret
            outcome = self._attempt(tenant, lane, checked, events)
            if outcome is not None:
                return outcome
        raise Contended(f"{MAX_ATTEMPTS} attempts on lane {lane}")

    def _attempt(
        self, tenant: str, lane: str, items: Sequence[Item], events: Sequence[Draft]
    ) -> Committed | Refuted | None:
        """Try once; `None` means that somebody else was faster and nothing was written."""
        stamped_at = self._clock()
        head = self._heads.get(lane)
        if head is None:
            head = read_head(self._dynamodb, self._settings.audit_logs_table, lane)
        self._refuse_before_epoch(lane, head, events)
        lines = self._compose(tenant, head, events, rfc3339(stamped_at))
        appends = self._appends(lane, head, lines, int(stamped_at))
        try:
            self._write([*items, *appends], stamped_at + self._settings.writer_give_up_seconds)
        except Unavailable:
            self._heads.pop(lane, None)
            raise
        except _Cancelled as cancelled:
            return self._judge(lane, items, cancelled.reasons)
        self._heads[lane] = Head(head.seq + len(lines), lines[-1].leaf) if lines else head
        return Committed(
            tuple(
                CommittedEvent(draft.event_id, LANE, head.seq + number, rfc3339(stamped_at))
                for number, draft in enumerate(events, start=1)
            )
        )

    def _judge(self, lane: str, items: Sequence[Item], reasons: Sequence[Mapping[str, Any]]) -> Refuted | None:
        failed = [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]
        if any(failed[len(items) :]):  # The lane moved on: that comes first, the rest may look different then.
            self._heads.pop(lane, None)
            return None
        if any(failed):
            return Refuted(
                {
                    item.label: unmarshal(reason["Item"]) if "Item" in reason else None
                    for item, reason in zip(items, reasons, strict=False)
                    if reason.get("Code") == "ConditionalCheckFailed"
                }
            )
        codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
        if codes <= _TRANSIENT:
            return None
        raise RuntimeError(f"transaction refused: {sorted(codes)}")

    def _write(self, items: Sequence[Item], deadline: float) -> None:
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

    def _compose(self, tenant: str, head: Head, events: Sequence[Draft], time: str) -> list[Line]:
        lines: list[Line] = []
        previous = head.leaf
        for number, draft in enumerate(events, start=1):
            position = Position(
                self._settings.log_name,
                tenant,
                self._settings.log_epoch,
                LANE,
                head.seq + number,
                previous,
            )
            lines.append(compose(draft, position, time))
            previous = lines[-1].leaf
        return lines

    def _appends(self, lane: str, head: Head, lines: Sequence[Line], now: int) -> list[Item]:
        ttl = now + self._settings.audit_log_ttl_seconds
        table = self._settings.audit_logs_table
        return [
            append_item(table, lane, head.seq + number, line, ttl, f"lane#{number}")
            for number, line in enumerate(lines, start=1)
        ]

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

    def _refuse_before_epoch(self, lane: str, head: Head, events: Sequence[Draft]) -> None:
        begins = events[0].action == STARTED
        if head.seq == 0 and self._settings.log_epoch > FIRST_EPOCH and not begins:
            raise EpochNotBegun(f"lane {lane} has no {STARTED} yet")
        if begins and head.seq:
            raise RuntimeError(f"lane {lane} has begun: {STARTED} is its first event or none")

    def _refuse_uncatalogued(self, events: Sequence[Draft]) -> None:
        if not events:
            raise RuntimeError("a change of state without an audit event")
        for draft in events:
            if draft.action not in self._catalogue.actions:
                raise RuntimeError(f"{draft.action} is not in catalogue {self._catalogue.version}")


class _Cancelled(Exception):
    def __init__(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.reasons = reasons
