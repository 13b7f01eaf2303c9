"""A quarter of days goes by: the calendar collects all of it in time, and tells what is held back."""

from datetime import date, timedelta

import pytest

from shared.domain.evidence_calendar import ATTESTED
from tests.functions.archive import Archive
from tests.functions.calendar_world import DAY_SECONDS, HOUR, WORK, CalendarWorld, at, days
from tests.functions.company import archive

__all__ = ["archive"]
FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)
HELD_BACK = date(2026, 12, 28)  # of this week the bundle is not made in time
ROWS = {"CC6": 7, "CC7": 5, "CC8": 0, "CC9": 9}


@pytest.fixture(scope="module")
def world(archive: Archive) -> CalendarWorld:
    """Live through the quarter and the week behind it."""
    world = CalendarWorld(archive, at(FIRST) - 100 * DAY_SECONDS)
    world.collect(at(FIRST))
    for day in days(FIRST, 92 + 6):
        world.live(day, *WORK, *([ATTESTED] if day == LAST else ()))
        # Bundles are asked for on Mondays and on the first of a month.
        for export in world.exports("running") if 1 in {day.day, day.isoweekday()} else ():
            if export["requested"]["from"] != str(HELD_BACK):
                world.complete(export, ROWS)
    return world


def test_every_obligation_of_a_quarter_is_collected_in_time(world: CalendarWorld) -> None:
    assert world.counted(FIRST, LAST) == {"collected": 92 * 6 + 13 * 2 + 3 * 2 + 3}


def test_bundle_of_a_period_is_asked_for_once_and_serves_all_of_its_obligations(world: CalendarWorld) -> None:
    asked = [(row["requested"]["from"], row["requested"]["to"]) for row in world.exports("completed")]
    assert len(asked) == len(set(asked))
    assert {("2026-09-28", "2026-10-04"), ("2026-10-01", "2026-12-31"), ("2026-12-01", "2026-12-31")} <= set(asked)
    rows = world.rows(date(2026, 10, 11), date(2026, 10, 11))
    cc6, cc7 = rows["2026-10-11#cc6-access-weekly"], rows["2026-10-11#cc7-security-weekly"]
    assert (cc6["population"], cc7["population"]) == (7, 5)
    assert cc6["export_id"] == cc7["export_id"]


def test_bundle_that_is_held_back_is_told_as_missed_and_then_as_late(world: CalendarWorld) -> None:
    (late,) = world.exports("running")
    assert late["requested"]["from"] == str(HELD_BACK)
    world.collect(at(date(2027, 1, 6)))
    week = "cc6-access-weekly", str(HELD_BACK)
    assert world.statuses(FIRST, date(2027, 1, 5))[week] == "missed"
    world.complete(late, ROWS)
    world.collect(at(date(2027, 1, 7), HOUR))
    assert world.statuses(FIRST, date(2027, 1, 6))[week] == "collected_late"
    told = [
        (event["action"], event["outcome"], event["reason"], event["meta"].get("on_time"))
        for event in world.told()
        if (event["meta"]["obligation"], event["meta"]["period"]["from"]) == week
    ]
    assert told == [
        ("EVIDENCE_MISSED", "failure", "NOT_COLLECTED", None),
        ("EVIDENCE_COLLECTED", "success", None, False),
    ]


def test_day_on_which_the_calendar_stood_still_has_no_canary_and_is_missed_for_good(world: CalendarWorld) -> None:
    still = date(2027, 1, 8)
    world.write(at(still, HOUR), *WORK)
    world.note_seal(still, dict.fromkeys(WORK, 1))
    world.collect(at(still + timedelta(days=2), HOUR))
    world.collect(at(still + timedelta(days=2), 2 * HOUR))
    assert world.statuses(still, still)["login-daily", str(still)] == "missed"
    told = [event for event in world.told() if event["meta"]["period"]["to"] == str(still)]
    assert {(event["action"], event["reason"]) for event in told} == {("EVIDENCE_MISSED", "NO_CANARY")}
    assert len(told) == 6


def test_zero_is_proven_by_the_digests_of_the_day(world: CalendarWorld) -> None:
    by_obligation = {
        event["meta"]["obligation"]: event["meta"]
        for event in world.told("EVIDENCE_COLLECTED")
        if event["meta"]["period"] == {"from": "2026-10-02", "to": "2026-10-02"}
    }
    assert len(by_obligation) == 6
    login, impersonation = by_obligation["login-daily"], by_obligation["impersonation-daily"]
    assert (login["population"], login["zero_population"]) == (1, False)
    assert (impersonation["population"], impersonation["zero_population"]) == (0, True)
    assert login["due"] == "2026-10-04T00:00:00.000Z"
    first, last = login["digest_range"]
    assert 1 <= first <= last


def test_what_is_collected_is_told_by_the_system_and_once(world: CalendarWorld) -> None:
    told = [(event["meta"]["obligation"], event["meta"]["period"]["to"]) for event in world.told("EVIDENCE_COLLECTED")]
    assert len(told) == len(set(told))
    actors = {(event["actor"]["type"], event["actor"]["id"]) for event in world.told("EVIDENCE_COLLECTED")}
    assert actors == {("system", "evidence_calendar")}
