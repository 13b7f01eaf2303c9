"""Openings of lanes in a chain of events: what no writer makes is a broken log."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from shared.evidence.segment import Event, continued, parse
from shared.store.audit_logs import BrokenLaneError, Head, opened_lane

Steps = Iterable[tuple[str, str | None]]


def json_line(event: dict[str, Any]) -> bytes:
    return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def story(*steps: tuple[str, str | None]) -> list[Event]:
    """Chain events in lanes: each step is a lane, and the lane that it opens, if any."""
    heads: dict[str, Head] = {}
    events = []
    for lane, opens in steps:
        head = heads.get(lane, Head())
        action = "AUDIT_LANE_OPENED" if opens else "AUTH_LOGOUT"
        members = {"action": action, "lane": lane, "seq": head.seq + 1, "prev": head.leaf, "meta": {"lane": opens}}
        event = parse(json_line(members))
        heads[lane] = Head(event.seq, event.leaf.hex())
        events.append(event)
    return events


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ([("7", None)], "lane 7 was never opened"),
        ([("0", "8"), ("7", None)], "lane 7 was never opened"),
        ([("0", "7"), ("7", None), ("0", "7")], "lane 7 is opened a second time"),
        ([("0", "0")], "opens '0'"),
        ([("0", "07")], "opens '07'"),
        ([("0", "64")], "opens lane 64"),
        ([("0", "7"), ("7", "8")], "of lane 7 opens '8'"),
        ([("0", "\u0661")], "opens"),
    ],
)
def test_lanes_that_no_writer_makes_are_a_broken_log(steps: Steps, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        continued({}, story(*steps))


def test_an_opening_without_a_name_is_a_broken_log() -> None:
    with pytest.raises(BrokenLaneError):
        opened_lane({"action": "AUDIT_LANE_OPENED", "lane": "0", "seq": 1, "meta": {}})


def test_lanes_go_on_from_their_heads_and_an_opened_one_has_the_empty_head() -> None:
    events = story(("0", None), ("0", "7"), ("7", None), ("7", None), ("0", "63"))
    heads = continued({}, events)
    assert {lane: head.seq for lane, head in heads.items()} == {"0": 3, "7": 2, "63": 0}
    assert heads["63"] == Head()
    assert continued(continued({}, events[:2]), events[2:]) == heads
