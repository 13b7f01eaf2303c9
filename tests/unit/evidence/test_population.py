"""What the shards rendered must be what was sealed and signed: nothing missing, nothing twice."""

import copy
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from functions.evidence_pipeline.population import Population, add_up, part_of, rendered
from functions.evidence_pipeline.report_file import report_file, sample_files
from shared.audit.catalogue import load

Plan = dict[str, Any]


def segment(no: int, first: int, last: int, **lanes: tuple[int, int]) -> dict[str, Any]:
    spans = {lane.removeprefix("lane"): {"from": begin, "to": end} for lane, (begin, end) in lanes.items()}
    return {"no": no, "index": {"from": first, "to": last}, "lanes": spans, "bytes": no, "sha256_gz": f"no {no}"}


def plan() -> Plan:
    """Give ten events in three segments behind an opening tree of 100."""
    return {
        "opening": {"tree_size": 100},
        "closing": {"tree_size": 110},
        "segments": [
            segment(7, 100, 103, lane0=(51, 54)),
            segment(8, 104, 106, lane0=(55, 56), lane3=(1, 1)),
            segment(9, 107, 109, lane0=(57, 57), lane3=(2, 3)),
        ],
    }


def shards() -> list[dict[str, Any]]:
    return [
        {
            "events": 4,
            "by_action": {"AUTH_LOGOUT": 4},
            "partly": {"security-incidents SESSION_INVALIDATED": 2},
            "batches": [],
            "samples": [],
            "incidents": [],
        },
        {
            "events": 6,
            "by_action": {"AUTH_LOGOUT": 1, "AUTH_LOGIN_FAILED": 3},
            "partly": {"security-incidents SESSION_INVALIDATED": 1},
            "batches": [],
            "samples": [],
            "incidents": [],
        },
    ]


def test_shards_add_up_to_the_population() -> None:
    population = add_up(plan(), plan()["segments"], shards())
    assert population.events == 10
    assert population.by_action == {"AUTH_LOGIN_FAILED": 3, "AUTH_LOGOUT": 5}
    assert population.total == 8  # two events lie between the digests and outside of the interval
    assert population.partly == {"security-incidents SESSION_INVALIDATED": 3}
    assert population.segments == [(7, "no 7"), (8, "no 8"), (9, "no 9")]


def test_log_that_the_range_starts_has_no_opening_tree() -> None:
    whole = {"opening": None, "closing": {"tree_size": 2}}
    shard = {"events": 2, "by_action": {}, "partly": {}, "batches": [], "samples": [], "incidents": []}
    assert add_up(whole, [segment(1, 0, 1, lane0=(1, 2))], [shard]).events == 2


def test_range_without_segments_is_a_proven_zero() -> None:
    idle = {"opening": {"tree_size": 5}, "closing": {"tree_size": 5}, "segments": []}
    nothing = {"events": 0, "by_action": {}, "partly": {}, "batches": [], "samples": [], "incidents": []}
    population = add_up(idle, [], [nothing])
    assert (population.events, population.total) == (0, 0)


def test_what_shards_kept_of_a_sample_stays_in_their_order() -> None:
    kept = shards()
    parts = [[{"kept": [[shard, number]]} for number in range(2)] for shard in range(2)]
    kept[0]["samples"], kept[1]["samples"] = parts
    assert list(add_up(plan(), plan()["segments"], kept).samples) == [
        (parts[0][0], parts[1][0]),
        (parts[0][1], parts[1][1]),
    ]


def test_a_sample_of_a_range_without_segments_is_a_proven_zero() -> None:
    asked = {"samples": [{"file": "a.csv", "n": 3, "nonce": "12345678"}]}
    (file,) = sample_files(asked, Population(0, {}, [], samples=[({"population": 0, "kept": []},)]))
    assert file.path == "samples/000000000001.json"
    (piece,) = file.pieces
    assert isinstance(piece.body, bytes)
    document = json.loads(zlib.decompressobj(-15).decompress(piece.body))
    assert (document["population"], document["rows"]) == (0, [])


@pytest.mark.parametrize("events", [3, 5])
def test_events_that_are_not_as_many_as_were_signed_end_the_export(events: int) -> None:
    counted = shards()
    counted[0]["events"] = events
    with pytest.raises(RuntimeError, match="10 were signed"):
        add_up(plan(), plan()["segments"], counted)


def test_shard_that_is_missing_ends_the_export() -> None:
    with pytest.raises(RuntimeError, match="4 events were rendered, 10 were signed"):
        add_up(plan(), plan()["segments"], shards()[:1])


def drop_middle(broken: Plan) -> None:
    del broken["segments"][1]
    broken["segments"][1]["index"] = {"from": 104, "to": 109}


def move_number(broken: Plan) -> None:
    broken["segments"][2]["no"] = 10


def shift_index(broken: Plan) -> None:
    broken["segments"][1]["index"]["from"] = 105


def overlap_index(broken: Plan) -> None:
    broken["segments"][0]["index"]["to"] = 104


def begin_late(broken: Plan) -> None:
    broken["opening"]["tree_size"] = 99
    broken["closing"]["tree_size"] = 109


def open_lane_gap(broken: Plan) -> None:
    broken["segments"][1]["lanes"]["0"]["from"] = 56


def repeat_in_lane(broken: Plan) -> None:
    broken["segments"][2]["lanes"]["3"]["from"] = 1


def swap(broken: Plan) -> None:
    broken["segments"][0], broken["segments"][1] = broken["segments"][1], broken["segments"][0]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (drop_middle, "segment 8 is missing"),
        (move_number, "segment 9 is missing"),
        (shift_index, "segment 8 begins at 105, not at 104"),
        (overlap_index, "segment 8 begins at 104, not at 105"),
        (begin_late, "segment 7 begins at 100, not at 99"),
        (open_lane_gap, "lane 0 has a gap before 56"),
        (repeat_in_lane, "lane 3 has a gap before 1"),
        (swap, "segment 8 begins"),
    ],
)
def test_gap_in_numbers_indexes_or_lanes_ends_the_export(damage: Callable[[Plan], None], complaint: str) -> None:
    broken = copy.deepcopy(plan())
    damage(broken)
    with pytest.raises(RuntimeError, match=complaint):
        add_up(broken, broken["segments"], shards())


def part(name: str, rows: int, first: int, neutralised: int) -> dict[str, Any]:
    fragment = {"method": "deflate", "crc32": 1, "content_bytes": 10, "stored_bytes": 7, "content_sha256": "ab" * 32}
    return {
        "name": name,
        "version_id": "v",
        "fragment": fragment,
        "rows": rows,
        "first_index": first,
        "last_index": first + rows - 1,
        "neutralised": neutralised,
    }


def test_fragments_of_one_report_are_joined_in_log_order() -> None:
    batches = [{"access-logs": part("a", 2, 100, 1)}, {"role-changes": part("b", 1, 102, 0)}]
    joined = rendered([*batches, {"access-logs": part("c", 3, 103, 4)}], "access-logs", "bucket", "rendering/")
    assert (joined.rows, joined.first_index, joined.last_index, joined.neutralised) == (5, 100, 105, 5)
    assert [getattr(piece.body, "key", None) for piece in joined.pieces] == ["rendering/a", "rendering/c"]


def test_report_without_a_row_has_no_first_and_no_last() -> None:
    empty = rendered([], "access-logs", "bucket", "rendering/")
    assert (empty.pieces, empty.rows, empty.first_index, empty.last_index) == ((), 0, None, None)


def test_rows_of_an_action_that_a_report_takes_in_part_are_counted_apart() -> None:
    incidents, ended = (load().reports[slug] for slug in ("security-incidents", "session-invalidations"))
    population = Population(
        9, {"SESSION_INVALIDATED": 7, "SESSION_BLOCKED": 2}, [], (), (), {part_of(incidents, "SESSION_INVALIDATED"): 3}
    )
    assert (population.rows_of(incidents), population.rows_of(ended)) == (5, 7)


def test_report_whose_rows_are_not_its_events_ends_the_export() -> None:
    catalogue = load()
    batches = [{"access-logs": part("a", 2, 100, 0)}]
    population = Population(3, {"AUTH_LOGOUT": 3}, batches)
    with pytest.raises(RuntimeError, match="access-logs has 2 rows of 3 events"):
        report_file(
            catalogue.reports["access-logs"], catalogue, population, {"requested": {"format": "csv"}}, ("bucket", "")
        )
