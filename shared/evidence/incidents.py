"""Response times out of the log as it stands: the rows of the report that they are of, joined, newest first."""

from __future__ import annotations

from collections.abc import Iterable

from shared.audit.catalogue import Catalogue, Report
from shared.evidence.log_reader import Place, place_of
from shared.evidence.response_times import Row, part_of_incident, response_times
from shared.evidence.segment import Event


def joined(events: Iterable[Event], report: Report, catalogue: Catalogue) -> list[tuple[Place, Row]]:
    """Give each incident with the place of the event that detected it; an event that is not sealed has no leaf yet."""
    oldest_first = sorted(events, key=place_of)
    parts = (
        part_of_incident(number, event, (report,), catalogue.incidents) for number, event in enumerate(oldest_first)
    )
    rows = response_times(filter(None, parts), catalogue)
    return [(place_of(oldest_first[row["index"]]), row) for row in reversed(rows)]
