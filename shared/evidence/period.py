"""The range of an export: inclusive dates as people write them, a half-open interval of instants for the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.audit.moment import rfc3339

_DATE_FORM = "%Y-%m-%d"
_MONTHS_OF_QUARTER = 3
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})  # files beside the zones, different everywhere
_FIRST_YEAR = 1900  # instants are compared as texts, and years below 1000 are not written with four digits


class BadPeriodError(ValueError):
    """The caller's range makes no sense; `field` is the parameter to blame."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@dataclass(frozen=True, slots=True)
class Period:
    """`start` and `end_exclusive` are instants of the log; `first` and `last` the inclusive dates in `tz`."""

    first: date
    last: date
    tz: str
    start: str
    end_exclusive: str

    def requested(self) -> dict[str, str]:
        return {"from": self.first.isoformat(), "to": self.last.isoformat(), "tz": self.tz}

    def described(self) -> dict[str, str]:
        """Give the `period` member of a JSON export."""
        return {**self.requested(), "start": self.start, "end_exclusive": self.end_exclusive}

    def contains(self, instant: str) -> bool:
        return self.start <= instant < self.end_exclusive

    def quarter(self) -> tuple[int, int] | None:
        """Give year and number when the range is exactly one calendar quarter."""
        number = (self.first.month - 1) // _MONTHS_OF_QUARTER + 1
        begin = date(self.first.year, _MONTHS_OF_QUARTER * (number - 1) + 1, 1)
        after = (begin + timedelta(days=31 * _MONTHS_OF_QUARTER)).replace(day=1)
        return (begin.year, number) if (self.first, self.last) == (begin, after - timedelta(days=1)) else None

    def bundle_name(self, *, cut: bool) -> str:
        """Name a bundle by its quarter; any other range, and a quarter that is not over yet, by its dates."""
        quarter = self.quarter()
        if quarter and not cut:
            return f"SOC2_Evidence_{quarter[0]}_Q{quarter[1]}"
        return f"SOC2_Evidence_{self.first.isoformat()}_{self.last.isoformat()}"


def period_of(first: str, last: str, tz: str, now: float) -> Period:
    """Read a requested range; raises `BadPeriodError` for reversed or future ranges and for what is no date or zone."""
    zone = _zone(tz)
    begin, end = _date("from", first), _date("to", last)
    if begin > end:
        raise BadPeriodError("from", "The range begins after it ends.")
    start = _midnight(begin, zone)
    if start > datetime.fromtimestamp(now, UTC):
        raise BadPeriodError("from", "The range begins in the future.")
    try:
        after = _midnight(end + timedelta(days=1), zone)
    except OverflowError as fault:
        raise BadPeriodError("to", "The calendar ends before this date does.") from fault
    return Period(begin, end, tz, rfc3339(start.timestamp()), rfc3339(after.timestamp()))


def _zone(tz: str) -> ZoneInfo:
    try:
        if tz not in _OF_THE_MACHINE:
            return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise BadPeriodError("tz", "This is no time zone of the IANA database.")


def _date(field: str, text: str) -> date:
    try:
        parsed = datetime.strptime(text, _DATE_FORM).replace(tzinfo=UTC).date()
    except ValueError as fault:
        raise BadPeriodError(field, "A date is written YYYY-MM-DD.") from fault
    if parsed.isoformat() != text:  # strptime also takes 2026-7-1
        raise BadPeriodError(field, "A date is written YYYY-MM-DD.")
    if parsed.year < _FIRST_YEAR:
        raise BadPeriodError(field, f"Dates begin with the year {_FIRST_YEAR}.")
    return parsed


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)
