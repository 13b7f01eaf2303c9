"""Response times: incidents joined by their correlation id, across segments and shards, over HTTP and in bundles."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from functions.evidence_pipeline import plan
from functions.policies import flow
from functions.policies import handler as policies
from shared.audit.catalogue import load
from shared.audit.event import Actor, Target
from shared.audit.moment import rfc3339
from shared.evidence import log_reader
from shared.evidence.period import Period
from shared.evidence.vault import LockedBucket
from tests.functions.archive import Archive
from tests.functions.company import AFTER_Q3, DAY, Q3, WHOLE_Q3, Company, archive, founded, proven, report
from tests.functions.estate import call, event, login
from tests.functions.opened_bundle import OpenedBundle, bundle_of

__all__ = ["archive"]

TIMES = "CC8_Incident_Response/response_times.csv"
QUARTER = "from=2026-07-01&to=2026-09-30"
REUSED, SUSPECT, TAMPERED = "REFRESH_TOKEN_REUSED", "SUSPICIOUS_LOGIN_DETECTED", "AUDIT_TAMPER_DETECTED"
ENDED, BLOCKED, ASKED, ALERTED = "SESSION_INVALIDATED", "SESSION_BLOCKED", "STEP_UP_REQUIRED", "SECURITY_ALERT_SENT"
RISK = {"risk": {"action": "STEP_UP_REQUIRED", "score": 70}}


def told(company: Company, at: float, action: str, incident: str | None, **members: Any) -> str:
    members = {"actor": Actor("system", "test"), "context": {"correlation_id": incident}} | members
    return company.write(at, action, **members)


@pytest.fixture(scope="module")
def company(archive: Archive) -> Company:
    """Found a company with five incidents, each in segments of its own, and ends of sessions that belong to none."""
    company = founded(archive)
    of_person = {"targets": (Target("user", "u_7"),)}
    told(company, Q3 - 5, SUSPECT, "before the range")
    told(company, Q3 + 5, ENDED, "before the range", reason="high_risk")
    company.seal()
    told(company, Q3 + DAY, REUSED, "reuse", reason="GENERATION", **of_person)
    told(company, Q3 + DAY, SUSPECT, "reuse", reason=REUSED)
    company.seal()
    told(company, Q3 + DAY + 0.25, ENDED, "reuse", reason="reuse_detected")
    told(company, Q3 + DAY + 9, ENDED, "reuse", reason="reuse_detected")
    company.seal()
    told(company, Q3 + DAY + 2, ALERTED, "reuse")
    told(company, Q3 + 2 * DAY, ASKED, "asked", reason="STEP_UP", **RISK)
    told(company, Q3 + 2 * DAY, SUSPECT, "asked", reason="LOGIN")
    company.seal()
    told(company, Q3 + 3 * DAY, TAMPERED, None, reason="MODIFY")
    told(company, Q3 + 4 * DAY, SUSPECT, "nobody came", reason="LOGIN")
    told(company, Q3 + 4 * DAY + 1, ENDED, "nobody came", reason="logout")
    told(company, Q3 + 4 * DAY + 2, ASKED, "nobody came")
    told(company, Q3 + 5 * DAY, ENDED, "an administrator", reason="forced_logout")
    told(company, Q3 + 5 * DAY, BLOCKED, None)
    company.sign(AFTER_Q3 + 100)
    return company


@pytest.fixture(scope="module")
def bundle(company: Company, tmp_path_factory: pytest.TempPathFactory) -> OpenedBundle:
    return bundle_of(company, tmp_path_factory.mktemp("times"))


def test_each_incident_has_its_times_and_one_without_containment_is_an_exception(bundle: OpenedBundle) -> None:
    reuse, asked, tampered, nobody = bundle.rows(TIMES)
    assert (reuse["incident"], reuse["detected_at"]) == ("reuse", "2026-07-02T00:00:00.000Z")
    assert (reuse["detected_by"], reuse["reason"]) == (f"{REUSED} {SUSPECT}", "GENERATION")
    assert (reuse["target_type"], reuse["target_id"]) == ("user", "u_7")
    assert (reuse["contained_at"], reuse["contained_by"]) == ("2026-07-02T00:00:00.250Z", ENDED)
    assert (reuse["response_ms"], reuse["alert_ms"], reuse["exception"]) == ("250", "2000", "")
    assert reuse["tsc"] == "CC6.1 CC7.2 CC7.3 CC7.4"
    assert (asked["incident"], asked["contained_by"], asked["response_ms"], asked["alerted_at"]) == (
        "asked",
        ASKED,
        "0",
        "",
    )
    # The alarm has no correlation id, and is an incident by itself; a logout of the same id contains nothing.
    assert (tampered["incident"], tampered["exception"]) == (tampered["detected_event"], "NOT_CONTAINED")
    assert (nobody["incident"], nobody["contained_by"], nobody["response_ms"]) == ("nobody came", "", "")
    assert nobody["exception"] == "NOT_CONTAINED"
    incidents = {row["event_id"]: row for row in bundle.rows("CC8_Incident_Response/security_incidents.csv")}
    assert incidents[reuse["detected_event"]]["index"] == reuse["index"]
    assert incidents[reuse["contained_event"]]["time_utc"] == reuse["contained_at"]


def test_the_manifest_counts_incidents_and_exceptions_and_the_verifier_derives_them(bundle: OpenedBundle) -> None:
    listed = bundle.file(TIMES)
    assert (listed["rows"], listed["exceptions"], listed["derivable"]) == (4, 2, True)
    code, verified = bundle.verified()
    assert (code, verified["result"]) == (0, "PASSED"), verified["steps"]


def test_shards_and_format_change_nothing_of_the_incidents(
    bundle: OpenedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "EVENTS_PER_SHARD", 2)
    divided = bundle_of(bundle.company, tmp_path, WHOLE_Q3 | {"format": "json"})
    document = divided.document(TIMES.replace(".csv", ".json"))
    assert (document["control"], document["report"]) == ("CC8", "response-times")
    as_csv = [{name: _cell(value) for name, value in row.items()} for row in document["evidence"]]
    assert as_csv == bundle.rows(TIMES)
    assert divided.verified()[0] == 0


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


def test_the_route_gives_the_rows_of_the_bundle_page_by_page(company: Company, bundle: OpenedBundle) -> None:
    bearer = proven(company.estate, company.person("auditor"))
    before = len(company.actions())
    rows, query = [], f"{QUARTER}&limit=3"
    while True:
        answer = report("cc8/response-times", query, bearer)
        assert answer.status == 200, answer.text
        page = answer.body
        assert (page["control"], page["report"], page["total"]) == ("CC8", "response-times", 4)
        rows += page["evidence"]
        if page["next_cursor"] is None:
            break
        query = f"{QUARTER}&limit=3&cursor={page['next_cursor']}"
    in_bundle = [{name: value for name, value in row.items() if name != "index"} for row in bundle.rows(TIMES)]
    assert [{name: _cell(value) for name, value in row.items()} for row in reversed(rows)] == in_bundle
    assert company.actions()[before:] == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]
    text = report("cc8/response-times", f"{QUARTER}&format=csv", bearer).text
    assert text.splitlines()[0].startswith('"incident","detected_event"')
    assert text.count("\r\n") == 5


def test_an_empty_range_has_headers_and_no_incident(company: Company) -> None:
    bearer = proven(company.estate, company.person("owner"))
    answer = report("cc8/response-times", "from=2026-05-01&to=2026-05-31", bearer)
    assert (answer.body["total"], answer.body["evidence"], answer.body["complete"]) == (0, [], True)


def test_incidents_are_counted_without_a_proof_as_the_report_lists_them(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = login(company.person("auditor")).body["access_token"]

    def counted(query: str) -> object:
        answer = call(policies.handler, event("GET /api/compliance/questions", bearer=bearer, query=query))
        assert answer.status == 200, answer.text
        return answer.body["incidents"]

    assert counted(QUARTER) == {"detected": 4, "not_contained": 2, "complete": True}
    assert counted("from=2026-05-01&to=2026-05-31") == {"detected": 0, "not_contained": 0, "complete": True}
    # What contains an incident is newer than what detected it: no incident looks open because of where reading ends.
    monkeypatch.setattr(flow, "MAX_JOINED", 4)
    assert counted(QUARTER) == {"detected": 2, "not_contained": 2, "complete": False}


def test_incidents_are_counted_from_the_newest_segments_when_the_log_has_many(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = login(company.person("auditor")).body["access_token"]
    read = list[str]()
    of_the_vault = LockedBucket.read

    def counted(vault: LockedBucket, key: str, version_id: str) -> bytes:
        read.append(key)
        return of_the_vault(vault, key, version_id)

    monkeypatch.setattr("shared.evidence.log_reader.LockedBucket.read", counted)
    monkeypatch.setattr(flow, "MAX_SEGMENTS", 2)
    answer = call(policies.handler, event("GET /api/compliance/questions", bearer=bearer, query=QUARTER))
    assert answer.body["incidents"] == {"detected": 3, "not_contained": 2, "complete": False}
    assert len(read) == 3  # one of them for the counts: it begins before the quarter


def test_a_reader_keeps_the_events_of_few_segments_however_many_it_reads(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "KEPT", 2)
    environ, vault = company.archive.environ, company.archive.vault
    tables = log_reader.LogTables(environ["AUDIT_LOGS_TABLE"], environ["AUDIT_SEALS_TABLE"], 1)
    days = date(2026, 7, 1), date(2026, 9, 30)
    period = Period(*days, "UTC", rfc3339(Q3), rfc3339(AFTER_Q3))
    snapshot = log_reader.Snapshot(company.estate.dynamodb, vault, tables, company.tenant, period)
    question = log_reader.Question(period, load().reports["security-incidents"])
    first = [event.members["id"] for event in snapshot.newest_first(question)]
    assert snapshot.segments_for(question) > 2 == len(snapshot._read)
    assert [event.members["id"] for event in snapshot.newest_first(question)] == first
