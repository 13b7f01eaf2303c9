"""What is due of which period, and what becomes of it: tables over leap days, year ends and young tenants."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.catalogue import load
from shared.domain.evidence_calendar import (
    ATTESTED,
    BY_ID,
    CANARY,
    LATE_DAYS,
    OBLIGATIONS,
    WATCHED,
    Cadence,
    Collected,
    Known,
    Period,
    applies,
    coverage,
    first_day,
    on_time,
    period_of,
    periods,
    schedule,
    settled,
    status_of,
    waiver_fault,
)

WEEKLY = BY_ID["cc6-access-weekly"]
WEEK = Period(date(2026, 10, 5), date(2026, 10, 11))
DUE = datetime(2026, 10, 14, tzinfo=UTC)
LONG_AGO = date(2020, 1, 1)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("cadence", "of", "first", "last"),
    [
        ("daily", "2028-02-29", "2028-02-29", "2028-02-29"),
        ("weekly", "2026-10-05", "2026-10-05", "2026-10-11"),
        ("weekly", "2026-10-11", "2026-10-05", "2026-10-11"),
        ("weekly", "2027-01-01", "2026-12-28", "2027-01-03"),  # week 53 of 2026
        ("weekly", "2028-02-29", "2028-02-28", "2028-03-05"),
        ("monthly", "2028-02-01", "2028-02-01", "2028-02-29"),
        ("monthly", "2027-02-28", "2027-02-01", "2027-02-28"),
        ("monthly", "2026-12-31", "2026-12-01", "2026-12-31"),
        ("quarterly", "2026-12-31", "2026-10-01", "2026-12-31"),
        ("quarterly", "2027-01-01", "2027-01-01", "2027-03-31"),
        ("quarterly", "2028-02-29", "2028-01-01", "2028-03-31"),
    ],
)
def test_period_of_a_day(cadence: Cadence, of: str, first: str, last: str) -> None:
    assert period_of(cadence, day(of)) == Period(day(first), day(last))


@pytest.mark.parametrize(
    ("obligation", "of", "due"),
    [
        ("login-daily", "2026-12-31", "2027-01-02"),
        ("cc6-access-weekly", "2026-10-07", "2026-10-14"),  # as design/audit.md section 7 has it
        ("cc8-incidents-monthly", "2028-02-10", "2028-03-06"),
        ("bundle-quarterly", "2026-11-11", "2027-01-16"),
    ],
)
def test_due_instant_lies_behind_the_period(obligation: str, of: str, due: str) -> None:
    each = BY_ID[obligation]
    assert each.due(period_of(each.cadence, day(of))) == datetime.combine(day(due), datetime.min.time(), UTC)


def test_quarter_has_its_days_its_sundays_its_months_and_itself() -> None:
    counted: dict[str, int] = {}
    for obligation, _ in schedule(day("2026-10-01"), day("2026-12-31")):
        counted[obligation.id] = counted.get(obligation.id, 0) + 1
    by_cadence = {"daily": 92, "weekly": 13, "monthly": 3, "quarterly": 1}
    assert counted == {each.id: by_cadence[each.cadence] for each in OBLIGATIONS}


@given(
    cadence=st.sampled_from(["daily", "weekly", "monthly", "quarterly"]),
    first=st.dates(date(1999, 12, 1), date(2101, 3, 1)),
    days=st.integers(0, 400),
    cut=st.integers(0, 400),
)
def test_of_two_ranges_that_abut_one_has_each_period(cadence: Cadence, first: date, days: int, cut: int) -> None:
    last = first + timedelta(days=days)
    middle = first + timedelta(days=min(cut, days))
    whole = list(periods(cadence, first, last))
    halves = [*periods(cadence, first, middle), *periods(cadence, middle + timedelta(days=1), last)]
    assert halves == whole
    assert all(before.last + timedelta(days=1) == after.first for before, after in itertools.pairwise(whole))
    assert all(first <= period.last <= last for period in whole)


@pytest.mark.parametrize(
    ("begun", "since"),
    [
        (datetime(2026, 10, 7, tzinfo=UTC), "2026-10-07"),
        (datetime(2026, 10, 7, 0, 0, 1, tzinfo=UTC), "2026-10-08"),
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "2027-01-01"),
    ],
)
def test_calendar_begins_with_the_first_whole_day(begun: datetime, since: str) -> None:
    assert first_day(begun) == day(since)


@pytest.mark.parametrize(
    ("since", "owed"),
    [("2026-10-05", True), ("2026-10-07", True), ("2026-10-11", True), ("2026-10-12", False)],
)
def test_tenant_founded_within_a_period_owes_it_and_one_founded_later_does_not(since: str, owed: bool) -> None:  # noqa: FBT001 - a table
    assert applies(WEEK, day(since)) is owed
    expected = "missed" if owed else "not_applicable"
    assert status_of(WEEKLY, WEEK, day(since), Known(), DUE) == expected


SECOND = timedelta(seconds=1)
ON_TIME, LATE = Collected(DUE - SECOND, on_time=True), Collected(DUE, on_time=False)


@pytest.mark.parametrize(
    ("known", "now", "status"),
    [
        (Known(), WEEK.start - SECOND, "upcoming"),
        (Known(), WEEK.start, "open"),
        (Known(), DUE - SECOND, "open"),
        (Known(), DUE, "missed"),
        (Known(failed=True), DUE - SECOND, "failed"),
        (Known(failed=True), DUE, "missed"),
        (Known(ON_TIME), DUE, "collected"),
        (Known(LATE), DUE, "collected_late"),
        (Known(None, DUE + SECOND), DUE, "waived"),
        (Known(None, DUE), DUE, "missed"),
        (Known(None, DUE, failed=True), WEEK.start, "waived"),
        (Known(ON_TIME, DUE + SECOND), WEEK.start, "collected"),
        (Known(LATE, DUE + SECOND), DUE, "collected_late"),
    ],
)
def test_status_follows_from_what_is_known_and_the_time(known: Known, now: datetime, status: str) -> None:
    assert status_of(WEEKLY, WEEK, LONG_AGO, known, now) == status


def test_due_instant_itself_is_too_late() -> None:
    assert on_time(WEEKLY, WEEK, DUE - SECOND)
    assert not on_time(WEEKLY, WEEK, DUE)


@pytest.mark.parametrize(
    ("status", "now", "done"),
    [
        ("collected", DUE, True),
        ("collected_late", DUE, True),
        ("not_applicable", DUE, True),
        ("missed", DUE + timedelta(days=LATE_DAYS) - SECOND, False),
        ("missed", DUE + timedelta(days=LATE_DAYS), True),
        ("waived", DUE + timedelta(days=300), False),
        ("open", WEEK.start, False),
        ("failed", WEEK.start, False),
    ],
)
def test_what_is_collected_or_long_missed_is_settled(status: str, now: datetime, done: bool) -> None:  # noqa: FBT001 - a table
    assert settled(WEEKLY, WEEK, status, now) is done


@pytest.mark.parametrize(
    ("statuses", "percent"),
    [
        ((), None),
        (("upcoming", "open", "waived", "not_applicable", "failed"), None),
        (("collected", "collected_late"), 100),
        (("collected", "collected", "missed"), 66),
        (("missed", "waived"), 0),
        (("collected",) * 999 + ("missed",), 99),
    ],
)
def test_coverage_is_of_what_was_due_and_rounds_down(statuses: tuple[str, ...], percent: int | None) -> None:
    assert coverage(statuses) == percent


@pytest.mark.parametrize(
    ("until", "fault"),
    [
        (DUE, "future"),
        (DUE - SECOND, "future"),
        (DUE + SECOND, None),
        (DUE + timedelta(days=366), None),
        (DUE + timedelta(days=366) + SECOND, "365"),
    ],
)
def test_waiver_ends_within_a_year(until: datetime, fault: str | None) -> None:
    found = waiver_fault(until, DUE)
    assert found is None if fault is None else fault in str(found)


def test_every_stream_is_of_actions_that_something_writes() -> None:
    assert set(load().actions) >= WATCHED
    assert {CANARY, ATTESTED} <= WATCHED
    assert len(BY_ID) == len(OBLIGATIONS)
