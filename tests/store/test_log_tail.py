"""Readers find every lane: lane 0 first, then all that it ever opened."""

import json
from typing import Any

from shared.evidence.segment import continued, parse
from shared.store.audit_logs import Head, open_lanes
from tests.store.conftest import Tables
from tests.store.test_lanes import append, draws, events_of, moved, writer
from tests.store.test_ledger import TENANT, draft

__all__ = ["draws"]


def test_the_tail_is_lane_0_first_and_then_the_lanes_in_the_order_of_their_numbers(
    tables: Tables, draws: list[int]
) -> None:
    for slot in (10, 9, 2):
        ledger, _ = moved(tables, draws, slot)
        append(ledger)
    lanes = [event["lane"] for event in events_of(tables)]
    assert lanes == ["0"] * 6 + ["2", "2", "9", "9", "10", "10"]


def test_the_tail_behind_sealed_heads_holds_what_came_since_of_old_lanes_and_new(
    tables: Tables, draws: list[int]
) -> None:
    ledger, _ = moved(tables, draws, 10)
    sealed = continued({}, [parse(json_line(event)) for event in events_of(tables)])
    append(ledger)
    moved(tables, draws, 3)
    told = [(event["lane"], event["seq"]) for event in events_of(tables, sealed)]
    assert told == [("0", 3), ("0", 4), ("3", 1), ("10", 2)]
    assert open_lanes(tables.wire, tables["audit_logs"], TENANT, 1, sealed) == ["0", "3", "10"]


def test_a_lane_whose_opening_alone_is_sealed_is_not_forgotten(tables: Tables, draws: list[int]) -> None:
    moved(tables, draws, 10)
    first_two = [parse(json_line(event)) for event in events_of(tables)[:2]]
    sealed = continued({}, first_two)
    assert sealed["10"] == Head()
    assert [(event["lane"], event["seq"]) for event in events_of(tables, sealed)] == [("10", 1)]


def test_a_tenant_without_events_has_an_empty_tail_and_lane_0(tables: Tables) -> None:
    assert events_of(tables) == []
    assert open_lanes(tables.wire, tables["audit_logs"], TENANT, 1, {}) == ["0"]


def test_an_event_that_only_mentions_the_action_opens_nothing(tables: Tables) -> None:
    mention = draft()._replace(resource="AUDIT_LANE_OPENED", meta={"action": "AUDIT_LANE_OPENED", "lane": "5"})
    writer(tables).commit(TENANT, [], [mention])
    assert open_lanes(tables.wire, tables["audit_logs"], TENANT, 1, {}) == ["0"]


def json_line(event: dict[str, Any]) -> bytes:
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
