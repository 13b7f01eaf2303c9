"""Rows expire: a lane whose last row is gone, or may be, is never continued and never begun again."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.store.audit_logs import EXPIRY_MARGIN_SECONDS, ExpiredLaneError, Head, head_to_continue, lane_key, log_tail
from shared.store.condition import equals
from shared.store.item import query
from shared.store.lanes import MEMORY_SECONDS
from shared.store.transaction import Committed, Contended, Ledger, LogExpired
from tests.store.conftest import Tables
from tests.store.test_lanes import TAKEN, TRANSACT, Unhurried, append, events_of
from tests.store.test_ledger import TENANT, draft

DAY = 86_400
TTL = 180 * DAY
NOW = 1_790_000_000.0
SAFE = TTL - EXPIRY_MARGIN_SECONDS


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def writer(tables: Tables, clock: Clock, spy: Unhurried | None = None, ttl: int = TTL) -> Ledger:
    settings = replace(tables.ledger_settings(), audit_log_ttl_seconds=ttl)
    return Ledger(spy or Unhurried(tables), settings, clock, sleep=lambda _seconds: None)


def rows_of(tables: Tables, lane: str) -> list[dict[str, Any]]:
    return list(query(tables.wire, tables["audit_logs"], equals("log_lane", lane_key(TENANT, 1, lane))))


def expire(tables: Tables, lane: str, *numbers: int) -> None:
    """Remove rows as the table's own expiry does; all of the lane where no number is given."""
    for row in rows_of(tables, lane):
        if not numbers or row["seq"] in numbers:
            key = {"log_lane": {"S": row["log_lane"]}, "seq": {"N": str(row["seq"])}}
            tables.wire.call("DeleteItem", {"TableName": tables["audit_logs"], "Key": key})


def with_lane(tables: Tables, clock: Clock, slot: int, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Give a writer that was driven to `slot`, and appended there."""

    def choice(_slots: Sequence[int]) -> int:
        return slot

    monkeypatch.setattr(random, "choice", choice)
    spy = Unhurried(tables)
    ledger = writer(tables, clock, spy)
    append(ledger)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    assert append(ledger) == (str(slot), 1)
    return ledger


def test_a_log_of_which_nothing_is_left_is_not_begun_again(tables: Tables, clock: Clock) -> None:
    append(writer(tables, clock))
    expire(tables, "0")
    clock.now += 200 * DAY
    with pytest.raises(LogExpired, match=r"all of its events have expired: begin a new epoch"):
        append(writer(tables, clock))
    assert rows_of(tables, "0") == []


def test_a_log_that_somebody_emptied_early_is_not_begun_again_either(tables: Tables, clock: Clock) -> None:
    """Not expired, so nobody can say what is wrong: others seem to win, and nothing is written."""
    append(writer(tables, clock))
    expire(tables, "0")
    with pytest.raises(Contended):
        append(writer(tables, clock))
    assert rows_of(tables, "0") == []


@pytest.mark.parametrize(("idle", "goes_on"), [(SAFE - 1, True), (SAFE, False), (TTL, False), (TTL + DAY, False)])
def test_a_lane_is_continued_until_its_last_row_is_about_to_expire(
    tables: Tables, clock: Clock, idle: int, *, goes_on: bool
) -> None:
    append(writer(tables, clock))
    clock.now += idle
    if goes_on:
        assert append(writer(tables, clock)) == ("0", 2)
        return
    with pytest.raises(LogExpired, match="event 1 expires, and what came behind it may be gone"):
        append(writer(tables, clock))
    assert len(rows_of(tables, "0")) == 1


def test_an_older_row_that_outlived_the_last_one_is_not_taken_for_it(tables: Tables, clock: Clock) -> None:
    """DynamoDB removes expired rows within days, in any order."""
    for _ in range(3):
        append(writer(tables, clock))
    clock.now += TTL + 1
    expire(tables, "0", 2, 3)
    with pytest.raises(LogExpired):
        append(writer(tables, clock))
    assert [row["seq"] for row in rows_of(tables, "0")] == [1]


def test_neither_is_one_that_outlived_it_because_rows_lived_longer_then(tables: Tables, clock: Clock) -> None:
    append(writer(tables, clock, ttl=400 * DAY))
    append(writer(tables, clock, ttl=100 * DAY))
    clock.now += 101 * DAY
    expire(tables, "0", 2)
    with pytest.raises(LogExpired):
        append(writer(tables, clock, ttl=100 * DAY))


def test_a_writer_that_remembers_a_head_of_long_ago_reads_it_again(tables: Tables, clock: Clock) -> None:
    sleeper = writer(tables, clock)
    append(sleeper)
    append(writer(tables, clock))  # which the sleeper does not know of
    clock.now += 200 * DAY
    expire(tables, "0")
    with pytest.raises(LogExpired):
        append(sleeper)
    assert rows_of(tables, "0") == []


def test_no_memory_outlives_what_the_margin_leaves_it() -> None:
    assert MEMORY_SECONDS < EXPIRY_MARGIN_SECONDS < TTL


def test_a_head_is_remembered_for_a_day(tables: Tables, clock: Clock) -> None:
    spy = Unhurried(tables)
    ledger = writer(tables, clock, spy)
    append(ledger)
    for pause, read in ((MEMORY_SECONDS, []), (MEMORY_SECONDS + 1, ["Query"])):
        clock.now += pause
        spy.operations.clear()
        append(ledger)
        assert spy.operations == [*read, TRANSACT]


def test_an_expired_slot_is_neither_opened_again_nor_continued_and_who_is_there_goes_back_to_lane_0(
    tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = with_lane(tables, clock, 7, monkeypatch)
    clock.now += 100 * DAY
    append(writer(tables, clock))
    clock.now += 100 * DAY
    expire(tables, "7")
    assert append(ledger) == ("0", 4)
    assert append(ledger) == ("0", 5)
    assert rows_of(tables, "7") == []
    with pytest.raises(ExpiredLaneError):
        head_to_continue(tables.wire, tables["audit_logs"], lane_key(TENANT, 1, "7"), clock.now, TTL)
    # Driven there again, and again.
    spy = Unhurried(tables)
    driven = writer(tables, clock, spy)
    append(driven)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    assert append(driven)[0] == "0"
    spy.operations.clear()
    assert append(driven)[0] == "0"
    assert spy.operations == [TRANSACT], "it stays there, and asks no more after the expired one"
    assert append(writer(tables, clock), lane="7")[0] == "0"
    assert rows_of(tables, "7") == []
    assert [event["action"] for event in events_of(tables)].count("AUDIT_LANE_OPENED") == 1


def test_a_slot_that_was_emptied_early_is_not_opened_again(
    tables: Tables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_lane(tables, clock, 7, monkeypatch)
    expire(tables, "7")
    spy = Unhurried(tables)
    ledger = writer(tables, clock, spy)
    append(ledger)
    spy.faults[TRANSACT] = [TAKEN, TAKEN]
    monkeypatch.setattr(random, "choice", lambda slots: 7 if 7 in slots else 8)
    assert append(ledger) == ("8", 1)
    assert rows_of(tables, "7") == []


def test_a_beginning_stands_for_good_and_expires_with_no_row(tables: Tables, clock: Clock) -> None:
    append(writer(tables, clock))
    (row,) = query(tables.wire, tables["audit_logs"], equals("log_lane", f"{TENANT}#1#0#begun"))
    assert row == {"log_lane": f"{TENANT}#1#0#begun", "seq": 1, "begun": int(NOW)}
    (event,) = rows_of(tables, "0")
    assert event["ttl"] == NOW + TTL
    assert len(list(log_tail(tables.wire, tables["audit_logs"], TENANT, 1, {}))) == 1


def test_an_empty_lane_that_somebody_is_just_beginning_is_no_expired_one(tables: Tables, clock: Clock) -> None:
    append(writer(tables, clock))
    expire(tables, "0")
    place = tables.wire, tables["audit_logs"], lane_key(TENANT, 1, "0")
    assert head_to_continue(*place, NOW + SAFE - 1, TTL) == Head()
    with pytest.raises(ExpiredLaneError):
        head_to_continue(*place, NOW + SAFE, TTL)


def test_a_new_epoch_begins_where_the_log_of_the_earlier_one_expired(tables: Tables, clock: Clock) -> None:
    append(writer(tables, clock))
    expire(tables, "0")
    clock.now += 200 * DAY
    ledger = Ledger(Unhurried(tables), replace(tables.ledger_settings(), log_epoch=2), clock)
    started = draft("AUDIT_EPOCH_STARTED")
    assert isinstance(ledger.commit(TENANT, [], [started]), Committed)


def test_writers_put_and_query_and_nothing_else(tables: Tables, clock: Clock) -> None:
    """As their roles say: a read by key would be refused wherever IAM is enforced."""
    asked: list[str] = []

    class Noted(Unhurried):
        def call(self, operation: str, *arguments: Any, **named: Any) -> Any:
            asked.append(operation)
            return super().call(operation, *arguments, **named)

    append(writer(tables, clock, Noted(tables)))
    append(writer(tables, clock, Noted(tables)))
    expire(tables, "0")
    with pytest.raises(Contended):
        append(writer(tables, clock, Noted(tables)))
    assert {*asked} == {"Query", TRANSACT}
