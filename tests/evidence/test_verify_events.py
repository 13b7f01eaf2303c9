"""The verifier on steps 4 and 5: events that were changed, moved, added or taken away."""

from __future__ import annotations

import json

from shared.audit.canonical import canonical
from shared.evidence.verify_bundle import FAILED, PASSED
from tests.evidence.bundle_builder import (
    EVENTS,
    Statement,
    World,
    digest_name,
    gzip_member,
    instant,
)
from tests.evidence.tampering import (
    Verify,
    edited_event,
    rechained,
    restated,
    with_events,
)

# --- Behind the digests' back: the signed hashes tell ---


def test_an_edited_event_is_named_with_segment_and_follower(log: World, verify: Verify) -> None:
    told = verify(with_events(log, edited_event), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "SHA-256", "segment 3")
    assert told.names(6, digest_name(2), "root differs")


def test_a_dropped_segment_is_named(log: World, verify: Verify) -> None:
    told = verify(with_events(log, lambda events: events.pop(2)), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "SHA-256 of the gzip member", "segment 3")


def test_recompressed_gzip_is_named(log: World, verify: Verify) -> None:
    members = [gzip_member(lines) for lines in log.events]
    members[2] = gzip_member(log.events[2], level=0)
    told = verify(log.signed(log.files(members=members)), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "SHA-256 of the gzip member", "segment 3")


def test_a_truncated_tail_is_named(log: World, verify: Verify) -> None:
    told = verify(with_events(log, lambda events: events.pop()), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "the events end before the end of segment 6")
    assert [told.status(step) for step in (5, 6, 7)] == ["not checked"] * 3


def test_bytes_after_the_last_segment_are_named(log: World, verify: Verify) -> None:
    told = verify(with_events(log, lambda events: events.append([b"{}"])), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "bytes after the last segment")


def test_a_rewrite_from_the_middle_with_new_chains_is_named(log: World, verify: Verify) -> None:
    def rewrite(events: list[list[bytes]]) -> None:
        heads: dict[str, Statement] = {}
        lines = [line for segment in events for line in segment]
        lines[12] = lines[12].replace(b'"country":"DE"', b'"country":"FR"')
        chained = rechained(lines, heads)
        events[:] = [chained[at : at + 5] for at in range(0, 30, 5)]

    told = verify(with_events(log, rewrite), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "SHA-256", "segment 3")
    assert not told.names(4, EVENTS, "SHA-256", "segment 2")


# --- Restated with the ledger key: lanes and tree tell ---


def test_an_edited_event_breaks_its_lane_and_the_tree(log: World, verify: Verify) -> None:
    told = verify(restated(log, edited_event), log.pins())
    assert told.code == FAILED
    assert told.failed() == [5, 6, 7]
    assert told.names(5, EVENTS, "prev is not the event before", "segment 3 line 3 lane 0")
    assert told.names(6, digest_name(2), "root differs")


def test_an_edited_last_event_shows_in_the_lane_heads_and_the_root(log: World, verify: Verify) -> None:
    def edit(events: list[list[bytes]]) -> None:
        events[5][4] = events[5][4].replace(b'"country":"DE"', b'"country":"FR"')

    told = verify(restated(log, edit), log.pins())
    assert (told.code, told.failed()) == (FAILED, [5, 6, 7])
    assert told.names(5, digest_name(6), "lane heads differs")
    assert told.names(6, digest_name(6), "root differs")


def test_a_deleted_line_is_a_gap_in_its_lane(log: World, verify: Verify) -> None:
    told = verify(restated(log, lambda events: events[2].pop(1)), log.pins())
    assert told.code == FAILED
    assert told.names(5, EVENTS, "a gap in the lane", "segment 3 line 2 lane 0")
    assert told.names(4, EVENTS, "events differs", "segment 3")


def test_a_truncated_last_line_shows_in_heads_tree_and_counts(log: World, verify: Verify) -> None:
    told = verify(restated(log, lambda events: events[5].pop()), log.pins())
    assert told.code == FAILED
    assert told.names(5, digest_name(6), "lane heads differs")
    assert told.names(6, digest_name(6), "tree size differs")
    assert told.names(7, "manifest.json", "events differs")


def test_two_swapped_lines_of_a_lane_are_named(log: World, verify: Verify) -> None:
    def swap(events: list[list[bytes]]) -> None:
        events[2][2], events[2][1] = events[2][1], events[2][2]

    told = verify(restated(log, swap), log.pins())
    assert told.code == FAILED
    assert told.names(5, EVENTS, "a gap in the lane", "segment 3 line 2")
    assert told.names(5, EVENTS, "a repeated or moved event", "segment 3 line 3")


def test_two_swapped_lines_of_different_lanes_show_in_the_tree_alone(log: World, verify: Verify) -> None:
    def swap(events: list[list[bytes]]) -> None:
        events[2][0], events[2][1] = events[2][1], events[2][0]

    told = verify(restated(log, swap), log.pins())
    assert told.code == FAILED
    assert told.names(6, digest_name(2), "root differs")
    assert told.status(5) == "passed"


def test_a_repeated_line_is_named(log: World, verify: Verify) -> None:
    told = verify(restated(log, lambda events: events[2].insert(2, events[2][1])), log.pins())
    assert told.code == FAILED
    assert told.names(5, EVENTS, "a repeated or moved event", "segment 3 line 3")


def test_a_fork_of_a_lane_by_two_writers_is_named(log: World, verify: Verify) -> None:
    def fork(events: list[list[bytes]]) -> None:
        events[2].insert(2, events[2][1].replace(b'"country":"DE"', b'"country":"FR"'))

    told = verify(restated(log, fork), log.pins())
    assert told.names(5, EVENTS, "a repeated or moved event", "segment 3 line 3")
    assert told.code == FAILED


def test_a_line_that_is_not_canonical_is_named(log: World, verify: Verify) -> None:
    def loosen(events: list[list[bytes]]) -> None:
        events[2][1] = events[2][1].replace(b'"epoch":1', b'"epoch": 1')

    told = verify(restated(log, loosen), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "not in its canonical form", "segment 3 line 2")


def test_an_event_of_another_tenant_is_named(log: World, verify: Verify) -> None:
    def move(events: list[list[bytes]]) -> None:
        events[2][1] = events[2][1].replace(b'"t_acme"', b'"t_evil"')

    told = verify(restated(log, move), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "an event of another log", "segment 3 line 2")


def test_an_event_inserted_behind_a_signed_watermark_is_named(log: World, verify: Verify) -> None:
    """Everything is restated by the holder of both keys; only an older watermark contradicts."""
    old = json.loads(log.events[5][4])
    log.events[5][4] = canonical({**old, "time": instant(1)})
    digests = log.digests()
    told = verify(log.signed(log.files(digests)), log.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, EVENTS, "from before a watermark that was signed", "segment 6 line 5")


def test_simulated_events_may_lie_before_a_watermark_and_are_announced(log: World, verify: Verify) -> None:
    old = json.loads(log.events[5][4])
    log.events[5][4] = canonical({**old, "time": instant(1)})
    files = log.files()
    manifest = {**log.manifest(files), "simulated": {"from": instant(0), "to": instant(3)}}
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.report["simulated"]["from"]) == (PASSED, instant(0))
