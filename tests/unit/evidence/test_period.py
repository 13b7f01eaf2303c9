"""Ranges as people write them, and the half-open intervals of instants that they stand for."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.moment import rfc3339
from shared.evidence.period import BadPeriodError, Period, period_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def period(first: str, last: str, tz: str = "UTC", now: float = NOW) -> Period:
    return period_of(first, last, tz, now)


def instants(first: str, last: str, tz: str = "UTC") -> tuple[str, str]:
    found = period(first, last, tz)
    return found.start, found.end_exclusive


def blamed(first: str, last: str, tz: str = "UTC", now: float = NOW) -> str:
    with pytest.raises(BadPeriodError) as refusal:
        period(first, last, tz, now)
    return refusal.value.field


def test_one_day_is_twenty_four_hours_from_midnight() -> None:
    assert instants("2026-07-01", "2026-07-01") == ("2026-07-01T00:00:00.000Z", "2026-07-02T00:00:00.000Z")


def test_last_millisecond_of_the_last_day_is_inside_and_the_next_one_is_not() -> None:
    found = period("2026-07-01", "2026-09-30")
    assert found.contains("2026-09-30T23:59:59.999Z")
    assert not found.contains("2026-10-01T00:00:00.000Z")
    assert found.contains("2026-07-01T00:00:00.000Z")
    assert not found.contains("2026-06-30T23:59:59.999Z")


@pytest.mark.parametrize(
    ("day", "tz", "start", "end"),
    [
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"),  # 23 hours
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"),  # 25 hours
        ("2026-03-08", "America/New_York", "2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z"),
        ("2026-01-15", "Asia/Kolkata", "2026-01-14T18:30:00.000Z", "2026-01-15T18:30:00.000Z"),
        ("2026-01-15", "Pacific/Kiritimati", "2026-01-14T10:00:00.000Z", "2026-01-15T10:00:00.000Z"),
        # No midnight: clocks in Cairo go from 0:00 to 1:00, so the day begins with the change.
        ("2023-04-28", "Africa/Cairo", "2023-04-27T22:00:00.000Z", "2023-04-28T21:00:00.000Z"),
        # Two midnights: in Havana 1:00 becomes 0:00 again; the day begins with the first.
        ("2025-11-02", "America/Havana", "2025-11-02T04:00:00.000Z", "2025-11-03T05:00:00.000Z"),
        # The day that Samoa left out holds nothing.
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00.000Z", "2011-12-30T10:00:00.000Z"),
    ],
)
def test_days_are_those_of_the_zone(day: str, tz: str, start: str, end: str) -> None:
    assert instants(day, day, tz) == (start, end)


@given(
    day=st.dates(date(1970, 1, 2), date(2026, 11, 20)),
    tz=st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_days_abut_in_every_zone(day: date, tz: str) -> None:
    today, tomorrow = str(day), str(day + timedelta(days=1))
    before, after = period(today, today, tz), period(tomorrow, tomorrow, tz)
    assert before.end_exclusive == after.start
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(tz))
    assert before.contains(rfc3339(noon.timestamp()))
    assert not after.contains(rfc3339(noon.timestamp()))


def test_leap_day_exists_every_fourth_year_only() -> None:
    assert instants("2024-02-29", "2024-02-29") == ("2024-02-29T00:00:00.000Z", "2024-03-01T00:00:00.000Z")
    assert blamed("2025-02-29", "2025-03-01") == "from"
    assert blamed("2024-02-28", "2100-02-29") == "to"


def test_reversed_range_blames_its_beginning() -> None:
    assert blamed("2026-07-02", "2026-07-01") == "from"


def test_range_may_begin_today_and_not_tomorrow() -> None:
    assert period("2026-11-22", "2026-12-31").end_exclusive == "2027-01-01T00:00:00.000Z"
    assert blamed("2026-11-23", "2026-11-23") == "from"


def test_today_is_that_of_the_zone() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC).timestamp()
    assert blamed("2026-11-23", "2026-11-23", now=late) == "from"
    assert period("2026-11-23", "2026-11-23", "Europe/Berlin", late).start == "2026-11-22T23:00:00.000Z"


def test_range_that_begins_this_very_instant_is_no_future() -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    assert period("2026-11-23", "2026-11-23", now=midnight).start == "2026-11-23T00:00:00.000Z"
    assert blamed("2026-11-23", "2026-11-23", now=midnight - 0.001) == "from"


@pytest.mark.parametrize(
    "text",
    [
        *["", "2026-7-1", "2026-07-01 ", " 2026-07-01", "20260701", "2026-W01-1", "2026-13-01", "2026-06-31", "today"],
        *["2026-07-01T00:00:00Z", "+2026-07-01", "-026-07-01", "\u0662\u0660\u0662\u0666-07-01", "2026-07-01\0"],
        "x" * 9999,
    ],
)
def test_what_is_no_date_is_refused_on_either_side(text: str) -> None:
    assert blamed(text, "2026-07-01") == "from"
    assert blamed("2026-07-01", text) == "to"


@pytest.mark.parametrize("text", ["0001-01-01", "0999-12-31", "1899-12-31"])
@pytest.mark.parametrize("tz", ["UTC", "Pacific/Kiritimati", "America/New_York"])
def test_years_whose_instants_would_not_sort_are_refused(text: str, tz: str) -> None:
    assert blamed(text, "2026-07-01", tz) == "from"


def test_everything_since_1900_can_be_asked_for() -> None:
    assert instants("1900-01-01", "2026-07-01")[0] == "1900-01-01T00:00:00.000Z"


def test_end_of_the_calendar_is_refused_and_the_day_before_is_not() -> None:
    assert blamed("2026-07-01", "9999-12-31") == "to"
    assert instants("2026-07-01", "9999-12-30")[1] == "9999-12-31T00:00:00.000Z"


@pytest.mark.parametrize(
    "tz",
    [
        *["", " ", "UTC ", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/passwd", "Europe/../UTC", "UTC\0", "UTC\n"],
        *["zone.tab", "\u00fcber", "+02:00", "Europe\\Berlin", ".", "x" * 9999],
    ],
)
def test_what_is_no_zone_of_the_database_is_refused(tz: str) -> None:
    assert blamed("2026-07-01", "2026-07-01", tz) == "tz"


@pytest.mark.parametrize(
    ("first", "last", "quarter"),
    [
        ("2026-01-01", "2026-03-31", (2026, 1)),
        ("2024-01-01", "2024-03-31", (2024, 1)),
        ("2026-04-01", "2026-06-30", (2026, 2)),
        ("2026-07-01", "2026-09-30", (2026, 3)),
        ("2025-10-01", "2025-12-31", (2025, 4)),
        ("2026-07-01", "2026-09-29", None),
        ("2026-07-02", "2026-09-30", None),
        ("2026-02-01", "2026-04-30", None),
        ("2025-07-01", "2026-09-30", None),
        ("2025-10-01", "2026-03-31", None),
    ],
)
def test_exactly_one_calendar_quarter_is_a_quarter(first: str, last: str, quarter: tuple[int, int] | None) -> None:
    assert period(first, last).quarter() == quarter


def test_bundle_is_named_by_its_quarter_only_when_all_of_it_is_covered() -> None:
    whole = period("2026-07-01", "2026-09-30")
    assert whole.bundle_name(cut=False) == "SOC2_Evidence_2026_Q3"
    assert whole.bundle_name(cut=True) == "SOC2_Evidence_2026-07-01_2026-09-30"
    assert period("2026-07-01", "2026-07-31").bundle_name(cut=False) == "SOC2_Evidence_2026-07-01_2026-07-31"


def test_period_is_described_as_asked_and_as_resolved() -> None:
    found = period("2026-03-29", "2026-03-29", "Europe/Berlin")
    assert found.requested() == {"from": "2026-03-29", "to": "2026-03-29", "tz": "Europe/Berlin"}
    assert found.described() == {
        **found.requested(),
        "start": "2026-03-28T23:00:00.000Z",
        "end_exclusive": "2026-03-29T22:00:00.000Z",
    }
