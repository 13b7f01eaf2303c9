"""What each action is evidence of: action -> reports -> Trust Services Criteria, as versioned data.

Event lines carry the action alone. The mapping is applied when a report is read, and its version and hash are
printed with it, so a better mapping never touches the log. An action that is not in the catalogue cannot be written.

A report has all events of an action (`reports`) or some (`reports_where`): those whose reason, or whose risk decision,
is among the named ones. One facet decides, and never two together: counts by facet then say how many rows there are.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

CURRENT = "2026-11"
_FOLDER = __file__.rpartition("/")[0] + "/catalogues"

REASON, DECISION = "reason", "decision"
FACETS = (REASON, DECISION)
_NOTHING: Mapping[str, Any] = {}


def facet_of(facet: str, members: Mapping[str, Any]) -> str | None:
    """Read a facet of an event: its own reason, or what was decided of its risk."""
    if facet == REASON:
        found = members.get("reason")
    else:
        risk = members.get("risk")
        found = risk.get("action") if isinstance(risk, Mapping) else None
    return None if found is None else str(found)


class Where(NamedTuple):
    """Which events of an action a report takes, where it does not take all."""

    facet: str
    values: tuple[str, ...]

    def holds(self, members: Mapping[str, Any]) -> bool:
        return facet_of(self.facet, members) in self.values


class Report(NamedTuple):
    """One evidence report: `slug` in paths, `folder/file` in a bundle, `section` as the requirements group it.

    `actions` names all of its actions, `where` those among them of which it takes some events only.
    """

    slug: str
    section: str
    folder: str
    file: str
    title: str
    actions: tuple[str, ...]
    where: Mapping[str, Where]

    def path(self, extension: str) -> str:
        return f"{self.folder}/{self.file}.{extension}"

    def takes(self, members: Mapping[str, Any]) -> bool:
        """Tell whether an event, given as the members of its line, is a row of this report."""
        action = members["action"]
        return action in self.actions and (action not in self.where or self.where[action].holds(members))

    def query(self) -> dict[str, Any]:
        """Say what is asked of the log, as a manifest states it."""
        filters = {action: {where.facet: list(where.values)} for action, where in self.where.items()}
        return {"report": self.slug, "actions": list(self.actions), "filter": filters, "order": "index asc"}


class Incidents(NamedTuple):
    """The file of response times: rows of the report `of`, joined; `roles` says what each action is to an incident."""

    section: str
    folder: str
    file: str
    title: str
    of: str
    roles: Mapping[str, str]

    @property
    def slug(self) -> str:
        return self.file.replace("_", "-")

    def path(self, extension: str) -> str:
        return f"{self.folder}/{self.file}.{extension}"

    def query(self) -> dict[str, Any]:
        """Say what is asked of the log, as a manifest states it."""
        asked = {"report": self.slug, "of": self.of, "actions": sorted(self.roles)}
        return {**asked, "filter": {}, "order": "index asc"}


class Catalogue(NamedTuple):
    """`incidents` is `None` in catalogues of before there were response times."""

    version: str
    sha256: str
    reports: Mapping[str, Report]
    actions: Mapping[str, Mapping[str, Any]]
    incidents: Incidents | None = None

    def reports_of(self, members: Mapping[str, Any]) -> list[Report]:
        """Give the reports in which an event, given as the members of its line, is a row."""
        entry = self.actions.get(members["action"], _NOTHING)
        found = [self.reports[slug] for slug in entry.get("reports", ())]
        partly = (self.reports[slug] for slug in entry.get("reports_where", ()))
        return found + [report for report in partly if report.where[members["action"]].holds(members)]

    def whole(self, actions: Iterable[str]) -> Report:
        """Give what takes every event of `actions`, for whoever counts them: it is none of the reports."""
        return Report("", "", "", "", "", tuple(sorted(actions)), {})

    def criteria(self, action: str, reason: str | None) -> tuple[str, ...]:
        """Name the Trust Services Criteria of one event, the primary one first; none for a retired action."""
        entry = self.actions.get(action, {})
        by_reason = entry.get("tsc_by_reason", {})
        return tuple(by_reason.get(reason) or entry.get("tsc", ()))

    def criteria_in(self, report: Report, action: str) -> tuple[str, ...]:
        """Name the criteria that an action speaks to in a report, by the reasons for which that takes it, if any."""
        where = report.where.get(action)
        reasons: Sequence[str | None] = where.values if where and where.facet == REASON else (None,)
        return tuple(dict.fromkeys(name for reason in reasons for name in self.criteria(action, reason)))

    def criteria_of(self, report: Report) -> list[str]:
        return sorted({name for action in report.actions for name in self.criteria_in(report, action)})


def text(version: str = CURRENT) -> bytes:
    """Read the file of a catalogue as bundles carry it: `Catalogue.sha256` is of these bytes."""
    with open(f"{_FOLDER}/{version}.json", "rb") as file:  # noqa: PTH123 - every hot function would load pathlib for it
        return file.read()


@functools.cache
def load(version: str = CURRENT) -> Catalogue:
    return read(text(version))


def read(data: bytes) -> Catalogue:
    """Read a catalogue; raises `ValueError` where it says two things of one action in one report."""
    document = json.loads(data)
    actions = document["actions"]
    reports = {slug: _report(slug, fields, actions) for slug, fields in document["reports"].items()}
    told = document.get("incidents")
    incidents = None if told is None else Incidents(**told)
    return Catalogue(document["version"], hashlib.sha256(data).hexdigest(), reports, actions, incidents)


def _report(slug: str, fields: Mapping[str, str], actions: Mapping[str, Mapping[str, Any]]) -> Report:
    where = {
        name: _where(name, entry["reports_where"][slug])
        for name, entry in sorted(actions.items())
        if slug in entry.get("reports_where", ())
    }
    whole = {name for name, entry in actions.items() if slug in entry["reports"]}
    if both := whole & set(where):
        raise ValueError(f"{slug} takes all events of {sorted(both)}, and some only")
    return Report(slug, **fields, actions=tuple(sorted(whole | set(where))), where=where)


def _where(action: str, condition: Mapping[str, Sequence[str]]) -> Where:
    facet, *others = condition
    if others or facet not in FACETS:
        raise ValueError(f"{action}: a condition has one of {FACETS}")
    return Where(facet, tuple(sorted(condition[facet])))
