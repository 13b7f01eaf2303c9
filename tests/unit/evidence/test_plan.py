"""Which digests enclose a range, and into how many shards its segments are divided."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.evidence_pipeline.plan import (
    DIGESTS,
    EVENTS_PER_SHARD,
    MAX_SHARDS,
    PLAN,
    SHARDS,
    EarlierEpochError,
    NotSealedYetError,
    Planner,
    Span,
    divide,
    enclose,
    resolve,
    segments_name,
    shards_for,
)
from functions.evidence_pipeline.settings import PlanSettings
from shared.audit.moment import unix_seconds
from shared.evidence.period import Period, period_of
from shared.runtime.settings import from_environment
from shared.store.attribute import marshal
from tests.functions.deployment_settings import SETTINGS

NOW = 1_795_000_000.0  # 2026-11-18
NAMES = {
    f"{name}_TABLE": name.lower() for name in ("TENANTS", "EXPORTS", "AUDIT_SEALS", "TENANT_STAFF", "USER_SESSIONS")
}
NAMES |= {"VAULT_BUCKET": "vault", "EXPORTS_BUCKET": "bucket"}
SETTLED: dict[str, Any] = {"policy": {}, "policy_version": 1, "created_at": 0}


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


class Signed:
    """The digests of a log, as `SealSearch` finds them."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def last_digest(self) -> dict[str, Any] | None:
        return self._rows[-1] if self._rows else None

    def digest(self, number: int) -> dict[str, Any]:
        return self._rows[number - 1]

    def first_digest(self, last: dict[str, Any], holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        assert last is self._rows[-1]
        return next(filter(holds, self._rows), None)


def enclosed(period: Period, rows: list[dict[str, Any]]) -> Span:
    return enclose(period, Signed(rows))


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
    span = enclosed(may(first, last), DAILY)
    assert (span.opening["no"] if span.opening else 0, span.closing["no"], span.cut) == (opening, closing, cut)


def test_range_before_the_log_began_opens_with_nothing_and_closes_with_the_first_digest() -> None:
    span = enclosed(may(1, 2), digests((instant(8), instant(9)), (instant(9), instant(10))))
    assert (span.opening, span.closing["no"], span.cut) == (None, 1, False)


def test_range_in_which_the_log_was_idle_opens_and_closes_with_one_digest() -> None:
    span = enclosed(may(4, 5), digests((instant(2), instant(3)), (instant(2), instant(9)), (instant(9), instant(11))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"], span.cut) == (2, 2, False)


def test_range_that_several_idle_digests_cover_opens_and_closes_with_the_last_of_them() -> None:
    span = enclosed(may(4, 5), digests((instant(2), instant(3)), (instant(2), instant(9)), (instant(2), instant(11))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"], span.cut) == (3, 3, False)


def test_digest_of_an_empty_tree_opens_like_any_other() -> None:
    span = enclosed(may(4, 5), digests((None, instant(3)), (instant(4), instant(9))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"]) == (1, 2)


def test_only_empty_digests_give_a_proven_nothing() -> None:
    span = enclosed(may(4, 5), digests((None, instant(3)), (None, instant(9))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"], span.cut) == (2, 2, False)


def test_event_at_the_very_start_of_the_range_is_not_left_before_it() -> None:
    assert enclosed(may(4, 5), digests((instant(4), instant(4)), (instant(5), instant(9)))).opening is None


def test_event_from_before_the_range_that_was_sealed_late_does_not_move_the_opening() -> None:
    span = enclosed(may(4, 4), digests((instant(1), instant(2)), (instant(4, 3), instant(4)), (instant(4), instant(6))))
    assert span.opening is not None
    assert (span.opening["no"], span.closing["no"]) == (1, 3)


def test_watermark_exactly_at_the_end_is_enough() -> None:
    span = enclosed(may(4, 5), digests((instant(4), instant(6))))
    assert (span.closing["no"], span.cut) == (1, False)


def test_unsealed_event_that_holds_the_watermark_back_cuts_the_range() -> None:
    span = enclosed(may(4, 5), digests((instant(4), instant(4, 7)), (instant(5), instant(5, 7))))
    assert (span.closing["no"], span.cut, span.closing["watermark"]) == (2, True, instant(5, 7))


@pytest.mark.parametrize(
    "known",
    [[], digests((instant(1), instant(2))), digests((instant(3), instant(4))), digests((None, instant(4)))],
    ids=["empty log", "older", "ends where the range begins", "empty tree"],
)
def test_range_that_no_watermark_reaches_into_has_to_wait(known: list[dict[str, Any]]) -> None:
    with pytest.raises(NotSealedYetError):
        enclosed(may(4, 5), known)


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
        span = enclosed(period, digests(*known))
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


@given(sizes=st.lists(st.integers(1, 40), max_size=60), shards=st.integers(1, 12))
def test_shards_are_runs_of_segments_with_about_equal_numbers_of_events(sizes: list[int], shards: int) -> None:
    segments = [{"no": number, "events": size} for number, size in enumerate(sizes)]
    runs = list(divide(iter(segments), sum(sizes), shards))
    assert [segment for run in runs for segment in run] == segments
    assert 1 <= len(runs) <= shards
    assert not segments or all(runs)
    fair = sum(sizes) / shards
    assert all(sum(segment["events"] for segment in run) < fair + max(sizes) for run in runs if run)


def test_range_without_segments_is_one_empty_shard() -> None:
    assert list(divide([], 0, 1)) == [[]]


def test_rows_that_do_not_add_up_are_not_lost_from_the_last_shard() -> None:
    assert [len(run) for run in divide([{"events": 1}, {"events": 1}], 9, 3)] == [2]


class Tables:
    """Answers the reads of a plan from memory; `sealed` maps a kind of seal row to its rows, in order."""

    def __init__(self, rows: dict[str, dict[str, Any]], sealed: dict[str, list[dict[str, Any]]]) -> None:
        self._rows, self._sealed = rows, sealed
        self.updated: list[dict[str, Any]] = []
        self.read: list[str] = []

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        del deadline
        if operation == "GetItem":
            if request["TableName"] != "audit_seals":
                return {"Item": marshal(self._rows[request["TableName"]])}
            seal = request["Key"]["seal"]["S"]
            self.read.append(seal)
            kind, _, rest = seal.partition("#")
            if kind == "digest_head":
                return {"Item": marshal(self._sealed["digest"][-1])}
            return {"Item": marshal(self._sealed[kind][int(rest.partition("#")[2]) - 1])}
        if operation == "Query" and request["TableName"] != "audit_seals":
            return {"Items": []}  # nobody has administrative access
        if operation == "Query":
            first, last = (str(value["S"]) for value in list(request["ExpressionAttributeValues"].values())[1:])
            kind, page = first.partition("#")[0], range(int(first[-12:]) - 1, int(last[-12:]))
            self.read += [f"{kind}#{number + 1}" for number in page]
            return {"Items": [marshal(self._sealed[kind][number]) for number in page]}
        self.updated.append(request)
        return {}


class Bench:
    def __init__(self) -> None:
        self.written: dict[str, bytes] = {}

    def key(self, name: str) -> str:
        return f"rendering/{'t' * 64}/exp_{'0' * 24}/{name}"

    def write(self, name: str, body: bytes) -> None:
        self.written[name] = body

    def document(self, name: str) -> Any:
        return json.loads(self.written[name])


class Planned:
    """A plan over a log of hourly digests behind the range; what was made of it, read and written."""

    def __init__(self, number: int, events: int, now: float = NOW, later: int = 0) -> None:
        tenant = "t" * 64
        self.export_id = "exp_" + "0" * 24
        export: dict[str, Any] = {
            "tenant": tenant,
            "export_id": self.export_id,
            "requested": {"from": "2026-05-02", "to": "2026-05-05", "tz": "UTC", "format": "csv"},
            "requested_by": {"actor": "u_1", "role": "owner", "step_up": "su_1"},
            "started_event": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "created_at": int(NOW),
            "progress": {"step": "requested", "done": 0, "total": 0},
        }
        behind = [(instant(7 + hour // 24, hour % 24), instant(7 + hour // 24, hour % 24)) for hour in range(later)]
        signed = digests((instant(1), instant(2)), (instant(5), instant(7)), *behind)
        for digest in signed:
            digest |= {"root": "", "segment": 1, "tree_size": events}
        for digest in signed[1:]:
            digest |= {"segment": number, "tree_size": number * events}
        rows: dict[str, dict[str, Any]] = {"tenants": {"tenant": tenant, "name": "Acme", **SETTLED}, "exports": export}
        segments = [seal_row(tenant, no, events) for no in range(1, number + 1)]
        self.tables = Tables(rows, {"segment": segments, "digest": signed})
        self.bench = Bench()
        settings = from_environment(PlanSettings, {**SETTINGS, **NAMES})
        used: Any = self.bench
        planner = Planner(self.tables, None, used, settings, lambda: now)  # type: ignore[arg-type]  # reads no object
        self.state = planner.plan(tenant, self.export_id)
        self.plan = self.bench.document(PLAN)

    def segments(self, shard: int) -> list[dict[str, Any]]:
        segments: list[dict[str, Any]] = self.bench.document(segments_name(shard))
        return segments


def seal_row(tenant: str, no: int, events: int) -> dict[str, Any]:
    """Give a seal row as the sealer writes it, of four lanes."""
    return {
        "no": no,
        "key": f"log/v1/prod/{tenant}/1/seg/{no:012d}.ndjson.gz",
        "version_id": "v" * 32,
        "sha256_gz": "a" * 64,
        "sha256_raw": "b" * 64,
        "bytes": 400_000,
        "events": events,
        "index": {"from": (no - 1) * events, "to": no * events - 1},
        "lanes": {str(lane): {"from": no * 9, "to": no * 9 + 8} for lane in range(4)},
        "counts": {"AUTH_LOGIN_SUCCESS": events},
        "after": {"frontier": ["ab"], "tree_size": no * events},
    }


def test_plan_of_thirty_thousand_segments_leaves_a_state_below_8_kb() -> None:
    planned = Planned(30_000, 1_000)
    assert len(json.dumps(planned.state).encode()) < 512
    shards = planned.state["shards"]
    assert planned.bench.document(SHARDS) == [{"shard": shard} for shard in range(shards)]
    assert shards == planned.plan["shards"] == 30
    planned_numbers = [segment["no"] for shard in range(shards) for segment in planned.segments(shard)]
    assert planned_numbers == list(range(2, 30_001))
    assert len(planned.bench.written[PLAN]) < 8_192, "every worker reads it"
    assert len(planned.bench.written[segments_name(0)]) < 500_000, "a worker reads its own segments only"


def test_plan_reads_the_digests_around_its_range_and_not_those_of_the_logs_whole_life() -> None:
    planned = Planned(3, 5, later=500)
    digests = [seal for seal in planned.tables.read if seal.startswith("digest#")]
    assert len(digests) < 256 + 2 + 2 * 10
    found = planned.bench.document(DIGESTS)
    assert [digest["no"] for digest in found["digests"]] == [1, 2]
    assert len(found["later_heads"]) == 256


def test_plan_begins_behind_the_opening_digest_with_its_frontier() -> None:
    planned = Planned(3, 5)
    assert [segment["no"] for segment in planned.segments(0)] == [2, 3]
    plan = planned.plan
    assert (plan["opening"]["no"], plan["closing"]["no"], plan["frontier"]) == (1, 2, ["ab"])
    assert planned.state == {
        "tenant": "t" * 64,
        "export_id": planned.export_id,
        "shards": 1,
        "list": planned.bench.key(SHARDS),
    }
    assert len(planned.tables.updated) == 2, "the time that it has now, and its progress"


def test_range_that_was_accepted_is_planned_though_the_planners_clock_is_behind() -> None:
    a_second_before_the_range = unix_seconds("2026-05-01T23:59:59.000Z")
    assert Planned(3, 5, a_second_before_the_range).plan["resolved"]["from"] == "2026-05-02T00:00:00.000Z"


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
