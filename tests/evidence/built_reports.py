"""The reports of a bundle, rendered by the product's own rows, as the pipeline would put them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.audit import catalogue
from shared.evidence.csv_rows import CsvWriter, header
from shared.evidence.evidence_row import COLUMNS, cells, evidence_row
from shared.evidence.response_times import file_of, part_of_incident, response_times
from shared.evidence.segment import parse


class BuiltReport(NamedTuple):
    """A report's bytes, and what the manifest lists of it."""

    content: bytes
    facts: dict[str, Any]


def catalogue_file() -> bytes:
    return catalogue.text()


def built_reports(
    lines: Sequence[bytes],
    first_index: int,
    disclosed: Mapping[str, list[dict[str, Any]]],
    resolved: tuple[str, str],
    extension: str,
) -> dict[str, BuiltReport]:
    """Render `lines`, of which the first is leaf `first_index`, into all reports of the current catalogue."""
    current = catalogue.load()
    events = [(index, parse(line)) for index, line in enumerate(lines, first_index)]
    inside = [(index, event) for index, event in events if resolved[0] <= event.time < resolved[1]]
    reports = {}
    for report in current.reports.values():
        writer = CsvWriter()
        chosen = [(index, event) for index, event in inside if report.takes(event.members)]
        rows = [
            (index, evidence_row(event, disclosed.get(event.members["id"], []), current)) for index, event in chosen
        ]
        if extension == "csv":
            records = [writer.record([str(index), *cells(row)]) for index, row in rows]
            content = header(["index", *COLUMNS]) + b"".join(records)
        else:
            head = json.dumps({"control": report.section, "report": report.slug})[:-1] + ', "evidence": [\n'
            content = (
                head + ",\n".join(json.dumps({"index": index, **row}) for index, row in rows) + "\n]}\n"
            ).encode()
        indexes = [index for index, _ in rows]
        facts = {
            "rows": len(rows),
            "section": report.section,
            "tsc": current.criteria_of(report),
            "derivable": True,
            "query": report.query(),
            "columns": ["index", *COLUMNS],
            "first_index": indexes[0] if indexes else None,
            "last_index": indexes[-1] if indexes else None,
            "csv_neutralised_cells": writer.neutralised_cells,
        }
        reports[report.path(extension)] = BuiltReport(content, facts)
    if current.incidents:
        inside_reports = [(index, event, current.reports_of(event.members)) for index, event in inside]
        parts = [part_of_incident(*each, current.incidents) for each in inside_reports]
        times = response_times(filter(None, parts), current)
        reports[current.incidents.path(extension)] = BuiltReport(*file_of(times, current, current.incidents, extension))
    return reports
