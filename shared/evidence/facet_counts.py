"""How many events of a sealed segment a report takes, as its seal row says: counted when the segment was sealed.

Seal rows count events by action. Where a report takes some events of an action only, they also count these by reason or
by decision, so that such a report reads no segment in which it finds nothing. A row that does not say (of an earlier
version, or with more different reasons than are worth a row) leaves the reader to look.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from shared.audit.catalogue import DECISION, REASON, Report, facet_of, load
from shared.evidence.segment import Event
from shared.store.attribute import Row

MAX_VALUES = 40  # the code knows about twenty reasons; a row has a bound, and whoever writes events may invent more

FacetCounts = dict[str, dict[str, dict[str, int]]]  # action -> facet -> value -> events


@functools.cache
def _counted() -> Mapping[str, frozenset[str]]:
    """Name the actions that a report of the catalogue takes in part, and by which facets."""
    parts: dict[str, set[str]] = {}
    for report in load().reports.values():
        for action, where in report.where.items():
            parts.setdefault(action, set()).add(where.facet)
    return {action: frozenset(facets) for action, facets in parts.items()}


def facet_counts(events: Iterable[Event]) -> FacetCounts:
    """Count for a seal row; events without the facet are in no part and are not counted."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for event in events:
        for facet in _counted().get(event.action, ()):
            counter = counts.setdefault((event.action, facet), Counter())
            value = facet_of(facet, event.members)
            if value is not None:
                counter[value] += 1
    told: FacetCounts = {}
    for (action, facet), counter in sorted(counts.items()):
        if len(counter) <= MAX_VALUES:
            told.setdefault(action, {})[facet] = dict(sorted(counter.items()))
    return told


def facets_alone(members: Mapping[str, Any]) -> dict[str, Any]:
    """Give of an event's members what `facet_counts` asks for, small enough to keep for every event of a segment."""
    if members["action"] not in _counted():
        return {}
    return {"reason": facet_of(REASON, members), "risk": {"action": facet_of(DECISION, members)}}


def rows_in(segment: Row, report: Report) -> int | None:
    """Say how many events of a segment are rows of a report, whatever their time; None where its seal row does not."""
    total = 0
    for action in report.actions:
        number = segment["counts"].get(action, 0)
        if number and action in report.where:
            where = report.where[action]
            values: Mapping[str, Any] | None = segment.get("facets", {}).get(action, {}).get(where.facet)
            if values is None:
                return None
            number = sum(values.get(value, 0) for value in where.values)
        total += number
    return total
