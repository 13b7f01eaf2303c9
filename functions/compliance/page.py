"""One page of a report as a reply: the JSON envelope, or CSV with the same facts in headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from functions.compliance.query import ReportQuery
from shared.audit.catalogue import Catalogue, Report
from shared.edge.reply import Reply, json_reply, text_reply
from shared.evidence.csv_rows import CONTENT_TYPE, CsvWriter
from shared.evidence.evidence_row import COLUMNS, Row, cells
from shared.evidence.response_times import COLUMNS as TIMES_COLUMNS
from shared.evidence.response_times import texts


class Subject(NamedTuple):
    """What a route tells of: a report, or the incidents that the rows of one join to (`joined`)."""

    slug: str
    report: Report
    joined: bool
    columns: Sequence[str]
    texts: Callable[[Row], list[str]]


def subject_of(slug: str, catalogue: Catalogue) -> Subject:
    incidents = catalogue.incidents
    if incidents is not None and slug == incidents.slug:
        return Subject(slug, catalogue.reports[incidents.of], joined=True, columns=TIMES_COLUMNS[1:], texts=_times)
    return Subject(slug, catalogue.reports[slug], joined=False, columns=COLUMNS, texts=cells)


@dataclass(frozen=True, slots=True)
class Page:
    """`next_cursor` is `None` on the last page. `log_begins`: the restart of the log that the period reaches over."""

    export_id: str
    rows: Sequence[Row]
    total: int
    watermark: str
    log_begins: str | None
    next_cursor: str | None


def page_reply(page: Page, query: ReportQuery, subject: Subject, catalogue: Catalogue) -> Reply:
    headers = {
        "X-Total-Count": str(page.total),
        "X-Export-Id": page.export_id,
        "X-Evidence-Complete": "true" if page.next_cursor is None else "false",
    }
    if page.log_begins is not None:
        headers["X-Log-Begins"] = page.log_begins
    if query.format == "json":
        return json_reply(200, _envelope(page, query, subject, catalogue), headers)
    if page.next_cursor is not None:
        headers["X-Next-Cursor"] = page.next_cursor
    writer = CsvWriter()
    records = [writer.record(subject.columns), *(writer.record(subject.texts(row)) for row in page.rows)]
    return text_reply(200, b"".join(records).decode(), CONTENT_TYPE, headers)


def _times(row: Row) -> list[str]:
    return texts(row)[1:]  # a leaf has its number when it is sealed


def _envelope(page: Page, query: ReportQuery, subject: Subject, catalogue: Catalogue) -> Mapping[str, Any]:
    return {
        "control": subject.report.section,
        "report": subject.slug,
        "tsc": catalogue.criteria_of(subject.report),
        "period": query.period.described(),
        "export_id": page.export_id,
        "total": page.total,
        "returned": len(page.rows),
        "next_cursor": page.next_cursor,
        "complete": page.next_cursor is None,
        "watermark": page.watermark,
        **({} if page.log_begins is None else {"log_begins": page.log_begins}),
        "catalogue": {"version": catalogue.version, "sha256": catalogue.sha256},
        "evidence": [{name: row[name] for name in subject.columns} for row in page.rows],
    }
