"""How much one transaction holds: items, bytes, and the room that a beginning or an opening needs."""

from typing import Any

import pytest

from shared.store.item import put
from shared.store.transaction import MAX_ITEMS, Committed
from tests.store.conftest import Tables
from tests.store.test_lanes import TRANSACT, append, draws, writer
from tests.store.test_ledger import TENANT, Spy, cancelled, draft

__all__ = ["draws"]


def things(tables: Tables, number: int) -> list[Any]:
    return [put(tables["things"], {"id": f"{count}"}) for count in range(number)]


def test_a_decision_that_fills_the_transaction_is_committed_whole(tables: Tables) -> None:
    ledger = writer(tables)
    append(ledger)
    outcome = ledger.commit(TENANT, things(tables, MAX_ITEMS - 3), [draft()] * 3)
    assert isinstance(outcome, Committed)
    assert [event.seq for event in outcome.events] == [2, 3, 4]


def test_a_log_may_begin_with_a_decision_that_leaves_one_item_free(tables: Tables) -> None:
    spy = Spy(tables)
    with pytest.raises(RuntimeError, match="a log cannot begin with 100 items"):
        writer(tables, spy).commit(TENANT, things(tables, MAX_ITEMS - 1), [draft()])
    assert TRANSACT not in spy.operations
    assert isinstance(writer(tables).commit(TENANT, things(tables, MAX_ITEMS - 2), [draft()]), Committed)


def test_a_decision_that_weighs_more_than_a_transaction_holds_is_refused_before_it_is_sent(tables: Tables) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    rows = [put(tables["things"], {"id": f"{number}", "text": "x" * 360_000}) for number in range(11)]
    assert isinstance(ledger.commit(TENANT, rows, [draft()]), Committed)  # 3.96 MB
    spy.operations.clear()
    heavier = [*rows, put(tables["things"], {"id": "12", "text": "x" * 40_000})]
    with pytest.raises(RuntimeError, match=r"13 items of 40\d{5} bytes are more than one transaction holds"):
        ledger.commit(TENANT, heavier, [draft()])
    assert spy.operations == []
    assert append(ledger)[1] == 2


def test_a_decision_that_is_more_than_a_transaction_is_refused_before_it_is_sent(tables: Tables) -> None:
    spy = Spy(tables)
    with pytest.raises(RuntimeError, match="98 items and 3 events are more than 100"):
        writer(tables, spy).commit(TENANT, things(tables, 98), [draft()] * 3)
    assert spy.operations == []


@pytest.mark.parametrize(("number", "lane"), [(99, "0"), (98, "0"), (97, "7")])
def test_a_decision_without_room_for_an_opening_opens_nothing(
    tables: Tables, draws: list[int], number: int, lane: str
) -> None:
    spy = Spy(tables)
    ledger = writer(tables, spy)
    append(ledger)
    full = cancelled(*["None"] * number, "ConditionalCheckFailed")
    spy.faults[TRANSACT] = [full, full]
    draws.append(7)
    outcome = ledger.commit(TENANT, things(tables, number), [draft()])
    assert isinstance(outcome, Committed)
    assert outcome.events[0].lane == lane
