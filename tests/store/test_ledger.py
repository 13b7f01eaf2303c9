"""One decision, one transaction, its events: against a real engine, with real threads."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.audit.event import GENESIS, Actor, Draft, new_event_id
from shared.audit.merkle import leaf_hash
from shared.store.audit_logs import Head, entries_after, lane_key
from shared.store.condition import absent, equals
from shared.store.item import get, put, update
from shared.store.transaction import (
    Acting,
    Committed,
    Contended,
    Ledger,
    Refuted,
    acting_session_clauses,
    acting_session_key,
)
from shared.store.wire import ServiceError, Unavailable
from tests.store.conftest import Tables

TENANT = "t_acme"
ACTING = Acting(TENANT, "u_1", "s_1", 1, "admin")


def draft(action: str = "AUTH_LOGOUT") -> Draft:
    return Draft(
        event_id=new_event_id(time.time()),
        action=action,
        outcome="success",
        actor=Actor("user", "u_1"),
        resource="test",
        context={},
    )


def ledger(tables: Tables, dynamodb: Any = None, lanes: int = 64) -> Ledger:
    return Ledger(dynamodb or tables.wire, tables.ledger_settings(lanes), time.time)


def lines(tables: Tables) -> list[str]:
    lane = lane_key(TENANT, 1, "0")
    return [entry.line for entry in entries_after(tables.wire, tables["audit_logs"], lane, Head())]


def assert_a_chain(written: list[str]) -> None:
    previous = GENESIS
    for number, line in enumerate(written, start=1):
        event = json.loads(line)
        assert (event["seq"], event["prev"]) == (number, previous)
        previous = leaf_hash(line.encode()).hex()


class Spy:
    """Counts operations, and can fail or answer instead of the engine."""

    def __init__(self, tables: Tables) -> None:
        self._wire = tables.wire
        self.operations: list[str] = []
        self.faults: dict[str, list[Exception]] = {}

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        self.operations.append(operation)
        if self.faults.get(operation):
            raise self.faults[operation].pop(0)
        return self._wire.call(operation, request, deadline=deadline)


def cancelled(*codes: str) -> ServiceError:
    body = {"CancellationReasons": [{"Code": code} for code in codes]}
    return ServiceError("TransactionCanceledException", "", body)


def test_business_change_and_event_are_there_together(tables: Tables) -> None:
    outcome = ledger(tables).commit(TENANT, [put(tables["things"], {"id": "a"}, absent("id"))], [draft()])
    assert isinstance(outcome, Committed)
    assert get(tables.wire, tables["things"], {"id": "a"}) == {"id": "a"}
    assert [json.loads(line)["id"] for line in lines(tables)] == [outcome.events[0].event_id]


def test_a_failed_condition_leaves_neither_and_gives_the_row_that_was_there(tables: Tables) -> None:
    tables.wire.call("PutItem", {"TableName": tables["things"], "Item": {"id": {"S": "a"}, "n": {"N": "7"}}})
    item = update(tables["things"], {"id": "a"}, equals("n", 8), set_={"n": 9}, label="thing")
    assert ledger(tables).commit(TENANT, [item], [draft()]) == Refuted({"thing": {"id": "a", "n": 7}})
    assert lines(tables) == []


def test_a_row_that_is_not_there_is_told_as_none(tables: Tables) -> None:
    item = update(tables["things"], {"id": "b"}, equals("n", 8), set_={"n": 9}, label="thing")
    assert ledger(tables).commit(TENANT, [item], [draft()]) == Refuted({"thing": None})


def test_several_events_of_one_decision_follow_each_other(tables: Tables) -> None:
    actions = ["REFRESH_TOKEN_REUSED", "SUSPICIOUS_LOGIN_DETECTED", "SESSION_INVALIDATED"]
    ledger(tables).commit(TENANT, [], [draft(action) for action in actions])
    assert [json.loads(line)["action"] for line in lines(tables)] == actions
    assert_a_chain(lines(tables))


def test_the_usual_commit_is_one_call(tables: Tables) -> None:
    spy = Spy(tables)
    writer = ledger(tables, spy)
    writer.commit(TENANT, [], [draft()])
    spy.operations.clear()
    writer.commit(TENANT, [], [draft()])
    assert spy.operations == ["TransactWriteItems"]


def test_a_writer_that_fell_behind_reads_the_head_and_goes_on(tables: Tables) -> None:
    one, other = ledger(tables, lanes=1), ledger(tables, lanes=1)
    for writer in (one, other, one, other, other, one):
        assert isinstance(writer.commit(TENANT, [], [draft()]), Committed)
    assert_a_chain(lines(tables))
    assert len(lines(tables)) == 6


def test_eight_writers_of_a_log_with_one_lane_make_one_chain_and_lose_nothing(tables: Tables) -> None:
    gate = threading.Barrier(8)
    committed: list[str] = []

    def write(_number: int) -> None:
        writer = ledger(tables, lanes=1)
        gate.wait()
        for _ in range(4):
            while True:  # a caller that is told of contention may try again
                try:
                    outcome = writer.commit(TENANT, [], [draft()])
                except Contended:
                    continue
                assert isinstance(outcome, Committed)
                committed.append(outcome.events[0].event_id)
                break

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert_a_chain(lines(tables))
    assert sorted(json.loads(line)["id"] for line in lines(tables)) == sorted(committed)
    assert len(committed) == 32


def test_the_lane_is_judged_before_the_business_condition(tables: Tables) -> None:
    behind = ledger(tables)
    behind.commit(TENANT, [], [draft()])
    ledger(tables).commit(TENANT, [put(tables["things"], {"id": "a"})], [draft()])
    outcome = behind.commit(TENANT, [put(tables["things"], {"id": "a"}, absent("id"), label="thing")], [draft()])
    assert outcome == Refuted({"thing": {"id": "a"}})
    assert len(lines(tables)) == 2


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_passing_conflict_is_tried_again(tables: Tables, code: str) -> None:
    spy = Spy(tables)
    spy.faults["TransactWriteItems"] = [cancelled("None", code), cancelled(code, "None")]
    assert isinstance(ledger(tables, spy).commit(TENANT, [], [draft()]), Committed)
    assert len(lines(tables)) == 1


def test_a_conflict_that_stays_is_told_as_contention_and_writes_nothing(tables: Tables) -> None:
    spy = Spy(tables)
    spy.faults["TransactWriteItems"] = [cancelled("TransactionConflict")] * 100
    writer = Ledger(spy, tables.ledger_settings(), time.time, sleep=lambda _seconds: None)
    with pytest.raises(Contended):
        writer.commit(TENANT, [put(tables["things"], {"id": "a"})], [draft()])
    assert get(tables.wire, tables["things"], {"id": "a"}) is None


def test_an_unknown_outcome_is_raised_and_the_next_commit_looks_before_it_writes(tables: Tables) -> None:
    spy = Spy(tables)
    writer = ledger(tables, spy)
    writer.commit(TENANT, [], [draft()])
    spy.faults["TransactWriteItems"] = [Unavailable("lost")]
    with pytest.raises(Unavailable):
        writer.commit(TENANT, [], [draft()])
    spy.operations.clear()
    writer.commit(TENANT, [], [draft()])
    assert spy.operations == ["Query", "TransactWriteItems"]
    assert_a_chain(lines(tables))


def test_a_cancellation_that_nobody_foresaw_is_a_fault_of_ours(tables: Tables) -> None:
    spy = Spy(tables)
    spy.faults["TransactWriteItems"] = [cancelled("ItemCollectionSizeLimitExceeded")]
    with pytest.raises(RuntimeError, match="ItemCollectionSizeLimitExceeded"):
        ledger(tables, spy).commit(TENANT, [], [draft()])


def test_every_attempt_is_stamped_anew_and_bounded_by_its_own_deadline(tables: Tables) -> None:
    ticks = itertools.count(1_790_000_000, 10)
    deadlines = []

    class Late(Spy):
        def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
            if operation == "TransactWriteItems":
                deadlines.append(deadline)
            return super().call(operation, request)

    late = Late(tables)
    late.faults["TransactWriteItems"] = [cancelled("TransactionConflict")]
    Ledger(late, tables.ledger_settings(), lambda: next(ticks)).commit(TENANT, [], [draft()])
    assert deadlines == [1_790_000_030, 1_790_000_040]
    assert json.loads(lines(tables)[0])["time"] == "2026-09-21T14:13:30.000Z"


def test_a_change_without_an_event_is_refused(tables: Tables) -> None:
    with pytest.raises(RuntimeError, match="without an audit event"):
        ledger(tables).commit(TENANT, [put(tables["things"], {"id": "a"})], [])


def test_an_action_without_a_catalogue_entry_is_refused(tables: Tables) -> None:
    with pytest.raises(RuntimeError, match="NO_SUCH_ACTION"):
        ledger(tables).commit(TENANT, [], [draft("NO_SUCH_ACTION")])
    assert lines(tables) == []


def authority(tables: Tables, *, status: str = "ACTIVE", version: int = 1, role: str = "admin") -> None:
    """Write the acting session and its gate, as they are at the commit."""
    session = {**acting_session_key(ACTING), "status": "ACTIVE", "session_version": version}
    gate = {"tenant": TENANT, "item": "u_1#gate", "status": status, "session_version": version, "role": role}
    for table, row in ((tables["user_sessions"], session), (tables["tenant_staff"], gate)):
        tables.wire.call("PutItem", dict(put(table, row).request))


def test_the_acting_person_is_checked_again_at_the_commit(tables: Tables) -> None:
    authority(tables)
    outcome = ledger(tables).commit(TENANT, [put(tables["things"], {"id": "a"})], [draft()], acting=ACTING)
    assert isinstance(outcome, Committed)


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        ({"status": "DEACTIVATED"}, {"acting_gate"}),
        ({"role": "member"}, {"acting_gate"}),
        ({"version": 2}, {"acting_gate", "acting_session"}),
    ],
)
def test_whoever_lost_his_authority_in_between_changes_nothing(
    tables: Tables, change: dict[str, Any], labels: set[str]
) -> None:
    authority(tables, **change)
    outcome = ledger(tables).commit(TENANT, [put(tables["things"], {"id": "a"})], [draft()], acting=ACTING)
    assert isinstance(outcome, Refuted)
    assert set(outcome.failed) == labels
    assert get(tables.wire, tables["things"], {"id": "a"}) is None
    assert lines(tables) == []


def test_an_act_on_the_acting_session_itself_must_say_so(tables: Tables) -> None:
    authority(tables)
    key = acting_session_key(ACTING)
    forgetful = update(tables["user_sessions"], key, set_={"n": 1}, label="mine")
    with pytest.raises(RuntimeError, match="acting_session"):
        ledger(tables).commit(TENANT, [forgetful], [draft()], acting=ACTING)
    clauses = acting_session_clauses(ACTING)
    careful = update(tables["user_sessions"], key, *clauses, set_={"n": 1}, label="acting_session")
    assert isinstance(ledger(tables).commit(TENANT, [careful], [draft()], acting=ACTING), Committed)
