"""The events of a shard, sorted into its files and counted: the lines of a block at a time, each line once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from functions.evidence_pipeline.csv_records import CsvRecords, Disclosed, Sorted
from functions.evidence_pipeline.event_lines import Irregular, blocks_of, canonical_again, leaf_of, whole
from functions.evidence_pipeline.fragments import DISCLOSURE, Fragments
from functions.evidence_pipeline.population import part_of
from shared.audit.catalogue import Catalogue, Report
from shared.evidence.evidence_row import Discloser, evidence_row
from shared.evidence.response_times import Part, part_of_incident
from shared.evidence.sample import Sampler
from shared.store.audit_logs import LANE_OPENED, Head, opened_lane

Records = Callable[[Sequence[Sorted]], tuple[list[str], dict[int, int]]]

_NOBODY: Disclosed = []


class _OfAction(NamedTuple):
    """Which reports take all events of an action; `looks` says that some ask for more of an event than its action."""

    reports: list[Report]
    looks: bool


class Content:
    """Sorts the events of a shard into its files, and counts them."""

    def __init__(
        self, plan: Mapping[str, Any], catalogue: Catalogue, discloser: Discloser, fragments: Fragments
    ) -> None:
        resolved, extension = plan["resolved"], plan["requested"]["format"]
        self._from, self._to = resolved["from"], resolved["to_exclusive"]
        self._samplers = [(asked["file"], Sampler(asked["nonce"], asked["n"])) for asked in plan["samples"]]
        self._sampled = {
            report.slug: [sampler for file, sampler in self._samplers if file == report.path(extension)]
            for report in catalogue.reports.values()
        }
        self._catalogue = catalogue
        self._discloser = discloser
        self._records: Records = self._json_records if extension == "json" else CsvRecords(catalogue)
        self._between = ",\n" if extension == "json" else ""
        self._fragments = fragments
        self._by_action: dict[str, _OfAction] = {}
        self.events = 0
        self.actions = Counter[str]()
        self.partly = Counter[str]()
        self.incidents: list[Part] = []

    def add(self, first: int, packed: bytes) -> None:
        """Sort a segment that begins at leaf `first`; raises `ValueError` where an event does not continue its lane."""
        lanes: dict[str, tuple[int, str]] = {}
        for lines, members in blocks_of(packed):
            rows, places = list[Sorted](), defaultdict[str, list[int]](list)
            for index, line, event in zip(range(first, first + len(lines)), lines, members, strict=True):
                leaf = leaf_of(line)
                if lanes.get(event.lane) != (event.seq - 1, event.prev) or event.action == LANE_OPENED:
                    _look(lanes, event, line)
                lanes[event.lane] = (event.seq, leaf)
                disclosed = self._disclosed(index, event) if event.pii else _NOBODY
                if self._from <= event.time < self._to and (reports := self._reports(index, event, line)):
                    for report in reports:
                        places[report.slug].append(len(rows))
                    rows.append(Sorted(index, line, event, leaf, disclosed))
            first += len(lines)
            self.events += len(lines)
            self._write(rows, places)

    def document(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "by_action": dict(sorted(self.actions.items())),
            "partly": dict(sorted(self.partly.items())),
            "incidents": self.incidents,
            "samples": [sampler.document() for _, sampler in self._samplers],
        }

    def _disclosed(self, index: int, event: Irregular) -> Disclosed:
        disclosed = self._discloser.opened(event.id, event.pii)
        self._fragments.of(DISCLOSURE).add(index, canonical_again({"id": event.id, "pii": disclosed}) + b"\n")
        return disclosed

    def _reports(self, index: int, event: Irregular, line: bytes) -> list[Report]:
        """Count an event of the interval; gives the reports in which it is a row."""
        action = event.action
        self.actions[action] += 1
        of_action = self._by_action.get(action)
        if of_action is None:
            of_action = self._by_action[action] = self._of_action(action)
        if not of_action.looks:
            return of_action.reports
        read = whole(line)
        reports = self._catalogue.reports_of(read.members)
        for report in reports:
            if action in report.where:
                self.partly[part_of(report, action)] += 1
        if part := part_of_incident(index, read, reports, self._catalogue.incidents):
            self.incidents.append(part)
        return reports

    def _of_action(self, action: str) -> _OfAction:
        reports, incidents = list(self._catalogue.reports.values()), self._catalogue.incidents
        looks = any(action in report.where for report in reports) or (
            incidents is not None and action in incidents.roles
        )
        return _OfAction([] if looks else self._catalogue.reports_of({"action": action}), looks)

    def _write(self, rows: Sequence[Sorted], places: Mapping[str, Sequence[int]]) -> None:
        """Write each row once, for all reports that it stands in: `places` says which of `rows` are a report's."""
        records, neutralised = self._records(rows)
        for slug, of_report in places.items():
            first, last, count = rows[of_report[0]].index, rows[of_report[-1]].index, len(of_report)
            written = records if count == len(records) else [records[place] for place in of_report]
            cells = sum(neutralised.get(place, 0) for place in of_report) if neutralised else 0
            growing = self._fragments.of(slug, self._between.encode())
            growing.add_all(first, last, count, self._between.join(written).encode(), cells)
            for sampler in self._sampled[slug]:
                for row in (rows[place] for place in of_report):
                    sampler.consider(row.index, row.members.id, row.leaf)

    def _json_records(self, rows: Sequence[Sorted]) -> tuple[list[str], dict[int, int]]:
        told = ((row.index, evidence_row(whole(row.line), row.disclosed, self._catalogue)) for row in rows)
        return [json.dumps({"index": index, **members}) for index, members in told], {}


def _look(lanes: dict[str, tuple[int, str]], event: Irregular, line: bytes) -> None:
    """Look at an event that opens a lane, or is not the next of one: a segment begins anywhere in its lanes.

    Raises `ValueError` where it does not continue its lane, as `segment.follow` does.
    """
    head = lanes.setdefault(event.lane, (event.seq - 1, event.prev))
    if head != (event.seq - 1, event.prev):
        raise ValueError(f"lane {event.lane}: {event.seq} does not follow {head[0]}")
    opened = opened_lane(whole(line).members)
    if opened is not None and lanes.setdefault(opened, Head()) != Head():
        raise ValueError(f"lane {opened} is opened a second time")
