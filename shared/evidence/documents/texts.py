"""All documents of one moment, as the API and the bundle hand them out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.audit.catalogue import Catalogue
from shared.evidence.documents.lifecycle import TITLE, lifecycle
from shared.evidence.documents.policies import POLICIES
from shared.evidence.documents.sentences import Facts


class Text(NamedTuple):
    id: str
    title: str
    section: str | None
    tsc: tuple[str, ...]
    markdown: str


def texts(facts: Facts, catalogue: Catalogue) -> Iterator[Text]:
    """Write the policies, and the diagram as the last one; `tsc` are the criteria of the section's reports."""
    for each in POLICIES:
        yield Text(each.id, each.title, each.section, _criteria(catalogue, each.section), each.written(facts))
    yield Text("lifecycle", TITLE, None, (), lifecycle(facts))


def together(facts: Facts, catalogue: Catalogue) -> str:
    return "\n".join(each.markdown for each in texts(facts, catalogue))


def _criteria(catalogue: Catalogue, section: str | None) -> tuple[str, ...]:
    reports = (report for report in catalogue.reports.values() if report.section == section)
    return tuple(sorted({criterion for report in reports for criterion in catalogue.criteria_of(report)}))
