"""Sealed segments: equal events give equal bytes, and what is not whole is not read."""

import gzip
import hashlib

import pytest

from shared.audit.event import GENESIS
from shared.audit.merkle import leaf_hash
from shared.evidence.segment import continued, pack, parse, summarize, unpack
from shared.store.audit_logs import Head
from tests.unit.evidence.events import chain, event_of


def test_segment_is_one_gzip_member_of_the_exact_lines() -> None:
    events = chain(3)
    packed = pack(events)
    assert gzip.decompress(packed) == b"".join(event.line + b"\n" for event in events)
    assert list(unpack(packed)) == events


def test_equal_events_give_equal_bytes_without_time_or_name() -> None:
    packed = pack(chain(5))
    assert packed == pack(chain(5))
    assert packed[3] == 0  # RFC 1952 section 2.3: no flags, so no name
    assert packed[4:8] == bytes(4)  # MTIME


def test_line_with_every_unicode_line_end_stays_one_line() -> None:
    event = event_of(resource="a\u2028b\u2029c\u0085d\x0b\x0c\x1c\r\n\0")
    (back,) = unpack(pack([event]))
    assert back == event
    assert back.members["resource"] == "a\u2028b\u2029c\u0085d\x0b\x0c\x1c\r\n\0"


def test_events_of_some_actions_are_read_without_the_lines_of_others() -> None:
    """Parsing is most of what a segment costs; what it holds was compared with its hash before."""
    events = [event_of(action=action) for action in ("ROLE_CHANGED", "ROLE_CHANGE", "USER_DEACTIVATED")]
    other = b'{"action":"ROLE_CHANGED_TWICE", no JSON'
    packed = gzip.compress(b"".join(line + b"\n" for line in (events[0].line, other, events[1].line, events[2].line)))
    assert list(unpack(packed, ("USER_DEACTIVATED", "ROLE_CHANGED"))) == [events[0], events[2]]
    assert list(unpack(packed, ())) == []


def test_line_that_begins_with_another_member_is_found_by_its_action_too() -> None:
    line = b'{"a":"b","action":"ROLE_CHANGED"}'
    packed = gzip.compress(line + b"\n")
    assert [event.line for event in unpack(packed, ("ROLE_CHANGED",))] == [line]
    assert list(unpack(packed, ("a", "b"))) == []


@pytest.mark.parametrize("raw", [b"", b"{}", b"{}\n{}"])
def test_segment_that_ends_within_a_line_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="within a line"):
        list(unpack(gzip.compress(raw)))


def test_truncated_member_is_refused() -> None:
    with pytest.raises(EOFError):
        list(unpack(pack(chain(3))[:-1]))


def test_parsed_event_knows_its_place_and_its_leaf() -> None:
    event = event_of(lane="7", seq=12)
    again = parse(event.line)
    assert (again.lane, again.seq, again.action, again.time) == ("7", 12, "AUTH_LOGOUT", "2026-09-21T14:13:20.000Z")
    assert again.leaf == leaf_hash(event.line)


def test_summary_says_what_the_segment_holds() -> None:
    times = ["2026-09-21T14:13:21.000Z", "2026-09-21T14:13:20.000Z", "2026-09-21T14:13:22.000Z"]
    events = [*chain(3, times=times), event_of(lane="5", seq=9, action="AUTH_LOGIN_FAILED", time=times[1])]
    packed = pack(events)
    summary = summarize(events, packed)
    assert summary.time == {"min": times[1], "max": times[2]}
    assert summary.lanes == {"0": {"from": 1, "to": 3}, "5": {"from": 9, "to": 9}}
    assert summary.counts == {"AUTH_LOGIN_FAILED": 1, "AUTH_LOGOUT": 3}
    assert (summary.events, summary.size) == (4, len(packed))
    assert summary.sha256_gz == hashlib.sha256(packed).hexdigest()
    assert summary.sha256_raw == hashlib.sha256(gzip.decompress(packed)).hexdigest()


def test_lanes_are_followed_to_their_new_heads() -> None:
    zero, five = chain(3), chain(2, lane="5")
    heads = continued({"0": Head(1, zero[0].leaf.hex()), "5": Head()}, [zero[1], five[0], zero[2], five[1]])
    assert heads == {"0": Head(3, zero[2].leaf.hex()), "5": Head(2, five[1].leaf.hex())}


def test_following_the_lanes_does_not_change_the_heads_that_were_given() -> None:
    heads = {"0": Head()}
    continued(heads, chain(2))
    assert heads == {"0": Head()}


@pytest.mark.parametrize("damage", ["gap", "repeat", "wrong prev", "lane that does not begin"])
def test_event_that_does_not_continue_its_lane_is_refused(damage: str) -> None:
    events = chain(3)
    broken = {
        "gap": [events[0], events[2]],
        "repeat": [events[0], events[0]],
        "wrong prev": [events[0], event_of(seq=2, prev=GENESIS)],
        "lane that does not begin": [*events, event_of(lane="5", seq=2)],
    }[damage]
    with pytest.raises(ValueError, match="does not follow"):
        continued({"5": Head()}, broken)


def test_changed_line_breaks_the_lane_at_the_next_event() -> None:
    events = chain(3)
    forged = parse(events[0].line.replace(b"AUTH_LOGOUT", b"AUTH_LOGIN_"))
    with pytest.raises(ValueError, match="2 does not follow 1"):
        continued({}, [events[0]._replace(line=forged.line, leaf=forged.leaf), *events[1:]])
