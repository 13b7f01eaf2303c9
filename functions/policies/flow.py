"""GET the policies, and GET the answers to an auditor's questions: written from what is in force, counted in the log.

Policies: 1. admit; 2. read the settings; 3. write. Questions: 1. admit, and read the range; 2. read the settings;
3. count the log of the range, whole segments from their seal rows; 4. read what holds at the moment; 5. answer, and say
how many incidents the range has. Nothing of a person is in either, and nothing is exported: no step-up, no event.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from functions.policies.query import format_asked, range_asked
from functions.policies.settings import Settings
from shared.audit.catalogue import Catalogue
from shared.audit.moment import rfc3339
from shared.edge.guard import Guard
from shared.edge.reply import Reply, json_reply, text_reply
from shared.edge.request import Request
from shared.edge.routes import ROUTES
from shared.evidence.documents.facts import facts_of, ground_of
from shared.evidence.documents.lifecycle import svg
from shared.evidence.documents.questions import Answer, Moment, answers, written
from shared.evidence.documents.sentences import Facts
from shared.evidence.documents.texts import Text, texts, together
from shared.evidence.incidents import joined
from shared.evidence.log_reader import LogTables, Question, Snapshot, watermark_at
from shared.evidence.period import Period
from shared.evidence.response_times import NOT_CONTAINED
from shared.evidence.vault import LockedBucket
from shared.store.attribute import Row
from shared.store.audit_seals import read_digest_head
from shared.store.audit_verifications import read_verification
from shared.store.legal_holds import ACTIVE, holds_of
from shared.store.tenant_notes import CLEANED_AT
from shared.store.wire import JsonService

MARKDOWN = "text/markdown; charset=utf-8"
MAX_MEASURED = 50  # deactivations that are read for their `effective_ms`: each may lie in a segment of its own
MAX_JOINED = 2_000  # events of incidents that are read to be joined: a flood of them must not keep the answer
MAX_SEGMENTS = 50  # that are read for them: in a long log each has one or two, and costs a request and its unpacking
_PATHS = {route.path.rpartition("/")[2]: route.path for route in ROUTES if route.concern == "compliance"}


@dataclass(frozen=True, slots=True)
class Policies:
    guard: Guard
    dynamodb: JsonService
    vault: LockedBucket
    catalogue: Catalogue
    settings: Settings

    def policies(self, request: Request) -> Reply:
        # 1. Who asks.
        principal = self.guard.admit(request)
        chosen = format_asked(request)
        # 2. What is in force.
        facts = self._facts(principal.tenant, request.now)
        # 3. Write it.
        if chosen == "markdown":
            return text_reply(200, together(facts, self.catalogue), MARKDOWN)
        documents = [_document(each, facts) for each in texts(facts, self.catalogue)]
        return json_reply(200, {"settings": _settings(facts), "documents": documents})

    def questions(self, request: Request) -> Reply:
        # 1. Who asks, for which range.
        principal = self.guard.admit(request)
        period, chosen = range_asked(request)
        # 2. What is in force.
        facts = self._facts(principal.tenant, request.now)
        # 3. The log of the range.
        snapshot = self._log_of(principal.acting.tenant, period)
        counts = snapshot.counts(Question(period, self.catalogue.whole(self.catalogue.actions)))
        # 4. What holds at the moment.
        moment = self._moment(principal.tenant, snapshot, period, counts["USER_DEACTIVATED"])
        # 5. Answer.
        answered = answers(facts, counts, moment)
        watermark = watermark_at(request.now, self.settings.watermark_lag_seconds)
        if chosen == "markdown":
            remarks = [
                f"Events from {period.start} up to, not including, {period.end_exclusive}, counted up to {watermark}.",
                *([f"The log begins at {snapshot.log_begins}."] if snapshot.log_begins else []),
            ]
            return text_reply(200, written(answered, facts, remarks, self._links(period)), MARKDOWN)
        return json_reply(
            200,
            {
                "period": period.described(),
                "watermark": watermark,
                **({"log_begins": snapshot.log_begins} if snapshot.log_begins else {}),
                "settings": _settings(facts),
                "catalogue": {"version": self.catalogue.version, "sha256": self.catalogue.sha256},
                "questions": [self._answer(each, period) for each in answered],
                "incidents": self._incidents(snapshot, period),
            },
        )

    def _facts(self, row: Row, now: float) -> Facts:
        return facts_of(ground_of(row, self.settings.terms(), self.catalogue, ROUTES, now))

    def _log_of(self, tenant: str, period: Period) -> Snapshot:
        settings = self.settings
        tables = LogTables(settings.audit_logs_table, settings.audit_seals_table, settings.log_epoch)
        return Snapshot(self.dynamodb, self.vault, tables, tenant, period)

    def _moment(self, row: Row, snapshot: Snapshot, period: Period, deactivated: int) -> Moment:
        tenant, settings = row["tenant"], self.settings
        digest = read_digest_head(self.dynamodb, settings.audit_seals_table, tenant, settings.log_epoch)
        verified = read_verification(self.dynamodb, settings.audit_verifications_table, tenant, settings.log_epoch)
        holds = holds_of(self.dynamodb, settings.legal_holds_table, tenant)
        cleaned_at = row.get(CLEANED_AT)
        newest = snapshot.newest_first(Question(period, self.catalogue.whole(["USER_DEACTIVATED"])))
        read = list(itertools.islice(newest, min(deactivated, MAX_MEASURED)))
        told = (event.members["meta"] or {} for event in read)
        return Moment(
            digest=digest and {"no": digest["no"], "tree_size": digest["tree_size"], "signed_at": digest["to"]},
            verification=verified and {"at": rfc3339(verified["at"]), "digest": verified["digest"]},
            holds=sum(hold["status"] == ACTIVE for hold in holds),
            cleaned_at=None if cleaned_at is None else rfc3339(cleaned_at),
            effective_ms=tuple(meta["effective_ms"] for meta in told if "effective_ms" in meta),
            unread=deactivated - len(read),
        )

    def _incidents(self, snapshot: Snapshot, period: Period) -> dict[str, int | bool]:
        """Count the incidents of the range; `complete` is false where only those of its newest events were."""
        if self.catalogue.incidents is None:
            return {"detected": 0, "not_contained": 0, "complete": True}
        report = self.catalogue.reports[self.catalogue.incidents.of]
        question = Question(period, report)
        newest = snapshot.newest_first(question, MAX_SEGMENTS)
        read = list(itertools.islice(newest, MAX_JOINED))
        rows = [row for _, row in joined(read, report, self.catalogue)]
        return {
            "detected": len(rows),
            "not_contained": sum(row["exception"] == NOT_CONTAINED for row in rows),
            "complete": next(newest, None) is None and snapshot.segments_for(question) <= MAX_SEGMENTS,
        }

    def _links(self, period: Period) -> Mapping[str, str]:
        reports = self.catalogue.reports.values()
        return {each.slug: f"{each.title}: `GET {_href(each.slug, period)}`" for each in reports}

    def _answer(self, answered: Answer, period: Period) -> dict[str, Any]:
        question, reports = answered.question, self.catalogue.reports
        return {
            "id": question.id,
            "question": question.question,
            "answer": " ".join(answered.sentences),
            "counts": dict(answered.counts),
            "evidence": [
                {"report": slug, "title": reports[slug].title, "href": _href(slug, period)} for slug in question.reports
            ],
        }


def _document(text: Text, facts: Facts) -> dict[str, Any]:
    drawing = {"svg": svg(facts)} if text.section is None else {}
    return {
        "id": text.id,
        "title": text.title,
        "section": text.section,
        "tsc": list(text.tsc),
        "settings_version": facts.settings_version,
        "markdown": text.markdown,
        **drawing,
    }


def _settings(facts: Facts) -> dict[str, Any]:
    return {"version": facts.settings_version, "since": facts.since}


def _href(slug: str, period: Period) -> str:
    return f"{_PATHS[slug]}?{urlencode(period.requested())}"
