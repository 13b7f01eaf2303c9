"""A history is written only over the one that was read."""

import time

from shared.audit.event import Actor, Draft, new_event_id
from shared.domain.history import Facts, History, learned
from shared.store.histories import history_key, history_of, remembered
from shared.store.item import get
from shared.store.transaction import Committed, Ledger, Refuted
from tests.store.conftest import Tables

NOW = 1_800_000_000
FACTS = Facts(at=NOW, device_hash="a" * 64, agent="x", country="DE", network="198.51.100.0/24", amr=("pwd", "otp"))


def commit(tables: Tables, before: History, after: History) -> Committed | Refuted:
    event = Draft(
        event_id=new_event_id(time.time()),
        action="AUTH_LOGIN_SUCCESS",
        outcome="success",
        actor=Actor("user", "u_1"),
        resource="test",
        context={},
    )
    ledger = Ledger(tables.wire, tables.ledger_settings(), time.time)
    return ledger.commit("t_acme", [remembered(tables["tenant_staff"], "t_acme", "u_1", before, after)], [event])


def read(tables: Tables) -> History:
    return history_of(get(tables.wire, tables["tenant_staff"], history_key("t_acme", "u_1")))


def test_of_two_writers_who_read_the_same_history_one_is_refuted_with_the_row_that_was_there(tables: Tables) -> None:
    first = learned(History(), FACTS)
    assert isinstance(commit(tables, History(), first), Committed)
    lost = commit(tables, History(), first)
    assert isinstance(lost, Refuted)
    assert history_of(lost.failed["history"]) == read(tables)
    known = read(tables)
    assert (known.version, known.devices) == (1, first.devices)
    second = learned(known, FACTS)
    assert isinstance(commit(tables, known, second), Committed)
    assert isinstance(commit(tables, known, second), Refuted)
    assert (read(tables).version, sum(read(tables).hours)) == (2, 2)
