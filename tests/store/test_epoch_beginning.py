"""A log that starts again begins with the event that says so, or nobody changes anything."""

import dataclasses
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.audit.epoch import STARTED, Ending, epoch_started
from shared.audit.event import GENESIS, Actor, Draft, new_event_id
from shared.audit.merkle import Frontier
from shared.store.audit_logs import Head, entries_after, lane_key
from shared.store.condition import absent
from shared.store.item import get, put
from shared.store.transaction import Committed, Contended, EpochNotBegun, Ledger
from tests.store.conftest import Tables

TENANT = "t_acme"
OPERATOR = Actor("service", "operator")
ENDING = Ending(1, (93, "ab" * 32), 57, 1204, b"r" * 32, {"0": (1204, "cd" * 32)})


def ledger(tables: Tables, epoch: int) -> Ledger:
    return Ledger(tables.wire, dataclasses.replace(tables.ledger_settings(), log_epoch=epoch), time.time)


def draft(action: str = "AUTH_LOGOUT") -> Draft:
    return Draft(new_event_id(time.time()), action, "success", Actor("user", "u_1"), "test", {})


def started(ending: Ending = ENDING) -> Draft:
    return epoch_started(TENANT, ending, "table_lost", OPERATOR, time.time())


def written(tables: Tables, epoch: int) -> list[dict[str, object]]:
    entries = entries_after(tables.wire, tables["audit_logs"], lane_key(TENANT, epoch, "0"), Head())
    return [json.loads(entry.line) for entry in entries]


def test_nothing_is_committed_in_an_epoch_that_has_not_begun(tables: Tables) -> None:
    change = put(tables["things"], {"id": "a"}, absent("id"))
    with pytest.raises(EpochNotBegun):
        ledger(tables, 2).commit(TENANT, [change], [draft()])
    assert written(tables, 2) == []
    assert get(tables.wire, tables["things"], {"id": "a"}) is None


def test_refusal_is_one_that_callers_know_as_nothing_was_committed() -> None:
    assert issubclass(EpochNotBegun, Contended)


def test_first_epoch_begins_with_any_event(tables: Tables) -> None:
    assert isinstance(ledger(tables, 1).commit(TENANT, [], [draft()]), Committed)


def test_epoch_begins_once_and_everything_follows_it(tables: Tables) -> None:
    writer = ledger(tables, 2)
    assert isinstance(writer.commit(TENANT, [], [started(), draft()]), Committed)
    assert isinstance(ledger(tables, 2).commit(TENANT, [], [draft()]), Committed)
    with pytest.raises(RuntimeError, match="has begun"):
        ledger(tables, 2).commit(TENANT, [], [started()])
    first, *rest = written(tables, 2)
    assert (first["action"], first["seq"], first["prev"], first["epoch"]) == (STARTED, 1, GENESIS, 2)
    assert [event["action"] for event in rest] == ["AUTH_LOGOUT", "AUTH_LOGOUT"]


def test_writer_that_was_refused_goes_on_as_soon_as_the_epoch_has_begun(tables: Tables) -> None:
    waiting = ledger(tables, 2)
    with pytest.raises(EpochNotBegun):
        waiting.commit(TENANT, [], [draft()])
    ledger(tables, 2).commit(TENANT, [], [started()])
    assert isinstance(waiting.commit(TENANT, [], [draft()]), Committed)


def test_of_four_who_begin_an_epoch_at_once_one_does(tables: Tables) -> None:
    gate = threading.Barrier(4)

    def begin(_number: int) -> bool:
        gate.wait()
        try:
            return isinstance(ledger(tables, 2).commit(TENANT, [], [started()]), Committed)
        except RuntimeError:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(begin, range(4))) == 1
    assert [event["action"] for event in written(tables, 2)] == [STARTED]


def test_event_states_the_last_digest_and_how_far_was_sealed(tables: Tables) -> None:
    ledger(tables, 2).commit(TENANT, [], [started()])
    assert written(tables, 2)[0]["meta"] == {
        "previous_epoch": 1,
        "reason": "table_lost",
        "digest": {"no": 93, "sha256": "ab" * 32},
        "sealed": {
            "segment": 57,
            "size": 1204,
            "root": "cnJycnJycnJycnJycnJycnJycnJycnJycnJycnJycnI=",
            "lanes": {"0": {"seq": 1204, "hash": "cd" * 32}},
        },
    }


def test_log_that_never_was_has_the_root_of_an_empty_tree() -> None:
    meta = started(Ending(1)).meta
    assert meta["digest"] is None
    assert Ending(1).root == Frontier().root()
