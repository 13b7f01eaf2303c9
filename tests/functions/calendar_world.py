"""A company whose days go by: its log is written, sealed and signed, and its calendar is kept, when a test says so."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from functions.evidence_collection.flow import Collection, Served
from functions.evidence_collection.sealed_days import SealedDays
from functions.evidence_collection.settings import Settings
from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.domain.evidence_calendar import ATTESTED, CANARY, first_day, schedule, status_of
from shared.evidence.segment import pack, parse
from shared.runtime.settings import from_environment
from shared.store.attribute import Row
from shared.store.audit_seals import digest_items, segment_item
from shared.store.evidence_calendar import PROGRESS, instant, known_of, read_slot, slots_of
from shared.store.exports import completed_item, latest_exports
from shared.store.transaction import Committed, Ledger
from shared.store.wire import JsonService
from tests.functions.archive import Archive, SetClock, _Unhurried
from tests.functions.company import founded

MINUTE, HOUR, DAY_SECONDS = 60, 3_600, 86_400
WORK = ("AUTH_LOGIN_SUCCESS", "AUTH_TOKEN_REFRESH", "SESSION_INVALIDATED", "CLEANUP_JOB_COMPLETED")


def at(day: date, seconds: float = 0.0) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + seconds


class CalendarWorld:
    """`tenant` is old when its calendar begins, unless a test founds another one."""

    def __init__(self, archive: Archive, founded_at: float) -> None:
        self.archive = archive
        self.clock = SetClock(founded_at)
        self.environ = archive.environ
        self.dynamodb: JsonService = _Unhurried(archive.estate.dynamodb)
        self.company = founded(archive, founded_at)
        self.tenant = self.company.tenant
        self.settings = from_environment(Settings, self.environ)
        self.ledger = Ledger(self.dynamodb, self.settings, self.clock)
        self.sealer, self.digester = archive.sealer(), archive.digester(self.clock)
        self.collection = self.another()
        self.sealed_days = 0

    def another(self, dynamodb: JsonService | None = None) -> Collection:
        """Give a further execution environment of the collection."""
        service = dynamodb or self.dynamodb
        ledger = Ledger(service, self.settings, self.clock)
        sealed = SealedDays(service, self.archive.vault, self.settings)
        return Collection(service, ledger, sealed, self.settings, self.clock)

    def write(self, moment: float, *actions: str, items: Iterable[Any] = (), meta: Mapping[str, Any] = {}) -> None:
        """Write events; an attestation is one of administrators as they are at that moment, unless `meta` says more."""
        self.clock.now = moment
        review = {"scope": "administrators", "taken_at": rfc3339(moment), **meta}
        events = [
            Draft(new_event_id(moment), action, "success", Actor("system", "test"), "test", system_context("test"))
            for action in actions
        ]
        events = [each._replace(meta=review) if each.action == ATTESTED else each for each in events]
        assert isinstance(self.ledger.commit(self.tenant, list(items), events), Committed)

    def sign(self, moment: float) -> None:
        self.clock.now = moment
        self.sealer.seal(self.tenant)
        self.digester.sign(self.tenant)

    def collect(self, moment: float) -> Served:
        self.clock.now = moment
        return self.collection.collect(self.tenant)

    def live(self, day: date, *actions: str, meta: Mapping[str, Any] = {}) -> None:
        """Let a day go by: the calendar runs early, people work, and after midnight the day is sealed and signed.

        Of sealing and signing only the rows are made, in one write a day: a hundred days would take a minute.
        """
        self.collect(at(day, 5 * MINUTE))
        self.write(at(day, 9 * HOUR), *actions, meta=meta)
        self.note_seal(day, Counter([CANARY, *actions]))

    def note_seal(self, day: date, counts: Mapping[str, int]) -> None:
        """Write the rows of a segment that holds a day, and of the digest behind it."""
        self.sealed_days += 1
        number, table, epoch = self.sealed_days, self.settings.audit_seals_table, self.settings.log_epoch
        hours = {"min": rfc3339(at(day, 5 * MINUTE)), "max": rfc3339(at(day, 9 * HOUR))}
        key = f"log/test/{self.tenant}/{number}"
        version = self.archive.vault.put_version(key, self._attestations(day), "none") if ATTESTED in counts else None
        segment = {"no": number, "time": hours, "counts": dict(counts), "key": key, "version_id": version or "none"}
        midnight = at(day, DAY_SECONDS + MINUTE)
        digest = {"no": number, "segment": number, "to": rfc3339(midnight), "watermark": rfc3339(midnight - 4)}
        items = segment_item(table, self.tenant, epoch, segment), *digest_items(table, self.tenant, epoch, digest)
        self.dynamodb.call("TransactWriteItems", {"TransactItems": [item.wire() for item in items]})

    def _attestations(self, day: date) -> bytes:
        written = [each for each in self.told(ATTESTED) if each["time"].startswith(str(day))]
        return pack([parse(json.dumps(each).encode()) for each in written])

    def exports(self, *statuses: str) -> list[Row]:
        rows = latest_exports(self.dynamodb, self.settings.exports_table, self.tenant, 100).rows
        return [row for row in reversed(rows) if row["status"] in statuses]

    def complete(self, export: Row, rows: Mapping[str, int], **more: Any) -> None:
        """End an export as the pipeline does: its row and its event, in one commit."""
        files = [{"path": f"{section}_/report.csv", "rows": number} for section, number in rows.items()]
        digest = hashlib.sha256(export["export_id"].encode()).hexdigest()
        result = {"name": "x", "manifest_sha256": digest, "files": files, "rows": sum(rows.values())}
        result |= {"cut": False, "cut_start": False, "resolved": dict(RESOLVED), **more}
        item = completed_item(self.settings.exports_table, self.tenant, export["export_id"], result)
        self.write(self.clock.now, "DATA_EXPORT_COMPLETED", items=[item])

    def statuses(self, first: date, last: date) -> dict[tuple[str, str], str]:
        """Say of everything that belongs to a range what became of it, as of the clock."""
        rows = self.rows(first, last)
        progress = read_slot(self.dynamodb, self.settings.evidence_calendar_table, self.tenant, PROGRESS)
        assert progress is not None
        since, now = first_day(instant(progress["begun_at"])), instant(self.clock.now)
        return {
            (each.id, str(period.first)): status_of(each, period, since, known_of(rows, each, period), now)
            for each, period in schedule(first, last)
        }

    def counted(self, first: date, last: date) -> dict[str, int]:
        return dict(Counter(self.statuses(first, last).values()))

    def rows(self, first: date, last: date) -> dict[str, Row]:
        return slots_of(self.dynamodb, self.settings.evidence_calendar_table, self.tenant, first, last)

    def told(self, *actions: str) -> list[dict[str, Any]]:
        found = self.archive.estate.events(self.tenant)
        return [event for event in found if event["action"] in (actions or EVIDENCE)]


RESOLVED = {"from": "2026-11-02T00:00:00.000Z", "to_exclusive": "2026-11-09T00:00:00.000Z"}
EVIDENCE = ("EVIDENCE_COLLECTED", "EVIDENCE_MISSED", "EVIDENCE_WAIVED")


def days(first: date, number: int) -> Iterable[date]:
    return (first + timedelta(days=each) for each in range(number))
