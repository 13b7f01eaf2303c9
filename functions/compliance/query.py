"""The query of a report: `from`, `to`, `tz`, `format`, `limit`, `cursor`, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from shared.edge.parameters import page_limit, unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.request import Request
from shared.evidence.period import BadPeriodError, Period, period_of

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
FORMATS = ("json", "csv")
_KNOWN = frozenset({"from", "to", "tz", "format", "limit", "cursor"})


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
    faults = unknown_parameters(query, _KNOWN)
    faults += [(f"/{name}", "This parameter is required.") for name in ("from", "to") if name not in query]
    if (chosen := query.get("format", "json")) not in FORMATS:
        faults.append(("/format", "The format is json or csv."))
    if (limit := page_limit(query.get("limit", str(DEFAULT_LIMIT)), MAX_LIMIT)) is None:
        faults.append(("/limit", f"The limit is a number from 1 to {MAX_LIMIT}."))
    if faults or limit is None:
        raise invalid_request(faults)
    try:
        period = period_of(query["from"], query["to"], query.get("tz", "UTC"), request.now)
    except BadPeriodError as fault:
        raise invalid_request([(f"/{fault.field}", str(fault))]) from fault
    return ReportQuery(period, chosen, limit, query.get("cursor"))
