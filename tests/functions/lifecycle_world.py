"""What the tests of the whole lifecycle see and do: each write on the wire, the lane, a crash, and a deactivation.

Rules of this module
- Every call of the product to an AWS service goes through `Wire.call`, so a `Wiretap` around it misses no write.
- Time, counters of attempts and a seen successor decide nothing: `UNAUDITED` says which fields of which rows may change
  without an event. All else changes in a commit that holds events which name whom it is about, or not at all.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from shared.audit.event import GENESIS, Actor, Draft, Target, new_event_id, system_context
from shared.audit.merkle import leaf_hash
from shared.store.attribute import Row, unmarshal
from shared.store.condition import at_least, equals
from shared.store.item import Item, batch_get, get, query, update
from shared.store.tenant_staff import gate_key
from shared.store.transaction import Committed
from shared.store.wire import ServiceError, Unavailable, Wire
from tests.functions.estate import KEYS, Estate, Person

UNAUDITED: Final[Mapping[str, frozenset[str]]] = {
    # A request was seen, and with it the successor that it proves to have arrived.
    "user_sessions": frozenset({"last_seen_at", "confirmed_generation", "sealed"}),
}
COUNTERS: Final = "throttles"  # attempts are counted before anything is known of them
_BATCH: Final = 100  # keys of one BatchGetItem

Key = tuple[str, tuple[tuple[str, Any], ...]]  # table without its prefix, and the key attributes
Snapshot = dict[Key, Row]
Hook = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A request that wrote, as it was sent, and in which order; `refuted`: a condition of its own did not hold."""

    thread: int
    touched: Mapping[Key, frozenset[str] | None]  # the fields of an update, None for a whole row
    lines: tuple[dict[str, Any], ...]
    refuted: bool = False

    @property
    def last_seq(self) -> int:
        return int(self.lines[-1]["seq"]) if self.lines else 0


class Wiretap:
    """Records what is written, and lets a thread be interrupted before or after one of its calls."""

    def __init__(self, prefix: str) -> None:
        self.written: list[Written] = []
        self.keys: set[Key] = set()
        self._prefix = prefix
        self._thread = threading.local()

    @contextmanager
    def listening(self) -> Iterator["Wiretap"]:
        original, tap = Wire.call, self

        def call(
            wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None
        ) -> dict[str, Any]:
            before, after = getattr(tap._thread, "hooks", (None, None))
            if before is not None:
                before(operation, request)
            try:
                answer = original(wire, operation, request, deadline=deadline)
            except ServiceError as refusal:
                tap._note(operation, request, refusal)
                raise
            tap._note(operation, request, None)
            if after is not None:
                after(operation, request)
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Wire, "call", call)
            yield self

    @contextmanager
    def interrupted(self, *, before: Hook | None = None, after: Hook | None = None) -> Iterator[None]:
        """Let `before` and `after` see the calls of this thread; what they raise, the caller of the service gets."""
        self._thread.hooks = (before, after)
        try:
            yield
        finally:
            self._thread.hooks = (None, None)

    def forget(self) -> None:
        """Begin anew with nothing written."""
        self.written.clear()
        self.keys.clear()

    def _note(self, operation: str, request: Mapping[str, Any], refusal: ServiceError | None) -> None:
        writes = {"TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem"}
        if operation not in writes:
            return
        items = request.get("TransactItems") or [{operation.removesuffix("Item"): request}]
        reasons = () if refusal is None else refusal.body.get("CancellationReasons", ())
        if refusal is not None and not self._refuted(items, reasons):
            return
        touched: dict[Key, frozenset[str] | None] = {}
        lines: list[dict[str, Any]] = []
        for kind, item in (next(iter(entry.items())) for entry in items):
            table = item["TableName"].removeprefix(self._prefix)
            if table == "audit_logs" and "line" in item["Item"]:
                lines.append(json.loads(item["Item"]["line"]["S"]))
            elif kind != "ConditionCheck" and table != "audit_logs":
                touched[_key(table, item)] = _fields(item) if kind == "Update" else None
        self.written.append(Written(threading.get_ident(), touched, tuple(lines), refuted=refusal is not None))
        if refusal is None:
            self.keys |= touched.keys()

    def _refuted(self, items: Iterable[Mapping[str, Any]], reasons: Iterable[Mapping[str, Any]]) -> bool:
        """Tell a decision that was overtaken from a lane that was: the latter is tried again by itself."""
        return any(
            reason.get("Code") == "ConditionalCheckFailed" and item["TableName"] != f"{self._prefix}audit_logs"
            for entry, reason in zip(items, reasons, strict=False)
            for item in entry.values()
        )

    def snapshot(self, estate: Estate) -> Snapshot:
        """Read every row that was ever written under this tap, but for counters of attempts."""
        wanted = [key for key in self.keys if key[0] != COUNTERS]
        found: Snapshot = {}
        for begin in range(0, len(wanted), _BATCH):
            keys: dict[str, list[dict[str, Any]]] = {}
            for table, key in wanted[begin : begin + _BATCH]:
                keys.setdefault(self._prefix + table, []).append(dict(key))
            for table, rows in batch_get(estate.dynamodb, keys).items():
                name = table.removeprefix(self._prefix)
                found |= {(name, tuple((part, row[part]) for part in KEYS[name])): row for row in rows}
        return found


def _key(table: str, item: Mapping[str, Any]) -> Key:
    attributes = unmarshal(item.get("Key") or item.get("Item") or {})
    return table, tuple((name, attributes[name]) for name in KEYS[table])


def _fields(item: Mapping[str, Any]) -> frozenset[str]:
    """Name the fields that an update writes; those of its condition are not among them."""
    names = item.get("ExpressionAttributeNames", {})
    words = item["UpdateExpression"].replace(",", " ").replace(".", " ").split()
    return frozenset(names.get(word, word) for word in words if word in names)


def unaudited(written: Written) -> list[str]:
    """Say which rows a request changed without an event in the same commit that names whom it was about."""
    told = {word for line in written.lines for word in _words(line)}
    return [
        f"{table} {dict(key)} by {sorted(fields) if fields else 'a whole row'}, events {[*_actions(written)]}"
        for (table, key), fields in written.touched.items()
        if table != COUNTERS
        and not (fields is not None and fields <= UNAUDITED.get(table, frozenset()))
        and (not written.lines or not _names(table, dict(key), told))
    ]


def _names(table: str, key: Mapping[str, Any], told: set[str]) -> bool:
    """Tell whether `told` names a row. Of rows with a random key the events name the session or the person."""
    if table == "user_sessions":
        return key["session_id"] in told
    if table == "tenant_staff":
        return key["item"].partition("#")[0] in told
    return True


def _actions(written: Written) -> Iterator[str]:
    yield from (line["action"] for line in written.lines)


def _words(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _words(member)
    elif isinstance(value, list):
        for member in value:
            yield from _words(member)
    elif isinstance(value, str):
        yield from value.split("/")


@dataclass(slots=True)
class Lane:
    """A tenant's lane, read as it grows; each reading proves that what is new is a gap-free chain."""

    estate: Estate
    tenant: str
    seq: int = 0
    leaf: str = GENESIS

    def new(self) -> list[dict[str, Any]]:
        events = []
        lane = equals("log_lane", f"{self.tenant}#1#0")
        for row in query(self.estate.dynamodb, self.estate.prefix + "audit_logs", lane, at_least("seq", self.seq + 1)):
            event = json.loads(row["line"])
            assert row["seq"] == event["seq"] == self.seq + 1, f"a gap behind {self.seq}"
            assert event["prev"] == self.leaf, f"event {row['seq']} does not follow event {self.seq}"
            assert row["leaf"] == leaf_hash(row["line"].encode()).hex()
            self.seq, self.leaf = row["seq"], row["leaf"]
            events.append(event)
        return events


class Crash:
    """The environment dies around one commit: `before` it was sent, or `after` it took effect and nobody was told."""

    def __init__(self, moment: str | None) -> None:
        self.moment = moment
        self.happened = False

    def before(self, operation: str, request: Mapping[str, Any]) -> None:
        if self.moment == "before":
            self._die(operation, request)

    def after(self, operation: str, request: Mapping[str, Any]) -> None:
        if self.moment == "after":
            self._die(operation, request)

    def _die(self, operation: str, request: Mapping[str, Any]) -> None:
        puts = [entry["Put"]["Item"] for entry in request.get("TransactItems", ()) if "Put" in entry]
        if operation == "TransactWriteItems" and not self.happened and any("line" in row for row in puts):
            self.happened = True
            raise Unavailable("injected: the environment died")


@dataclass(slots=True)
class Conflicts:
    """DynamoDB's refusals of transactions that meet, which the embedded engine never gives."""

    likelihood: float
    given: int = field(default=0)

    def before(self, operation: str, request: Mapping[str, Any]) -> None:
        if operation == "TransactWriteItems" and secrets.randbelow(1_000) < 1_000 * self.likelihood:
            self.given += 1
            reasons = [{"Code": "None"} for _ in request["TransactItems"]]
            reasons[secrets.randbelow(len(reasons))] = {"Code": "TransactionConflict"}
            raise ServiceError("TransactionCanceledException", "injected", {"CancellationReasons": reasons})


def deactivate(estate: Estate, person: Person) -> int:
    """Take a person out, as an administrator's transaction does; gives the number of its event in the lane."""
    changes: dict[str, Any] = {"set_": {"status": "DEACTIVATED"}, "add": {"session_version": 1}}
    item = _gate(estate, person, equals("status", "ACTIVE"), **changes)
    return _administered(estate, person, item, "SESSION_INVALIDATED", "deactivated")


def reactivate(estate: Estate, person: Person) -> int:
    """Let a person in again; what was open before stays dead, since its version was left behind."""
    item = _gate(estate, person, equals("status", "DEACTIVATED"), set_={"status": "ACTIVE"})
    return _administered(estate, person, item, "USER_PROVISIONED", "reactivated")


def gate_version(estate: Estate, person: Person) -> int:
    row = get(estate.dynamodb, estate.prefix + "tenant_staff", gate_key(person.tenant, person.staff_id))
    assert row is not None
    return int(row["session_version"])


def _gate(estate: Estate, person: Person, *clauses: Any, **changes: Any) -> Item:
    key = gate_key(person.tenant, person.staff_id)
    return update(estate.prefix + "tenant_staff", key, *clauses, **changes, label="gate")


def _administered(estate: Estate, person: Person, item: Item, action: str, reason: str) -> int:
    draft = Draft(
        event_id=new_event_id(estate.clock()),
        action=action,
        outcome="success",
        actor=Actor("user", "u_administrator", "owner"),
        resource=f"tenant_staff/{person.staff_id}",
        context=system_context("test"),
        reason=reason,
        targets=(Target("user", person.staff_id),),
    )
    outcome = estate.ledger.commit(person.tenant, [item], [draft])
    assert isinstance(outcome, Committed), outcome
    return outcome.events[-1].seq
