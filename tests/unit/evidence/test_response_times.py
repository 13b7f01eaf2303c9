"""Incidents are joined by time, not by place, and the verifier's own joining gives the same rows."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.audit.catalogue import load
from shared.evidence import verify_bundle
from shared.evidence.response_times import part_of_incident, response_times
from shared.evidence.segment import Event, parse

CATALOGUE = load()
ROLES = CATALOGUE.incidents.roles if CATALOGUE.incidents else {}
REPORTS = (CATALOGUE.reports["security-incidents"],)


def event(action: str, at: int, incident: str | None, number: int = 0, reason: str | None = None) -> Event:
    members: dict[str, Any] = {"id": f"e_{number}", "action": action, "reason": reason, "targets": []}
    members |= {"time": f"2026-07-01T00:00:{at:02}.250Z", "context": {"correlation_id": incident}}
    return parse(canonical(members))


def joined(events: list[Event]) -> list[dict[str, Any]]:
    parts = (part_of_incident(index, each, REPORTS, CATALOGUE.incidents) for index, each in enumerate(events))
    return response_times(filter(None, parts), CATALOGUE)


def verified(events: list[Event]) -> list[dict[str, Any]]:
    """Join as the verifier does."""
    times = verify_bundle.ResponseTimes(None, {"roles": dict(ROLES)}, None)  # type: ignore[arg-type]  # nothing is compared
    for index, each in enumerate(events):
        times.add(index, dict(each.members), list(CATALOGUE.criteria(each.action, each.members["reason"])))
    rows = (one.row(name) for name, one in times.incidents.items() if "detection" in one.first)
    return sorted(rows, key=lambda row: int(row["index"]))


EVENT = st.tuples(st.sampled_from(sorted(ROLES)), st.integers(0, 59), st.sampled_from(["a", "b", None]))


@given(st.lists(st.tuples(EVENT, st.sampled_from([None, "high_risk"])), max_size=8))
def test_rows_are_those_of_the_verifier_for_any_events(
    told: list[tuple[tuple[str, int, str | None], str | None]],
) -> None:
    events = [event(*each, number, reason) for number, (each, reason) in enumerate(told)]
    assert joined(events) == verified(events)


def test_of_each_role_the_earliest_counts_though_another_lane_stands_before_it() -> None:
    late, early = event("SUSPICIOUS_LOGIN_DETECTED", 9, "a", 1), event("REFRESH_TOKEN_REUSED", 3, "a", 2)
    ends = [event("SESSION_INVALIDATED", at, "a", at) for at in (8, 5)]
    (row,) = joined([late, early, *ends])
    assert (row["index"], row["detected_event"], row["contained_event"], row["response_ms"]) == (1, "e_2", "e_5", 2_000)
    assert verified([late, early, *ends]) == [row]


def test_what_belongs_to_no_incident_is_not_kept() -> None:
    """Memory goes by the incidents, and not by the ends of sessions of a range."""
    alone = event("SESSION_INVALIDATED", 1, None)
    assert part_of_incident(0, alone, REPORTS, CATALOGUE.incidents) is None
    assert part_of_incident(0, event("SESSION_INVALIDATED", 1, "a"), (), CATALOGUE.incidents) is None
    assert part_of_incident(0, event("SUSPICIOUS_LOGIN_DETECTED", 1, "a"), REPORTS, None) is None
