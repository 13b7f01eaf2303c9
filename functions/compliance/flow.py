"""GET a report: one export over all its pages, with one event when it starts and one when it ends."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.compliance.cursor import LIFETIME_SECONDS, BadCursorError, Cursor, open_cursor, seal_cursor
from functions.compliance.page import Page, Subject, page_reply, subject_of
from functions.compliance.query import ReportQuery, report_query
from functions.compliance.settings import Settings
from shared.audit.catalogue import Catalogue
from shared.audit.event import Draft, Outcome, new_event_id
from shared.audit.personal_data import PersonalData
from shared.edge.export_budget import ExportBudget
from shared.edge.guard import Guard, Principal, died
from shared.edge.problem import Refused, invalid_request, invalid_token
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.evidence.evidence_row import Discloser, Row, evidence_row
from shared.evidence.incidents import joined
from shared.evidence.log_reader import LogTables, Place, Question, Snapshot, place_of, watermark_at
from shared.evidence.vault import LockedBucket
from shared.runtime.data_key import DataKeys
from shared.store.audit_logs import BrokenLaneError
from shared.store.exports import (
    COMPLETED,
    REPORT,
    RUNNING,
    completed_item,
    extend_deadline,
    failed_item,
    get_export,
    new_export_id,
    new_export_item,
)
from shared.store.item import Item
from shared.store.subject_keys import salts_of
from shared.store.transaction import Committed, Contended, Ledger
from shared.store.wire import JsonService, ServiceError, Unavailable

PURPOSE = "data_export"
GRACE_SECONDS = 60  # behind the life of a cursor: then nobody can go on with the export, and the sweep ends it
MAX_PAGE_BYTES = 4_000_000  # of rows; a response of Lambda ends at 6 MB, and a hostile user agent takes 12 KB of it


@dataclass(frozen=True, slots=True)
class Reporter:
    guard: Guard
    ledger: Ledger
    dynamodb: JsonService
    vault: LockedBucket
    data_keys: DataKeys
    catalogue: Catalogue
    budget: ExportBudget
    settings: Settings

    def flow(self, slug: str) -> Callable[[Request], Reply]:
        """Give the flow of one report, or of the response times."""
        subject = subject_of(slug, self.catalogue)

        def answer(request: Request) -> Reply:
            # 1. Who asks, with which permission and which fresh proof.
            principal = self.guard.admit(request)
            # 2. What is asked.
            query = report_query(request)
            # 3. A first page starts the export; a further one continues it.
            reading = _Reading(self, request, principal, subject, query)
            cursor = reading.resumed() if query.cursor is not None else reading.started()
            # 4. Read, and on the last page say that the export is complete; a fault ends it as failed.
            try:
                page = reading.page(cursor)
            except Exception as fault:
                reading.failed(cursor.export_id, fault)
                raise
            # 5. Only now does evidence leave.
            return page_reply(page, query, subject, self.catalogue)

        return answer


class _Reading:
    """One request for one page."""

    def __init__(
        self, reporter: Reporter, request: Request, principal: Principal, subject: Subject, query: ReportQuery
    ) -> None:
        self._reporter = reporter
        self._request = request
        self._principal = principal
        self._subject = subject
        self._query = query
        self._tenant = principal.acting.tenant
        self._salts = salts_of(reporter.dynamodb, reporter.settings.subject_keys_table, self._tenant)
        self._snapshot: Snapshot | None = None
        self._broken: BrokenLaneError | None = None

    def started(self) -> Cursor:
        """Fix what will be read, commit DATA_EXPORT_STARTED, and give the cursor of the first page.

        In this order, so that an export does not contain its own beginning. A log that is broken is told of by the
        first page: then the export has begun, and ends as failed. Raises `Refused` (429) before anything is read.
        """
        self._reporter.budget.take(self._principal.acting, REPORT, self._request.now)
        try:
            self._snapshot = self._log_up_to(None)
        except BrokenLaneError as fault:
            self._broken = fault
        export_id, now = new_export_id(self._request.now), int(self._request.now)
        acting = self._principal.acting
        event = self._event("DATA_EXPORT_STARTED", "success", export_id, {})
        row = {
            "tenant": self._tenant,
            "export_id": export_id,
            "kind": REPORT,
            "report": self._subject.slug,
            "requested": {**self._query.period.requested(), "format": self._query.format},
            "requested_by": {
                "actor": acting.staff_id,
                "role": acting.role,
                "step_up": self._principal.grant(PURPOSE).challenge_id,
            },
            "started_event": event.event_id,
            "created_at": now,
            "deadline_at": now + LIFETIME_SECONDS + GRACE_SECONDS,
            "progress": {"step": "read", "done": 0, "total": 0},
        }
        self._commit(new_export_item(self._reporter.settings.exports_table, row), event)
        watermark = watermark_at(self._request.now, self._reporter.settings.watermark_lag_seconds)
        return Cursor(export_id, {}, ("", "", 0), handed_out=0, total=-1, watermark=watermark, expires_at=now)

    def resumed(self) -> Cursor:
        """Open the cursor of the query; raises `Refused` for one that is not good, or whose export has ended."""
        bound = self._query.bound(self._subject.slug, self._principal.acting.session_id)
        try:
            cursor = open_cursor(self._query.cursor or "", self._personal_data, bound, self._request.now)
        except BadCursorError as fault:
            raise _begin_again() from fault
        table = self._reporter.settings.exports_table
        export = get_export(self._reporter.dynamodb, table, self._tenant, cursor.export_id)
        # A completed one too: the answer with the last page may have been lost.
        if export is None or export["status"] not in (RUNNING, COMPLETED):
            raise _begin_again()
        return cursor

    def page(self, cursor: Cursor) -> Page:
        if self._broken is not None:
            raise self._broken
        first = cursor.total < 0
        snapshot = self._snapshot or self._log_up_to(cursor.boundary)
        total, found = self._found(snapshot, None if first else cursor)
        taken, more = self._fitting(found)
        rows = [row for _, row in taken]
        handed_out = cursor.handed_out + len(rows)
        next_cursor = None
        if more:
            expires_at = int(self._request.now) + LIFETIME_SECONDS
            place = taken[-1][0]
            following = Cursor(
                cursor.export_id, snapshot.boundary, place, handed_out, total, cursor.watermark, expires_at
            )
            next_cursor = self._sealed(following)
            self._goes_on(following)
        else:
            self._completed(cursor.export_id, handed_out)
        return Page(cursor.export_id, rows, total, cursor.watermark, snapshot.log_begins, next_cursor)

    def _log_up_to(self, boundary: Mapping[str, int] | None) -> Snapshot:
        """Read the log as it stands, or as it stood at the `boundary` of an earlier page."""
        reporter, settings = self._reporter, self._reporter.settings
        tables = LogTables(settings.audit_logs_table, settings.audit_seals_table, settings.log_epoch)
        return Snapshot(reporter.dynamodb, reporter.vault, tables, self._tenant, self._query.period, boundary)

    def _found(self, snapshot: Snapshot, cursor: Cursor | None) -> tuple[int, Iterator[tuple[Place, Row]]]:
        """Give the number of all rows, and those that are not handed out yet, each with its place, newest first."""
        subject, catalogue = self._subject, self._reporter.catalogue
        before = None if cursor is None else cursor.before
        if subject.joined:
            # What belongs to an incident may lie on either side of a page's end: all of it is read for every page.
            events = snapshot.newest_first(Question(self._query.period, subject.report))
            found = joined(events, subject.report, catalogue)
            return len(found), ((place, row) for place, row in found if before is None or place < before)
        question = Question(self._query.period, subject.report, before)
        total = snapshot.count(question) if cursor is None else cursor.total
        discloser = Discloser(self._personal_data, self._salts)
        rows = (
            (place_of(event), evidence_row(event, discloser.disclose(event), catalogue))
            for event in snapshot.newest_first(question)
        )
        return total, rows

    def _fitting(self, found: Iterator[tuple[Place, Row]]) -> tuple[list[tuple[Place, Row]], bool]:
        """Take the rows of a page, at least one and no more than a response can carry; says whether more remain."""
        taken: list[tuple[Place, Row]] = []
        size = 0
        for place, row in found:
            size += len(json.dumps(json.dumps(row)))  # the body is a text within Lambda's own JSON
            if len(taken) == self._query.limit or (taken and size > MAX_PAGE_BYTES):
                return taken, True
            taken.append((place, row))
        return taken, False

    def _goes_on(self, cursor: Cursor) -> None:
        """Let the export live as long as the cursor that was just handed out."""
        reporter, deadline_at = self._reporter, cursor.expires_at + GRACE_SECONDS
        progress = {"step": "read", "done": cursor.handed_out, "total": cursor.total}
        with contextlib.suppress(ServiceError):  # it is complete: this page was asked for once more
            extend_deadline(
                reporter.dynamodb,
                reporter.settings.exports_table,
                self._tenant,
                cursor.export_id,
                deadline_at,
                progress,
            )

    def failed(self, export_id: str, fault: Exception) -> None:
        """End the export as failed. `fault` is what the caller must hear of, so that no other one may hide it.

        An export that cannot even be ended now is ended by the sweep, at its deadline.
        """
        reason = "LOG_BROKEN" if isinstance(fault, BrokenLaneError) else "READ_FAILED"
        event = self._event("DATA_EXPORT_FAILED", "error", export_id, {}, reason=reason)
        item = failed_item(self._reporter.settings.exports_table, self._tenant, export_id, reason)
        with contextlib.suppress(Contended, Unavailable, ServiceError):
            self._reporter.ledger.commit(self._tenant, [item], [event])

    def _completed(self, export_id: str, rows: int) -> None:
        event = self._event("DATA_EXPORT_COMPLETED", "success", export_id, {"rows": rows})
        table = self._reporter.settings.exports_table
        self._commit(completed_item(table, self._tenant, export_id, {"rows": rows}), event)

    def _commit(self, item: Item, event: Draft) -> None:
        outcome = self._reporter.ledger.commit(self._tenant, [item], [event], acting=self._principal.acting)
        if isinstance(outcome, Committed):
            return
        export = outcome.failed.get("export")
        if died(outcome) or export is None:
            raise invalid_token()
        if export["status"] != COMPLETED:  # the sweep ended it; a completed one was read to its end before
            raise _begin_again()

    def _sealed(self, cursor: Cursor) -> str:
        bound = self._query.bound(self._subject.slug, self._principal.acting.session_id)
        return seal_cursor(cursor, self._personal_data, bound)

    @property
    def _personal_data(self) -> PersonalData:
        return self._reporter.data_keys.personal_data(self._tenant, self._principal.tenant["data_key_sealed"])

    def _event(
        self, action: str, outcome: Outcome, export_id: str, meta: Mapping[str, Any], reason: str | None = None
    ) -> Draft:
        event_id, staff_id = new_event_id(self._request.now), self._principal.acting.staff_id
        salt = self._salts.get(staff_id)
        return Draft(
            event_id=event_id,
            action=action,
            outcome=outcome,
            reason=reason,
            actor=self._principal.actor(self._principal.grant(PURPOSE).challenge_id),
            resource=f"report/{self._subject.slug}",
            context=context_of(self._request, self._principal.session.binding.device_hash, export_id),
            personal=sealed_unless_erased(self._personal_data, salt, staff_id, event_id, self._request),
            meta={
                "export_id": export_id,
                "kind": "report",
                "requested": {**self._query.period.requested(), "format": self._query.format},
                **meta,
            },
        )


def _begin_again() -> Refused:
    return invalid_request([("/cursor", "The cursor is not valid here, or not any more: begin again.")])
