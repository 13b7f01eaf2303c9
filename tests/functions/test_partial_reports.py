"""Reports that take some events of an action only: the same over HTTP, in bundles and in samples."""

from typing import Any

import pytest

from functions.transparency import handler as transparency
from shared.audit.event import Actor
from shared.evidence.vault import LockedBucket
from tests.functions.archive import Archive
from tests.functions.company import AFTER_Q3, DAY, Q3, WHOLE_Q3, Company, archive, founded, proven, report
from tests.functions.estate import call, event
from tests.functions.opened_bundle import OpenedBundle, bundle_of

__all__ = ["archive"]

INCIDENTS = "CC8_Incident_Response/security_incidents.csv"
QUARTER = "from=2026-07-01&to=2026-09-30"
ASKED: dict[str, Any] = {"file": INCIDENTS, "n": 2, "nonce": "drawn by lot, 2026"}
# Some are of the report, some are not; the first lot is sealed where the second is still in the table.
WRITTEN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SESSION_INVALIDATED", {"reason": "forced_logout"}),
    ("SESSION_INVALIDATED", {"reason": "logout"}),
    ("ANOMALY_SCORED", {"risk": {"action": "ALLOW", "score": 10}}),
    ("ANOMALY_SCORED", {"risk": {"action": "BLOCK", "score": 95}}),
    ("STEP_UP_REQUIRED", {"risk": {"action": "STEP_UP_REQUIRED", "score": 75}}),
    ("STEP_UP_REQUIRED", {}),
)
TAKEN = ["SESSION_INVALIDATED", "ANOMALY_SCORED", "STEP_UP_REQUIRED"]


def lot(company: Company, at: float) -> None:
    for number, (action, members) in enumerate(WRITTEN):
        company.write(at + number, action, actor=Actor("system", "test"), **members)


@pytest.fixture(scope="module")
def company(archive: Archive) -> Company:
    """Found a company with two lots in the quarter, one of them across its beginning."""
    company = founded(archive)
    lot(company, Q3 - 3)
    company.seal()
    lot(company, Q3 + DAY)
    company.seal()
    return company


@pytest.fixture(scope="module")
def bearer(company: Company) -> str:
    return proven(company.estate, company.person("auditor"))


def asked(bearer: str, slug: str, more: str = "") -> dict[str, Any]:
    answer = report(slug, QUARTER + more, bearer)
    assert answer.status == 200, answer.text
    document: dict[str, Any] = answer.body
    return document


def test_report_has_just_these_events_and_counts_them_page_by_page(company: Company, bearer: str) -> None:
    lot(company, Q3 + 2 * DAY)  # not sealed
    page = asked(bearer, "cc8/security-incidents", "&limit=3")
    rows = page["evidence"]
    while page["next_cursor"]:
        assert page["total"] == 8
        page = asked(bearer, "cc8/security-incidents", f"&limit=3&cursor={page['next_cursor']}")
        rows += page["evidence"]
    # Of the lot across the beginning, only what lies within the quarter.
    assert [row["action"] for row in reversed(rows)] == [*TAKEN[1:], *TAKEN, *TAKEN]
    assert {row["reason"] for row in rows if row["action"] == "SESSION_INVALIDATED"} == {"forced_logout"}
    assert {row["metadata"]["score"] for row in rows if row["action"] == "ANOMALY_SCORED"} == {95}


def test_other_reports_of_the_same_actions_have_all_of_them(bearer: str) -> None:
    assert (asked(bearer, "cc7/session-invalidations")["total"], asked(bearer, "cc7/step-up")["total"]) == (4, 6)
    decisions = asked(bearer, "cc9/anomaly-decisions")["evidence"]
    assert {row["metadata"]["action"] for row in decisions} == {"ALLOW", "BLOCK", "STEP_UP_REQUIRED"}


@pytest.fixture(scope="module")
def bundle(company: Company, tmp_path_factory: pytest.TempPathFactory) -> OpenedBundle:
    company.sign(AFTER_Q3 + 100)
    body: dict[str, Any] = {**WHOLE_Q3, "samples": [ASKED]}
    return bundle_of(company, tmp_path_factory.mktemp("partial"), body)


def test_bundle_holds_just_these_events_says_so_and_verifies(bundle: OpenedBundle) -> None:
    rows = bundle.rows(INCIDENTS)
    assert [row["action"] for row in rows] == [*TAKEN[1:], *TAKEN, *TAKEN]
    listed = bundle.file(INCIDENTS)
    assert listed["rows"] == 8
    assert listed["query"]["filter"] == {
        "ANOMALY_SCORED": {"decision": ["BLOCK", "STEP_UP_REQUIRED"]},
        "SESSION_INVALIDATED": {"reason": ["forced_logout", "high_risk", "reuse_detected"]},
        "STEP_UP_REQUIRED": {"decision": ["STEP_UP_REQUIRED"]},
    }
    crosswalk = {(row["file"], row["action"]): row["rows"] for row in bundle.rows("CROSSWALK.csv")}
    assert crosswalk["security_incidents.csv", "SESSION_INVALIDATED"] == "2"
    assert crosswalk["session_invalidations.csv", "SESSION_INVALIDATED"] == "4"
    code, told = bundle.verified()
    assert (code, told["result"]) == (0, "PASSED"), told["steps"]


def test_sample_is_drawn_from_just_these_events(bundle: OpenedBundle, bearer: str) -> None:
    answer = call(
        transparency.handler,
        event("POST /api/compliance/samples", {"export_id": bundle.export_id, **ASKED}, bearer=bearer),
    )
    inside = bundle.document("samples/000000000001.json")
    assert inside == {name: value for name, value in answer.body.items() if name != "manifest_sha256"}
    assert inside["population"] == 8


def test_rows_are_counted_and_searched_for_without_reading_segments_in_which_there_are_none(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = founded(archive)
    bearer = proven(company.estate, company.person("auditor"))
    for number in range(3):
        company.write(Q3 + 30 * DAY + number, "SESSION_INVALIDATED", reason="logout")
        company.seal()
    read: list[str] = []
    original = LockedBucket.read

    def noted(self: LockedBucket, key: str, version_id: str | None = None) -> bytes:
        read.append(key)
        return original(self, key, version_id)

    monkeypatch.setattr(LockedBucket, "read", noted)
    assert (asked(bearer, "cc8/security-incidents")["total"], read) == (0, [])
    assert (asked(bearer, "cc7/session-invalidations")["total"], len(read)) == (3, 3)


def test_segments_that_were_sealed_before_their_rows_said_so_are_read(company: Company, bearer: str) -> None:
    before = asked(bearer, "cc8/security-incidents")
    for seal in company.archive.rows("audit_seals"):
        if seal["tenant"]["S"] == company.tenant and "facets" in seal:
            key = {name: seal[name]["S"] for name in ("tenant", "seal")}
            company.estate.change_row("audit_seals", key, {"facets": {}})
    after = asked(bearer, "cc8/security-incidents")
    assert (after["total"], after["evidence"]) == (before["total"], before["evidence"])
    assert after["total"] == 8
