"""POST a sample: rows of a finished bundle's report, drawn by the caller's nonce, out of the sealed log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.transparency.office import PURPOSE, Office
from functions.transparency.sealed_log import SealedLog
from shared.audit.canonical import canonical
from shared.audit.catalogue import Report, load
from shared.audit.epoch import FIRST_EPOCH
from shared.audit.event import Draft
from shared.edge.bodies import SAMPLE as SAMPLE_BODY
from shared.edge.fields import read_body
from shared.edge.guard import Principal
from shared.edge.problem import Refused, invalid_request
from shared.edge.reply import JSON, Reply
from shared.edge.request import Request
from shared.evidence.facet_counts import rows_in
from shared.evidence.sample import MAX_ROWS, Sampler, sample_document, sampled_report, united
from shared.evidence.segment import Event, parse
from shared.store.attribute import Row
from shared.store.exports import (
    COMPLETED,
    SAMPLE,
    completed_item,
    failed_item,
    get_export,
    is_export_id,
    new_export_id,
    new_export_item,
)

MAX_SEGMENTS = 30_000  # whose seal rows are read for one answer: a quarter in which something happened at any time
MAX_EVENTS = 100_000  # of the segments that are read for one answer: about ten seconds of this function
DEADLINE_SECONDS = 120  # then nobody waits for it any more, and the sweep ends it


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One request: of which export, from which report, what was asked."""

    office: Office
    request: Request
    principal: Principal
    export: Row
    report: Report
    asked: Mapping[str, Any]

    @property
    def interval(self) -> Mapping[str, str]:
        resolved: Mapping[str, str] = self.export["result"]["resolved"]
        return resolved

    def segments(self, log: SealedLog) -> list[Row]:
        """Give the seal rows that can hold rows of the file; refuses (409) more than one answer can read.

        No more are looked at than the bundle was made of, however far the log has gone on: a digest under whose
        watermark the interval ends says that all of it is sealed.
        """
        start, end = self.interval["from"], self.interval["to_exclusive"]
        head = log.last_digest()
        closing = head and log.first_digest(head, lambda row: row["watermark"] >= end)
        if not closing:
            raise Refused(409, "not_sealed_yet", "No signed digest of this log closes the interval of the bundle.")
        last = closing["segment"]
        first = log.first_segment(last, lambda row: row["after"]["time_max"] >= start)
        if last - first >= MAX_SEGMENTS:
            raise _too_large(f"{MAX_SEGMENTS} segments")
        found, events = list[Row](), 0
        for row in log.segments_within(first, last):
            if row["time"]["max"] < start or row["time"]["min"] >= end:
                continue
            if rows_in(row, self.report) != 0:
                found.append(row)
                events += row["events"]
            if events > MAX_EVENTS:
                raise _too_large(f"{MAX_EVENTS} events")
        return found

    def rows(self, log: SealedLog, segments: list[Row]) -> Iterator[tuple[int, Event]]:
        """Give the rows of the file in its order, with their leaf numbers, as the bundle was rendered."""
        start, end = self.interval["from"], self.interval["to_exclusive"]
        for segment in segments:
            for index, line in enumerate(log.lines_of(segment), segment["index"]["from"]):
                event = parse(line)
                if start <= event.time < end and self.report.takes(event.members):
                    yield index, event

    def document(self, log: SealedLog, segments: list[Row]) -> dict[str, Any]:
        sampler = Sampler(self.asked["nonce"], self.asked["n"])
        for index, event in self.rows(log, segments):
            sampler.add(index, event)
        population, rows = united([sampler.document()], self.asked["n"])
        listed = {file["path"]: file["rows"] for file in self.export["result"]["files"]}
        if population != listed[self.asked["file"]]:
            raise RuntimeError(f"{population} rows were found of {listed[self.asked['file']]} in the bundle")
        manifest = {"manifest_sha256": self.export["result"]["manifest_sha256"]}
        return sample_document(self.asked, population, rows) | manifest

    def event(self, action: str, sample_id: str, meta: Mapping[str, Any], **ended: Any) -> Draft:  # noqa: ANN401 - as Office.event
        told = {"export_id": sample_id, "kind": "sample", "requested": self.requested(), **meta}
        resource = f"export/{self.export['export_id']}"
        return self.office.event(
            self.request, self.principal, action, resource, told, correlation_id=sample_id, **ended
        )

    def requested(self) -> dict[str, Any]:
        return {"export_id": self.export["export_id"], **self.asked}

    def row(self, sample_id: str, event: Draft) -> Row:
        acting, now = self.principal.acting, int(self.request.now)
        return {
            "tenant": acting.tenant,
            "export_id": sample_id,
            "kind": SAMPLE,
            "requested": self.requested(),
            "requested_by": {
                "actor": acting.staff_id,
                "role": acting.role,
                "step_up": self.principal.grant(PURPOSE).challenge_id,
            },
            "started_event": event.event_id,
            "created_at": now,
            "deadline_at": now + DEADLINE_SECONDS,
            "progress": {"step": "read", "done": 0, "total": 1},
        }


def sample(office: Office, request: Request) -> Reply:
    # 1. Who asks, with which fresh proof.
    principal = office.guard.admit(request)
    # 2. What is asked, of which finished bundle.
    drawing = _drawing(office, request, principal)
    office.budget.take(principal.acting, SAMPLE, request.now)
    log = office.log_of(principal.acting.tenant)
    segments = drawing.segments(log)
    # 3. An export begins, and what it draws follows from the sealed log alone.
    table, tenant, sample_id = office.settings.exports_table, principal.acting.tenant, new_export_id(request.now)
    started = drawing.event("DATA_EXPORT_STARTED", sample_id, {})
    office.commit(principal, started, [new_export_item(table, drawing.row(sample_id, started))])
    try:
        document = canonical(drawing.document(log, segments))
    except Exception:
        ended = drawing.event("DATA_EXPORT_FAILED", sample_id, {}, outcome="error", reason="READ_FAILED")
        office.ledger.commit(tenant, [failed_item(table, tenant, sample_id, "READ_FAILED")], [ended])
        raise
    # 4. Complete, and only then does it leave.
    result = {"rows": document.count(b'"leaf_hash"'), "sha256": hashlib.sha256(document).hexdigest()}
    completed = drawing.event("DATA_EXPORT_COMPLETED", sample_id, result)
    office.commit(principal, completed, [completed_item(table, tenant, sample_id, result)])
    return Reply(200, document.decode(), JSON, {"X-Export-Id": sample_id})


def _drawing(office: Office, request: Request, principal: Principal) -> _Drawing:
    body = read_body(request, SAMPLE_BODY)
    if not 1 <= body["n"] <= MAX_ROWS:
        raise invalid_request([("/n", f"The number is one from 1 to {MAX_ROWS}.")])
    export = None
    if is_export_id(body["export_id"]):
        table = office.settings.exports_table
        export = get_export(office.dynamodb, table, principal.acting.tenant, body["export_id"])
    if export is None or export["kind"] != "bundle":
        raise Refused(404, "not_found", "There is no bundle with this id.")
    if export["status"] != COMPLETED:
        raise Refused(409, "export_not_ready", "Samples are drawn from a completed bundle.")
    if export["result"].get("epoch", FIRST_EPOCH) != office.settings.log_epoch:
        raise Refused(409, "earlier_epoch", "The log was started again since: the samples are in the bundle, if any.")
    report = sampled_report(load(), body["file"], export["requested"]["format"])
    if report is None or body["file"] not in {file["path"] for file in export["result"]["files"]}:
        raise invalid_request([("/file", "This must be a report file of the bundle, as its manifest lists it.")])
    asked = {name: body[name] for name in ("file", "n", "nonce")}
    return _Drawing(office, request, principal, export, report, asked)


def _too_large(bound: str) -> Refused:
    detail = f"More than {bound} would have to be read: ask for the bundle again, with `samples`."
    return Refused(409, "sample_too_large", detail)
