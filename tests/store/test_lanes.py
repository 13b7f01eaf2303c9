"""Lanes under contention: when a writer moves, how a slot is opened, and that readers find every lane."""

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.audit.event import GENESIS
from shared.evidence.segment import continued, parse
from shared.store.audit_logs import Head, log_tail, open_lanes
from shared.store.condition import absent
from shared.store.item import get, put
from shared.store.lanes import HASTY_APPENDS
from shared.store.transaction import Committed, Contended, Ledger, Refuted
from shared.store.wire import Unavailable
from tests.store.conftest import Tables
from tests.store.test_ledger import TENANT, Spy, cancelled, draft

TRANSACT = "TransactWriteItems"
TAKEN = cancelled("ConditionalCheckFailed")


def events_of(tables: Tables, sealed: dict[str, Head] | None = None) -> list[dict[str, Any]]:
    tail = log_tail(tables.wire, tables["audit_logs"], TENANT, 1, sealed or {})
    return [json.loads(entry.line) for entry in tail]


def assert_whole(tables: Tables) -> None:
    """Hold every lane to its chain, and every lane to its opening before it, as the sealer does."""
    tail = log_tail(tables.wire, tables["audit_logs"], TENANT, 1, {})
    continued({}, [parse(entry.line.encode()) for entry in tail])


class Unhurried(Spy):
    """Drops deadlines: those of a clock that a test sets have gone by."""

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        del deadline
        return super().call(operation, request)


def writer(tables: Tables, dynamodb: Any = None, lanes: int = 64) -> Ledger:
    return Ledger(dynamodb or tables.wire, tables.ledger_settings(lanes), time.time, sleep=lambda _seconds: None)


def append(ledger: Ledger, lane: str | None = None) -> tuple[str, int]:
    outcome = ledger.commit(TENANT, [], [draft()], lane=lane)
    assert isinstance(outcome, Committed)
    return outcome.events[0].lane, outcome.events[0].seq


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Slots that are drawn next, in this order."""
    drawn: list[int] = []

    def choice(slots: Sequence[int]) -> int:
        slot = drawn.pop(0)
        assert slot in slots
        return slot

    monkeypatch.setattr(random, "choice", choice)
    return drawn


def moved(tables: Tables, draws: list[int], slot: int, lanes: int = 64) -> tuple[Ledger, Spy]:
    """Give a writer that lost twice on its lane and was driven to `slot`."""
    spy = Spy(tables)
    ledger = writer(tables, spy, lanes)
    append(ledger)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    draws.append(slot)
    assert append(ledger)[0] == str(slot)
    return ledger, spy


def test_a_writer_that_loses_twice_opens_another_slot_with_its_event(tables: Tables, draws: list[int]) -> None:
    moved(tables, draws, 7)
    first, opening, event = events_of(tables)
    assert (opening["action"], opening["lane"], opening["seq"]) == ("AUDIT_LANE_OPENED", "0", 2)
    assert (opening["meta"], opening["actor"]["id"]) == ({"lane": "7"}, "ledger")
    assert opening["prev"] != GENESIS
    assert (event["lane"], event["seq"], event["prev"]) == ("7", 1, GENESIS)
    assert (first["lane"], first["seq"]) == ("0", 1)
    assert_whole(tables)


def test_a_memory_that_has_grown_old_is_no_contention(tables: Tables) -> None:
    """Writers that take turns, half a second after each other: a busy office, and no flood."""
    clock = itertools.count(1_790_000_000.0, 0.5)
    one, other = (Ledger(Unhurried(tables), tables.ledger_settings(), lambda: next(clock)) for _ in range(2))
    assert [append(ledger)[0] for ledger in (one, other) * 6] == ["0"] * 12


def test_who_loses_what_he_has_just_written_moves_even_if_each_commit_goes_through_in_the_end(
    tables: Tables, draws: list[int]
) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    append(ledger)
    for lane in ("0", "7"):
        spy.faults[TRANSACT] = [TAKEN]
        draws[:] = [7]
        assert append(ledger)[0] == lane


def test_losses_with_an_append_between_that_went_through_at_once_move_nobody(tables: Tables) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    for _ in range(4):
        append(ledger)
        spy.faults[TRANSACT] = [TAKEN]
        assert append(ledger)[0] == "0"


def test_a_writer_in_haste_leaves_lane_0_to_the_others(tables: Tables, draws: list[int]) -> None:
    ledger = writer(tables)
    draws.append(7)
    lanes = [append(ledger)[0] for _ in range(HASTY_APPENDS + 3)]
    assert lanes == ["0"] * HASTY_APPENDS + ["7"] * 3
    assert_whole(tables)


def test_a_writer_that_pauses_stays_on_lane_0(tables: Tables) -> None:
    clock = itertools.count(1_790_000_000.0, 0.5)
    ledger = Ledger(Unhurried(tables), tables.ledger_settings(), lambda: next(clock))
    assert {append(ledger)[0] for _ in range(HASTY_APPENDS + 3)} == {"0"}


def test_a_writer_stays_where_it_moved_and_needs_one_call_there(tables: Tables, draws: list[int]) -> None:
    ledger, spy = moved(tables, draws, 63)
    spy.operations.clear()
    assert [append(ledger) for _ in range(3)] == [("63", 2), ("63", 3), ("63", 4)]
    assert spy.operations == [TRANSACT] * 3


def test_an_open_slot_is_used_without_a_word_in_lane_0(tables: Tables, draws: list[int]) -> None:
    moved(tables, draws, 7)
    moved(tables, draws, 7)
    assert [event["action"] for event in events_of(tables)].count("AUDIT_LANE_OPENED") == 1
    assert [(event["lane"], event["seq"]) for event in events_of(tables)][-2:] == [("7", 1), ("7", 2)]


def test_contention_of_one_tenant_moves_nobody_in_another(tables: Tables, draws: list[int]) -> None:
    ledger, _ = moved(tables, draws, 7)
    outcome = ledger.commit("t_quiet", [], [draft()])
    assert isinstance(outcome, Committed)
    assert outcome.events[0].lane == "0"


def test_a_log_with_one_lane_has_nowhere_to_move(tables: Tables) -> None:
    spy = Spy(tables)
    spy.faults[TRANSACT] = [TAKEN] * 5
    assert append(writer(tables, spy, lanes=1)) == ("0", 1)


def test_a_log_begins_in_lane_0_whoever_was_driven_elsewhere(tables: Tables, draws: list[int]) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    draws.append(7)
    assert append(ledger) == ("0", 1)
    assert append(ledger) == ("7", 1)


def test_the_setting_bounds_the_slots_that_are_opened(tables: Tables) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy, lanes=3)
    append(ledger)
    seen = set()
    for _ in range(20):
        spy.faults[TRANSACT] = [TAKEN, TAKEN]
        seen.add(append(ledger)[0])
    assert seen <= {"0", "1", "2"}
    assert {"1", "2"} <= seen
    assert_whole(tables)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_on_the_lane_has_lost_too(tables: Tables, draws: list[int], code: str) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    append(ledger)
    spy.faults[TRANSACT] = [cancelled(code), cancelled(code)]
    draws.append(5)
    assert append(ledger) == ("5", 1)


def test_a_conflict_on_a_business_row_moves_nobody(tables: Tables) -> None:
    spy = Spy(tables)
    spy.faults[TRANSACT] = [cancelled("TransactionConflict", "None")] * 4
    outcome = writer(tables, spy).commit(TENANT, [put(tables["things"], {"id": "a"})], [draft()])
    assert isinstance(outcome, Committed)
    assert outcome.events[0].lane == "0"


def test_who_loses_lane_0_while_opening_draws_another_slot(tables: Tables, draws: list[int]) -> None:
    moved(tables, draws, 9)  # so slot 9 is open
    spy = Spy(tables)
    ledger = writer(tables, spy)
    spy.faults[TRANSACT] = [TAKEN, TAKEN, cancelled("ConditionalCheckFailed", "None")]
    draws += [4, 9]
    assert append(ledger) == ("9", 2)
    assert open_lanes(tables.wire, tables["audit_logs"], TENANT, 1, {}) == ["0", "9"]


def test_who_finds_the_slot_opened_meanwhile_reads_again_and_appends_there(tables: Tables, draws: list[int]) -> None:
    rival = writer(tables)
    append(rival)

    class Overtaken(Spy):
        """Lets the rival open the very slot, just before the opening is sent."""

        def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
            if operation == TRANSACT and len(request["TransactItems"]) == 3 and not self.faults.get("done"):
                self.faults["done"] = [TAKEN]
                moved(tables, draws, 7)
            return super().call(operation, request, deadline=deadline)

    spy = Overtaken(tables)
    ledger = writer(tables, spy)
    append(ledger)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    draws.append(7)
    assert append(ledger) == ("7", 2)
    assert [event["action"] for event in events_of(tables)].count("AUDIT_LANE_OPENED") == 1
    assert_whole(tables)


def test_writers_that_open_one_slot_at_once_open_it_once(tables: Tables) -> None:
    """Threads with two slots only: everybody who moves aims at lane 1."""
    gate = threading.Barrier(6)

    append(writer(tables))

    def work(_number: int) -> int:
        spy = Spy(tables)
        ledger = Ledger(spy, tables.ledger_settings(2), time.time)
        spy.faults[TRANSACT] = [TAKEN, TAKEN]
        gate.wait()
        return persist(lambda: ledger.commit(TENANT, [], [draft()]))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 6
    events = events_of(tables)
    assert [event["action"] for event in events].count("AUDIT_LANE_OPENED") == 1
    assert len(events) == 8
    assert_whole(tables)


def persist(commit: Callable[[], object]) -> int:
    """Commit, however contended; gives 1."""
    while True:
        try:
            assert isinstance(commit(), Committed)
        except Contended:
            continue
        return 1


def test_a_refuted_decision_opens_nothing_and_its_denial_stands_where_the_writer_is(
    tables: Tables, draws: list[int]
) -> None:
    tables.wire.call("PutItem", {"TableName": tables["things"], "Item": {"id": {"S": "a"}}})
    spy = Spy(tables)
    ledger = writer(tables, spy)
    append(ledger)
    spy.faults[TRANSACT] = [cancelled("ConditionalCheckFailed", "ConditionalCheckFailed")] * 2
    draws.append(7)
    thing = put(tables["things"], {"id": "a", "n": 1}, absent("id"), label="thing")
    assert ledger.commit(TENANT, [thing], [draft()]) == Refuted({"thing": {"id": "a"}})
    assert len(events_of(tables)) == 1
    assert append(ledger) == ("7", 1)
    assert_whole(tables)


def test_both_at_once_is_the_lane_first_in_an_opening_too(tables: Tables, draws: list[int]) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    append(ledger)
    both = cancelled("ConditionalCheckFailed", "None", "ConditionalCheckFailed")
    spy.faults[TRANSACT] = [cancelled("None", "ConditionalCheckFailed")] * 2
    spy.faults[TRANSACT].append(both)
    draws.append(7)
    thing = put(tables["things"], {"id": "a"}, absent("id"), label="thing")
    assert isinstance(ledger.commit(TENANT, [thing], [draft()]), Committed)  # the row was never there in truth


@pytest.mark.parametrize("took_effect", [False, True])
def test_an_opening_of_unknown_outcome_is_raised_and_looked_at_next_time(
    tables: Tables, draws: list[int], *, took_effect: bool
) -> None:
    class Lost(Spy):
        def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
            opening = operation == TRANSACT and len(request["TransactItems"]) == 3
            if opening and not self.faults.get("done"):
                self.faults["done"] = [TAKEN]
                if took_effect:
                    super().call(operation, request, deadline=deadline)
                raise Unavailable("lost")
            return super().call(operation, request, deadline=deadline)

    spy = Lost(tables)
    ledger = writer(tables, spy)
    append(ledger)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    draws.append(7)
    with pytest.raises(Unavailable):
        append(ledger)
    assert append(ledger) == ("7", 2 if took_effect else 1)
    assert [event["action"] for event in events_of(tables)].count("AUDIT_LANE_OPENED") == 1
    assert_whole(tables)


def test_several_events_of_one_decision_follow_each_other_in_the_lane_that_they_open(
    tables: Tables, draws: list[int]
) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    actions = ["REFRESH_TOKEN_REUSED", "SUSPICIOUS_LOGIN_DETECTED", "SESSION_INVALIDATED"]
    append(ledger)
    spy.faults[TRANSACT] = [cancelled("None", "ConditionalCheckFailed", "None")] * 2
    draws.append(12)
    for _ in range(2):
        outcome = ledger.commit(TENANT, [put(tables["things"], {"id": "a"})], [draft(action) for action in actions])
        assert isinstance(outcome, Committed)
    told = [(event["action"], event["lane"], event["seq"]) for event in events_of(tables)]
    assert told[1:] == [("AUDIT_LANE_OPENED", "0", 2), *((action, "12", n) for n, action in enumerate(actions * 2, 1))]
    assert get(tables.wire, tables["things"], {"id": "a"}) == {"id": "a"}
    assert_whole(tables)


def test_a_preferred_lane_is_used_if_it_is_open_and_never_opened(tables: Tables, draws: list[int]) -> None:
    moved(tables, draws, 7)
    ledger = writer(tables)
    assert append(ledger, lane="7") == ("7", 2)
    assert append(ledger, lane="8") == ("0", 3)
    assert append(ledger) == ("0", 4)


def test_a_preferred_lane_that_is_contended_is_left(tables: Tables, draws: list[int]) -> None:
    moved(tables, draws, 7)
    spy = Spy(tables)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    draws.append(9)
    assert append(writer(tables, spy), lane="7") == ("9", 1)
