"""The quarterly review in the calendar: what one attestation proves, and of which quarter."""

from datetime import date, timedelta
from typing import Any

import pytest

from functions.evidence_collection import flow
from functions.evidence_collection.record import items_of
from shared.domain.evidence_calendar import ATTESTED
from shared.store.evidence_calendar import slot_key, spent_slot
from tests.functions.archive import Archive
from tests.functions.calendar_world import DAY_SECONDS, HOUR, MINUTE, CalendarWorld, at
from tests.functions.company import archive

__all__ = ["archive"]
THIRD, FOURTH = "2026-07-01", "2026-10-01"
FIRST = date(2026, 9, 30)


@pytest.fixture
def world(archive: Archive) -> CalendarWorld:
    """Begin the calendar with the last day of the third quarter."""
    world = CalendarWorld(archive, at(FIRST) - 100 * DAY_SECONDS)
    world.collect(at(FIRST))
    return world


def attested(world: CalendarWorld, day: date, taken_on: date | None = None, scope: str = "administrators") -> None:
    """Attest on a day a snapshot of another, and let the calendar look thrice at what is sealed of it."""
    taken_at = f"{taken_on or day}T12:00:00.000Z"
    world.live(day, ATTESTED, meta={"scope": scope, "taken_at": taken_at})
    for number in range(3):
        world.collect(at(day, DAY_SECONDS + (number + 1) * 10 * MINUTE))


def served(world: CalendarWorld) -> list[tuple[str, str]]:
    found = [event["meta"] for event in world.told("EVIDENCE_COLLECTED")]
    reviews = [meta for meta in found if meta["obligation"] == "access-review-quarterly"]
    return [(meta["period"]["from"], meta["snapshot_taken_at"][:10]) for meta in reviews]


def test_one_attestation_answers_for_the_oldest_quarter_that_it_can_serve_and_for_no_other(
    world: CalendarWorld,
) -> None:
    attested(world, date(2026, 10, 2))
    assert served(world) == [(THIRD, "2026-10-02")]
    attested(world, date(2026, 10, 4))
    assert served(world) == [(THIRD, "2026-10-02"), (FOURTH, "2026-10-04")]
    events = [event["id"] for event in world.told(ATTESTED)]
    told = [event["meta"].get("attested_event") for event in world.told("EVIDENCE_COLLECTED")]
    assert [each for each in told if each] == events


def test_attestation_that_another_run_has_claimed_serves_nothing_more(world: CalendarWorld) -> None:
    day = date(2026, 10, 2)
    world.live(day, ATTESTED)
    (event,) = world.told(ATTESTED)
    key = slot_key(world.tenant, spent_slot(event["id"]))
    world.archive.estate.change_row("evidence_calendar", key, {"answer": "2026-06-30#access-review-quarterly"})
    world.collect(at(day, DAY_SECONDS + HOUR))
    assert served(world) == []


def test_attestation_that_another_run_claims_at_the_last_moment_is_not_taken_from_it(
    world: CalendarWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = date(2026, 10, 2)
    world.live(day, ATTESTED)
    (event,) = world.told(ATTESTED)
    key = slot_key(world.tenant, spent_slot(event["id"]))

    def claimed(*asked: Any) -> Any:
        world.archive.estate.change_row("evidence_calendar", key, {"answer": "2026-06-30#access-review-quarterly"})
        return items_of(*asked)

    monkeypatch.setattr(flow, "items_of", claimed)
    world.collect(at(day, DAY_SECONDS + HOUR))
    assert served(world) == []


@pytest.mark.parametrize(
    ("attested_on", "taken_on", "scope", "quarters"),
    [
        pytest.param(date(2026, 10, 20), date(2026, 9, 30), "administrators", [THIRD], id="attested-late"),
        pytest.param(date(2026, 10, 20), date(2026, 10, 15), "everybody", [THIRD], id="taken-in-the-grace"),
        pytest.param(date(2026, 10, 20), date(2026, 10, 16), "everybody", [FOURTH], id="taken-behind-the-grace"),
        pytest.param(date(2026, 10, 20), date(2026, 6, 30), "administrators", [], id="stale"),
        pytest.param(date(2026, 10, 20), date(2026, 10, 20), "auditors", [], id="another-scope"),
    ],
)
def test_snapshot_says_of_which_quarter_it_is(
    world: CalendarWorld, attested_on: date, taken_on: date, scope: str, quarters: list[str]
) -> None:
    attested(world, attested_on, taken_on, scope)
    assert [quarter for quarter, _ in served(world)] == quarters


def test_attestation_waits_for_its_quarter_and_the_day_it_was_made_on_is_told(world: CalendarWorld) -> None:
    """The day has long been settled when the attestation is looked at again."""
    attested(world, date(2026, 10, 2))
    attested(world, date(2026, 10, 3))
    world.collect(at(date(2026, 10, 3) + timedelta(days=9)))
    (_, fourth) = [e["meta"] for e in world.told("EVIDENCE_COLLECTED") if "attested_on" in e["meta"]]
    assert (fourth["attested_on"], fourth["on_time"], fourth["population"]) == ("2026-10-03", True, 1)
