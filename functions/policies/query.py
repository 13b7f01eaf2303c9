"""What the two routes take: a format, and for the questions a range."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from shared.edge.parameters import unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.request import Request
from shared.evidence.period import BadPeriodError, Period, period_of

FORMATS = ("json", "markdown")
DEFAULT_DAYS = 90
_RANGE = ("from", "to", "tz")


def format_asked(request: Request, further: Iterable[str] = ()) -> str:
    """Read the format of an admitted request; raises `Refused` (400) for it and for parameters that are not taken."""
    faults = unknown_parameters(request.query, {"format", *further})
    chosen = request.query.get("format", FORMATS[0])
    if chosen not in FORMATS:
        faults.append(("/format", "The format is json or markdown."))
    if faults:
        raise invalid_request(faults)
    return chosen


def range_asked(request: Request) -> tuple[Period, str]:
    """Read range and format; without a range it is the last 90 days, today included. Raises `Refused` (400)."""
    chosen, query = format_asked(request, _RANGE), request.query
    today = datetime.fromtimestamp(request.now, UTC).date()
    first, last = (today - timedelta(days=DEFAULT_DAYS - 1)).isoformat(), today.isoformat()
    named = {name for name in _RANGE if name in query}
    if named and not named >= {"from", "to"}:
        missing = sorted({"from", "to"} - named)
        raise invalid_request([(f"/{name}", "A range has from and to, or neither.") for name in missing])
    try:
        period = period_of(query.get("from", first), query.get("to", last), query.get("tz", "UTC"), request.now)
    except BadPeriodError as fault:
        raise invalid_request([(f"/{fault.field}", str(fault))]) from fault
    return period, chosen
