"""Policies and answers over HTTP: by the settings of the moment, with counts that are those of the reports."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from functions.policies import flow
from functions.policies import handler as policies
from shared.audit.moment import rfc3339
from shared.store.audit_verifications import verification_item
from shared.store.item import put
from shared.store.legal_holds import Hold, hold_row, release_of
from tests.functions.archive import Archive
from tests.functions.company import DAY, Q3, Company, archive, founded, prove, report
from tests.functions.estate import Response, call, event, login
from tests.functions.signed_in import CHANGE, sign_in

__all__ = ["archive"]

POLICIES, QUESTIONS = "GET /api/compliance/policies", "GET /api/compliance/questions"
Q3_RANGE = {"from": "2026-07-01", "to": "2026-09-30"}


@pytest.fixture(scope="module")
def company(archive: Archive) -> Company:
    """Found a company whose log has segments across both ends of the third quarter, and a tail."""
    company = founded(archive)
    company.write(Q3 - DAY, "REFRESH_TOKEN_REUSED")
    company.write(Q3 + DAY, "REFRESH_TOKEN_REUSED")
    company.seal()
    for number, effective_ms in enumerate((40, 8, 12)):
        company.write(Q3 + (2 + number) * DAY, "USER_DEACTIVATED", meta={"effective_ms": effective_ms})
    company.write(Q3 + 9 * DAY, "USER_DEACTIVATED", meta={"role": "member"})
    company.sign(Q3 + 10 * DAY)
    company.write(Q3 + 20 * DAY, "SESSION_INVALIDATED", reason="user_deactivated")
    company.write(Q3 + 91 * DAY, "STEP_UP_REQUIRED")
    company.write(Q3 + 92 * DAY, "STEP_UP_REQUIRED")  # the fourth quarter
    return company


@pytest.fixture(scope="module")
def bearer(company: Company) -> str:
    person = company.estate.new_person(company.tenant, "auditor", totp=True)
    return prove(company.estate, person, login(person).body["access_token"])


def ask(route: str, bearer: str, **query: object) -> Response:
    return call(policies.handler, event(route, bearer=bearer, query=urlencode(query)))


def answered(bearer: str, **query: object) -> dict[str, Any]:
    answer = ask(QUESTIONS, bearer, **query)
    assert answer.status == 200, answer.text
    return answer.body


def by_id(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in body["questions"]}


def test_documents_are_those_of_the_settings_in_force(archive: Archive) -> None:
    company = founded(archive)
    bearer = login(company.person("admin")).body["access_token"]
    before = ask(POLICIES, bearer).body
    assert [each["id"] for each in before["documents"]] == [
        "access-control",
        "session-and-token-management",
        "adaptive-authentication",
        "audit-and-evidence",
        "lifecycle",
    ]
    assert [each["section"] for each in before["documents"]] == ["CC6", "CC7", "CC8", "CC9", None]
    assert all(each["tsc"] for each in before["documents"][:4])
    assert before["settings"] == {"version": 1, "since": rfc3339(0)}
    company.estate.change_settings(company.tenant, {"step_up_score": 44, "impersonation": "off"})
    after = ask(POLICIES, bearer).body
    assert after["settings"] == {"version": 2, "since": None}
    assert {each["settings_version"] for each in after["documents"]} == {2}
    texts = {each["id"]: each["markdown"] for each in after["documents"]}
    assert "From 44 to 89 a second factor" in texts["adaptive-authentication"]
    assert "Impersonation is switched off" in texts["access-control"]
    assert "44 to 89: second factor first" in after["documents"][-1]["svg"]
    assert "From 60 to 89" in before["documents"][2]["markdown"]


def test_documents_come_as_one_markdown_text_too(bearer: str) -> None:
    answer = ask(POLICIES, bearer, format="markdown")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    documents = ask(POLICIES, bearer).body["documents"]
    assert answer.text == "\n".join(each["markdown"] for each in documents)


def test_counts_are_those_of_the_reports_that_an_answer_links_to(bearer: str) -> None:
    for question in answered(bearer, **Q3_RANGE)["questions"]:
        found: dict[str, int] = {}
        for evidence in question["evidence"]:
            path, query = urlsplit(evidence["href"]).path, urlsplit(evidence["href"]).query
            page = report(path.removeprefix("/api/compliance/"), query, bearer)
            assert page.status == 200, page.text
            assert {name: values[0] for name, values in parse_qs(query).items()} == {**Q3_RANGE, "tz": "UTC"}
            listed = [row["action"] for row in page.body["evidence"]]
            found |= {action: listed.count(action) for action in listed}
        assert question["counts"] == {action: found.get(action, 0) for action in question["counts"]}, question["id"]


def test_range_cuts_segments_and_tail_where_it_should(bearer: str) -> None:
    body = answered(bearer, **Q3_RANGE)
    questions = by_id(body)
    assert questions["stolen-tokens"]["counts"]["REFRESH_TOKEN_REUSED"] == 1
    assert questions["suspicious-sign-ins"]["counts"]["STEP_UP_REQUIRED"] == 1
    assert questions["leavers"]["counts"] == {"USER_DEACTIVATED": 4, "SESSION_INVALIDATED": 1, "USER_ROLE_CHANGED": 0}
    assert body["period"]["start"] == "2026-07-01T00:00:00.000Z"
    assert "log_begins" not in body


def test_leavers_are_measured_by_the_latest_deactivations(bearer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = by_id(answered(bearer, **Q3_RANGE))["leavers"]["answer"]
    assert "Of the latest 3 in the range the slowest took 40 ms, half of them 12 ms at most." in told
    assert "were not read" not in told
    monkeypatch.setattr(flow, "MAX_MEASURED", 3)
    told = by_id(answered(bearer, **Q3_RANGE))["leavers"]["answer"]
    assert "Of the latest 2 in the range the slowest took 12 ms, half of them 10 ms at most." in told
    assert "1 earlier ones of the range were not read" in told


def test_one_segment_answers_each_question_by_its_own_events(archive: Archive) -> None:
    company = founded(archive, Q3 + DAY)
    company.write(Q3 + DAY, "USER_DEACTIVATED", meta={"effective_ms": 40})
    company.write(Q3 + 2 * DAY, "REFRESH_TOKEN_REUSED")
    company.seal()
    body = answered(login(company.person("auditor")).body["access_token"], **Q3_RANGE)
    assert "Of the latest 1 in the range the slowest took 40 ms" in by_id(body)["leavers"]["answer"]
    assert body["incidents"]["detected"] == 1


def test_answers_name_the_last_digest_verification_cleanup_and_the_holds(company: Company, bearer: str) -> None:
    told = by_id(answered(bearer, **Q3_RANGE))
    assert "The last digest is number 1 of 2026-07-11T00:00:00.000Z, over 7 events." in told["tampering"]["answer"]
    assert "of the last verification" not in told["tampering"]["answer"].lower()
    assert "Legal holds that count now: 0." in told["deletion"]["answer"]
    estate, tenant = company.estate, company.tenant
    held = hold_row(Hold(tenant, "01J00000000000000000000000", None, "a case", None, "u_1", int(Q3)))
    verified = verification_item(
        estate.environ["AUDIT_VERIFICATIONS_TABLE"], tenant, 1, run="r", digest=1, lanes={}, at=int(Q3), after=None
    )
    released = {**held, "hold_id": "01J00000000000000000000001", **release_of("u_1", "settled", int(Q3))}
    for item in (*(put(estate.environ["LEGAL_HOLDS_TABLE"], row) for row in (held, released)), verified):
        estate.dynamodb.call("PutItem", dict(item.request))
    estate.change_row("tenants", {"tenant": tenant}, {"cleaned_at": int(Q3)})
    told = by_id(answered(bearer, **Q3_RANGE))
    assert "of 2026-07-01T00:00:00.000Z, found nothing up to digest 1." in told["tampering"]["answer"]
    assert "Legal holds that count now: 1." in told["deletion"]["answer"]
    assert "began at 2026-07-01T00:00:00.000Z." in told["deletion"]["answer"]


def test_without_a_range_it_is_the_last_ninety_days(company: Company, bearer: str) -> None:
    estate = company.estate
    period = answered(bearer)["period"]
    assert period["to"] == rfc3339(estate.clock())[:10]
    assert period["end_exclusive"] > rfc3339(estate.clock()) > period["start"]
    assert period["start"] == rfc3339(estate.clock() - 89 * DAY)[:10] + "T00:00:00.000Z"


def test_answers_come_as_markdown_with_links_to_the_evidence(bearer: str) -> None:
    answer = ask(QUESTIONS, bearer, format="markdown", **Q3_RANGE)
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "| `REFRESH_TOKEN_REUSED` | 1 |" in answer.text
    assert "`GET /api/compliance/cc8/refresh-token-reuse?from=2026-07-01&to=2026-09-30&tz=UTC`" in answer.text
    assert "counted up to 20" in answer.text


@pytest.mark.parametrize(
    ("route", "query", "pointer"),
    [
        (POLICIES, {"format": "csv"}, "/format"),
        (POLICIES, {"from": "2026-07-01"}, "/from"),
        (QUESTIONS, {"from": "2026-07-01"}, "/to"),
        (QUESTIONS, {"tz": "UTC"}, "/from"),
        (QUESTIONS, {"from": "2026-07-02", "to": "2026-07-01"}, "/from"),
        (QUESTIONS, {**Q3_RANGE, "tz": "Mars/Olympus"}, "/tz"),
        (QUESTIONS, {**Q3_RANGE, "cursor": "x"}, "/cursor"),
    ],
    ids=["csv", "policies-range", "no-end", "zone-alone", "reversed", "zone", "unknown"],
)
def test_query_that_makes_no_sense_is_refused(bearer: str, route: str, query: dict[str, str], pointer: str) -> None:
    refused = ask(route, bearer, **query)
    assert (refused.status, refused.code, refused.body["errors"][0]["pointer"]) == (400, "invalid_request", pointer)


def test_a_change_of_settings_notes_since_when_it_counts(archive: Archive) -> None:
    company = founded(archive)
    admin = sign_in(company.estate, company.person("admin"))
    admin.prove("rbac_admin")
    before = rfc3339(int(company.estate.clock()))
    assert admin.calls(CHANGE, {"max_replays": 3}).status == 200
    settings = ask(POLICIES, admin.access_token).body["settings"]
    assert settings["version"] == 2
    assert before <= settings["since"] <= rfc3339(company.estate.clock())
