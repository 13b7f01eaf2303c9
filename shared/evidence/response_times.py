"""Response times: for each incident of a report, when it was detected, when it was contained, and how long that took.

An incident is all rows of the report that share a correlation id, where one of them is a detection; a detection without
a correlation id is one by itself. What the catalogue calls containment and alert is taken by its earliest row. One that
nothing contained within the interval is told as an exception: a response that nobody sees is what auditors look for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from shared.audit.catalogue import Catalogue, Incidents, Report
from shared.audit.moment import unix_seconds
from shared.evidence.csv_rows import CsvWriter, header
from shared.evidence.segment import Event

DETECTION, CONTAINMENT, ALERT = "detection", "containment", "alert"
NOT_CONTAINED: Final = "NOT_CONTAINED"
COLUMNS: Final = (
    "index",
    "incident",
    "detected_event",
    "detected_at",
    "detected_by",
    "reason",
    "target_type",
    "target_id",
    "contained_event",
    "contained_at",
    "contained_by",
    "response_ms",
    "alerted_at",
    "alert_ms",
    "exception",
    "tsc",
)

Row = dict[str, Any]


class Part(NamedTuple):
    """What one event says of its incident; `place` is its leaf. Shards write it down as a list of these members."""

    incident: str
    time: str
    place: int
    event_id: str
    action: str
    reason: str | None
    target_type: str | None
    target_id: str | None


def part_of_incident(index: int, event: Event, reports: Iterable[Report], incidents: Incidents | None) -> Part | None:
    """Give an event's part of an incident; `reports` are those in which it is a row. None where it has no part."""
    if incidents is None or event.action not in incidents.roles:
        return None
    if all(report.slug != incidents.of for report in reports):
        return None
    members = event.members
    correlation = (members["context"] or {}).get("correlation_id")
    if correlation is None and incidents.roles[event.action] != DETECTION:
        return None
    target = members["targets"][0] if members["targets"] else {}
    name = members["id"] if correlation is None else correlation
    reason, kind, target_id = members["reason"], target.get("type"), target.get("id")
    return Part(name, event.time, index, members["id"], event.action, reason, kind, target_id)


def response_times(parts: Iterable[Part], catalogue: Catalogue) -> list[Row]:
    """Join the parts of all shards; gives a row for each incident, in the order of the events that detected them."""
    roles = catalogue.incidents.roles if catalogue.incidents else {}
    gathered: dict[str, dict[str, list[Part]]] = {}
    for part in parts:
        gathered.setdefault(part.incident, {}).setdefault(roles[part.action], []).append(part)
    rows = (_row(by_role, catalogue) for by_role in gathered.values() if DETECTION in by_role)
    return sorted(rows, key=lambda row: row["index"])


def file_of(
    rows: list[Row], catalogue: Catalogue, incidents: Incidents, extension: str
) -> tuple[bytes, dict[str, Any]]:
    """Write the file as it stands in a bundle, and what the manifest lists of it."""
    writer = CsvWriter()
    if extension == "csv":
        content = header(COLUMNS) + b"".join(writer.record(texts(row)) for row in rows)
    else:
        head = json.dumps({"control": incidents.section, "report": incidents.slug})[:-1]
        lines = ",\n".join(map(json.dumps, rows))
        content = f'{head}, "evidence": [\n{lines}\n]}}\n'.encode()
    return content, {
        "rows": len(rows),
        "section": incidents.section,
        "tsc": catalogue.criteria_of(catalogue.reports[incidents.of]),
        "derivable": True,
        "query": incidents.query(),
        "columns": list(COLUMNS),
        "first_index": rows[0]["index"] if rows else None,
        "last_index": rows[-1]["index"] if rows else None,
        "csv_neutralised_cells": writer.neutralised_cells,
        "exceptions": sum(row["exception"] is not None for row in rows),
    }


def texts(row: Row) -> list[str]:
    """Write a row's values as the texts of CSV cells."""
    return [_text(row[column]) for column in COLUMNS]


def _row(by_role: Mapping[str, list[Part]], catalogue: Catalogue) -> Row:
    detected, contained, alerted = (_earliest(by_role.get(role, ())) for role in (DETECTION, CONTAINMENT, ALERT))
    if detected is None:
        raise ValueError("an incident that nothing detected")
    parts = [part for parts in by_role.values() for part in parts]
    return {
        "index": detected.place,
        "incident": detected.incident,
        "detected_event": detected.event_id,
        "detected_at": detected.time,
        "detected_by": sorted({part.action for part in by_role[DETECTION]}),
        "reason": detected.reason,
        "target_type": detected.target_type,
        "target_id": detected.target_id,
        "contained_event": contained and contained.event_id,
        "contained_at": contained and contained.time,
        "contained_by": sorted({part.action for part in by_role.get(CONTAINMENT, ())}),
        "response_ms": _between(detected, contained),
        "alerted_at": alerted and alerted.time,
        "alert_ms": _between(detected, alerted),
        "exception": None if contained else NOT_CONTAINED,
        "tsc": sorted({name for part in parts for name in catalogue.criteria(part.action, part.reason)}),
    }


def _earliest(parts: Iterable[Part]) -> Part | None:
    return min(parts, key=lambda part: (part.time, part.place), default=None)


def _between(earlier: Part, later: Part | None) -> int | None:
    """Give the milliseconds; none where clocks of two environments differ so that the later one comes first."""
    return None if later is None else max(0, round((unix_seconds(later.time) - unix_seconds(earlier.time)) * 1_000))


def _text(value: object) -> str:
    if value is None:
        return ""
    return " ".join(value) if isinstance(value, list) else str(value)
