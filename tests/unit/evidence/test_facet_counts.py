"""Seal rows say how many events a report takes of a segment, or say that they do not know."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.audit.catalogue import load
from shared.evidence.facet_counts import MAX_VALUES, facet_counts, facets_alone, rows_in
from shared.evidence.segment import Event, parse

REPORTS = load().reports
INCIDENTS = REPORTS["security-incidents"]


def event(action: str, reason: str | None = None, decision: str | None = None) -> Event:
    members: dict[str, Any] = {"action": action, "reason": reason}
    members["risk"] = decision and {"action": decision, "score": 75}
    return parse(canonical(members))


def row(events: list[Event]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for each in events:
        counts[each.action] = counts.get(each.action, 0) + 1
    return {"counts": counts, "facets": facet_counts(events)}


REASONS = st.none() | st.sampled_from(["logout", "forced_logout", "high_risk", ""])
DECISIONS = st.none() | st.sampled_from(["ALLOW", "BLOCK", "STEP_UP_REQUIRED"])
EVENTS = st.lists(st.builds(event, st.sampled_from(sorted(load().actions)), REASONS, DECISIONS), max_size=8)


@given(EVENTS, st.sampled_from(sorted(REPORTS)))
def test_seal_row_says_how_many_events_of_a_segment_a_report_takes(events: list[Event], slug: str) -> None:
    assert rows_in(row(events), REPORTS[slug]) == sum(REPORTS[slug].takes(each.members) for each in events)


@given(EVENTS)
def test_the_little_that_sealing_keeps_of_events_gives_the_same_counts(events: list[Event]) -> None:
    kept = [Event(b"", {"action": each.action} | facets_alone(each.members), b"") for each in events]
    assert facet_counts(kept) == facet_counts(events)


@pytest.mark.parametrize("facets", [{}, {"SESSION_INVALIDATED": {}}, {"SESSION_INVALIDATED": {"decision": {}}}, None])
def test_row_of_before_leaves_the_reader_to_look_where_there_is_something_to_find(facets: object) -> None:
    old = {"counts": {"SESSION_INVALIDATED": 1}} | ({} if facets is None else {"facets": facets})
    assert rows_in(old, INCIDENTS) is None
    assert rows_in(old, REPORTS["session-invalidations"]) == 1
    assert rows_in(old | {"counts": {"AUTH_LOGOUT": 1}}, INCIDENTS) == 0


def test_more_reasons_than_are_worth_a_row_are_not_told_and_one_fewer_are() -> None:
    events = [event("SESSION_INVALIDATED", f"reason {number}") for number in range(MAX_VALUES + 1)]
    assert facet_counts(events) == {}
    assert len(facet_counts(events[1:])["SESSION_INVALIDATED"]["reason"]) == MAX_VALUES
    assert rows_in(row(events), INCIDENTS) is None


@pytest.mark.parametrize("risk", [None, 7, [], {}, {"action": None}])
def test_a_line_of_any_kind_is_counted_without_a_fault(risk: Any) -> None:
    line = parse(canonical({"action": "ANOMALY_SCORED", "risk": risk}))
    assert facet_counts([line]) == {"ANOMALY_SCORED": {"decision": {}}}
