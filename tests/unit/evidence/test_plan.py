"""Which digests enclose a range, and into how many shards its segments are divided."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.evidence_pipeline.plan import (
    EVENTS_PER_SHARD,
    MAX_SHARDS,
    PLAN,
    EarlierEpochError,
    NotSealedYetError,
    Planner,
    Span,
    divide,
    enclose,
    resolve,
    shards_for,
)
from functions.evidence_pipeline.settings import PlanSettings
from shared.audit.moment import unix_seconds
from shared.evidence.period import Period, period_of
from shared.store.attribute import marshal

NOW = 1_795_000_000.0  # 2026-11-18


def may(first: int, last: int) -> Period:
    return period_of(f"2026-05-{first:02d}", f"2026-05-{last:02d}", "UTC", NOW)


def instant(day: int, hour: int = 0) -> str:
    return f"2026-05-{day:02d}T{hour:02d}:00:00.000Z"


def digests(*states: tuple[str | None, str]) -> list[dict[str, Any]]:
    """Give digests 1, 2, 3 ... of (latest event time, watermark)."""
    return [
        {"no": number, "time_max": latest, "watermark": watermark, "tree_size": number, "segment": number}
        for number, (latest, watermark) in enumerate(states, start=1)
    ]


DAILY = digests(*((instant(day, 12), instant(day + 1)) for day in range(1, 10)))  # digest n covers day n


@pytest.mark.parametrize(
    ("first", "last", "opening", "closing", "cut"),
    [
        (1, 1, 0, 1, False),  # the log's first day
        (1, 9, 0, 9, False),
        (3, 5, 2, 5, False),
        (9, 9, 8, 9, False),
        (9, 20, 8, 9, True),  # reaches past the last watermark
        (1, 20, 0, 9, True),
    ],
)
def test_range_lies_between_the_digest_before_and_the_first_that_covers_it(
    first: int, last: int, opening: int, closing: int, *, cut: bool
) -> None:
    span = enclose(may(first, last), DAILY)
    assert (span.opening["no"] if span.opening else 0, span.closing["no"], span.cut) == (opening, closing, cut)


def test_range_before_the_log_began_opens_with_nothing_and_closes_with_the_first_digest() -> None:
    span = enclose(may(1, 2), digests((instant(8), instant(9)), (instant(9), instant(10))))
    assert (span.opening, span.closing["no"], span.cut) == (None, 1, False)


def test_range_in_which_the_log_was_idle_opens_and_closes_with_one_digest() -> None:
    span = enclose(may(4, 5), digests((instant(2), instant(3)), (instant(2), instant(9)), (instant(9), instant(11))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"], span.cut) == (2, 2, False)


def test_digest_of_an_empty_tree_opens_like_any_other() -> None:
    span = enclose(may(4, 5), digests((None, instant(3)), (instant(4), instant(9))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"]) == (1, 2)


def test_only_empty_digests_give_a_proven_nothing() -> None:
    span = enclose(may(4, 5), digests((None, instant(3)), (None, instant(9))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"], span.cut) == (2, 2, False)


def test_event_at_the_very_start_of_the_range_is_not_left_before_it() -> None:
    assert enclose(may(4, 5), digests((instant(4), instant(4)), (instant(5), instant(9)))).opening is None


def test_event_from_before_the_range_that_was_sealed_late_does_not_move_the_opening() -> None:
    span = enclose(may(4, 4), digests((instant(1), instant(2)), (instant(4, 3), instant(4)), (instant(4), instant(6))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"]) == (1, 3)


def test_watermark_exactly_at_the_end_is_enough() -> None:
    span = enclose(may(4, 5), digests((instant(4), instant(6))))
    assert (span.closing["no"], span.cut) == (1, False)


def test_unsealed_event_that_holds_the_watermark_back_cuts_the_range() -> None:
    span = enclose(may(4, 5), digests((instant(4), instant(4, 7)), (instant(5), instant(5, 7))))
    assert (span.closing["no"], span.cut, span.closing["watermark"]) == (2, True, instant(5, 7))


@pytest.mark.parametrize(
    "known",
    [[], digests((instant(1), instant(2))), digests((instant(3), instant(4))), digests((None, instant(4)))],
    ids=["empty log", "older", "ends where the range begins", "empty tree"],
)
def test_range_that_no_watermark_reaches_into_has_to_wait(known: list[dict[str, Any]]) -> None:
    with pytest.raises(NotSealedYetError):
        enclose(may(4, 5), known)


@given(
    steps=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=12),
    first=st.integers(1, 28),
    length=st.integers(0, 3),
)
def test_nothing_of_the_range_lies_outside_of_its_digests(
    steps: list[tuple[int, int]], first: int, length: int
) -> None:
    """Days of latest events and watermarks grow; the watermark may lag behind the latest event."""
    latest, watermark, known = 1, 1, []
    for forward, lag in steps:
        latest = min(30, latest + forward)
        watermark = max(watermark, latest - lag)
        known.append((instant(latest, 12), instant(watermark)))
    period = may(first, min(30, first + length))
    try:
        span = enclose(period, digests(*known))
    except NotSealedYetError:
        assert known[-1][1] <= period.start
        return
    if span.opening:
        assert span.opening["time_max"] < period.start
        assert span.opening["no"] <= span.closing["no"]
    end = span.closing["watermark"] if span.cut else period.end_exclusive
    assert span.closing["watermark"] >= end > period.start
    following = digests(*known)[(span.opening or {"no": 0})["no"]]["time_max"] if span.opening != span.closing else None
    assert following is None or following >= period.start or span.closing["no"] == len(known)


@pytest.mark.parametrize(
    ("events", "shards"),
    [
        (0, 1),
        (1, 1),
        (EVENTS_PER_SHARD, 1),
        (EVENTS_PER_SHARD + 1, 2),
        (EVENTS_PER_SHARD * MAX_SHARDS, MAX_SHARDS),
        (EVENTS_PER_SHARD * MAX_SHARDS + 1, MAX_SHARDS),
    ],
)
def test_shards_grow_with_the_events_up_to_the_limit(events: int, shards: int) -> None:
    assert shards_for(events) == shards


@given(count=st.integers(0, 500), shards=st.integers(1, MAX_SHARDS))
def test_shards_partition_the_segments_evenly(count: int, shards: int) -> None:
    runs = divide(count, shards)
    assert [index for first, last in runs for index in range(first, last)] == list(range(count))
    assert len(runs) == min(count, shards)
    sizes = {last - first for first, last in runs}
    assert not sizes or (min(sizes) > 0 and max(sizes) - min(sizes) <= 1)
    assert all(left[1] == right[0] for left, right in itertools.pairwise(runs))


class Tables:
    """Answers the reads of a plan from memory."""

    def __init__(self, rows: dict[str, dict[str, Any]], sealed: dict[str, list[dict[str, Any]]]) -> None:
        self._rows, self._sealed = rows, sealed
        self.updated: list[dict[str, Any]] = []

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        del deadline
        if operation == "GetItem":
            return {"Item": marshal(self._rows[request["TableName"]])}
        if operation == "Query":
            first, last = (str(value["S"]) for value in list(request["ExpressionAttributeValues"].values())[1:])
            kind = first.partition("#")[0]
            rows = [row for row in self._sealed[kind] if first <= f"{kind}#1#{row['no']:012d}" <= last]
            return {"Items": [marshal(row) for row in rows]}
        self.updated.append(request)
        return {}


class Bench:
    def __init__(self) -> None:
        self.written: dict[str, bytes] = {}

    def write(self, name: str, body: bytes) -> None:
        self.written[name] = body


def planned(number: int, events: int, now: float = NOW) -> tuple[dict[str, Any], dict[str, Any]]:
    segments = [
        {"no": no, "key": f"log/v1/prod/{'t' * 64}/1/seg/{no:012d}.ndjson.gz", "events": events}
        | {"after": {"frontier": ["ab"]}}
        for no in range(1, number + 1)
    ]
    tenant = "t" * 64
    export: dict[str, Any] = {
        "tenant": tenant,
        "export_id": "exp_" + "0" * 24,
        "requested": {"from": "2026-05-02", "to": "2026-05-05", "tz": "UTC", "format": "csv"},
        "requested_by": {"actor": "u_1", "role": "owner", "step_up": "su_1"},
        "started_event": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "created_at": int(NOW),
    }
    first, closing = digests((instant(1), instant(2)), (instant(5), instant(7)))
    closing |= {"segment": number, "tree_size": number * events}
    rows: dict[str, dict[str, Any]] = {"tenants": {"tenant": tenant, "name": "Acme"}, "exports": export}
    tables = Tables(rows, {"segment": segments, "digest": [first, closing]})
    bench = Bench()
    settings = PlanSettings("tenants", "exports", "audit_seals", "vault", "bucket", 1)
    planner = Planner(tables, None, bench, settings, lambda: now)  # type: ignore[arg-type]  # what is used of them
    state = planner.plan(tenant, export["export_id"])
    assert len(tables.updated) == 1
    return state, json.loads(bench.written[PLAN])


def test_plan_of_thirty_thousand_segments_leaves_a_state_below_8_kb() -> None:
    state, plan = planned(30_000, 2_000)
    assert len(json.dumps(state).encode()) < 8_192
    assert len(state["shards"]) == len(plan["shards"]) == MAX_SHARDS
    assert len(plan["segments"]) == 29_999
    assert plan["shards"][-1][1] == 29_999


def test_plan_begins_behind_the_opening_digest_with_its_frontier() -> None:
    state, plan = planned(3, 5)
    assert [segment["no"] for segment in plan["segments"]] == [2, 3]
    assert (plan["opening"]["no"], plan["closing"]["no"], plan["frontier"]) == (1, 2, ["ab"])
    assert [digest["no"] for digest in plan["digests"]] == [1, 2]
    assert state["shards"] == [{"tenant": state["tenant"], "export_id": state["export_id"], "shard": 0}]


def test_range_that_was_accepted_is_planned_though_the_planners_clock_is_behind() -> None:
    a_second_before_the_range = unix_seconds("2026-05-01T23:59:59.000Z")
    _, plan = planned(3, 5, a_second_before_the_range)
    assert plan["resolved"]["from"] == "2026-05-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("begins", "start"),
    [(None, instant(3)), (instant(2), instant(3)), (instant(3), instant(3)), (instant(4), instant(4))],
)
def test_range_does_not_begin_before_the_log_does(begins: str | None, start: str) -> None:
    span = Span(None, DAILY[8], cut=False)
    assert resolve(may(3, 5), span, begins) == {"from": start, "to_exclusive": instant(6)}


def test_range_that_ends_before_the_log_begins_is_not_of_this_log() -> None:
    with pytest.raises(EarlierEpochError):
        resolve(may(3, 5), Span(None, DAILY[8], cut=False), instant(6))


def test_range_of_which_nothing_behind_the_beginning_is_sealed_has_to_wait() -> None:
    with pytest.raises(NotSealedYetError):
        resolve(may(3, 20), Span(None, DAILY[3], cut=True), instant(5))
