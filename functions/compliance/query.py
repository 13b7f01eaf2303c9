"""The query of a report: `from`, `to`, `tz`, `format`, `limit`, `cursor`, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.edge.problem import invalid_request
from shared.edge.request import Request
from shared.evidence.period import BadPeriodError, Period, period_of

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
FORMATS = ("json", "csv")
_KNOWN = frozenset({"from", "to", "tz", "format", "limit", "cursor"})
_NUMBER = re.compile("[1-9][0-9]{0,3}")
_SHOWN = 64  # characters of an unknown name


@dataclass(frozen=True, slots=True)
class ReportQuery:
    period: Period
    format: str
    limit: int
    cursor: str | None

    def bound(self, slug: str, session_id: str) -> dict[str, str]:
        """Give what a cursor of this query is bound to; the limit may change from page to page."""
        return {"report": slug, "session": session_id, "format": self.format, **self.period.requested()}


def report_query(request: Request) -> ReportQuery:
    """Read the query of an admitted request; raises `Refused` (400) with one error for each parameter that is wrong."""
    query = request.query
    faults = [(_pointer(name), "This parameter is not known here.") for name in query if name not in _KNOWN]
    faults += [(f"/{name}", "This parameter is required.") for name in ("from", "to") if name not in query]
    if (chosen := query.get("format", "json")) not in FORMATS:
        faults.append(("/format", "The format is json or csv."))
    if (limit := _limit(query.get("limit", str(DEFAULT_LIMIT)))) is None:
        faults.append(("/limit", f"The limit is a number from 1 to {MAX_LIMIT}."))
    if faults or limit is None:
        raise invalid_request(faults)
    try:
        period = period_of(query["from"], query["to"], query.get("tz", "UTC"), request.now)
    except BadPeriodError as fault:
        raise invalid_request([(f"/{fault.field}", str(fault))]) from fault
    return ReportQuery(period, chosen, limit, query.get("cursor"))


def _pointer(name: str) -> str:
    """RFC 6901 section 3; an unknown name is the caller's text, so it is cut."""
    return "/" + name[:_SHOWN].replace("~", "~0").replace("/", "~1")


def _limit(text: str) -> int | None:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_LIMIT:
        return None
    return int(text)
