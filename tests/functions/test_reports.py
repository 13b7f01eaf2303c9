"""The reports: one export over all its pages, the same set of events to the end, and no page without its event."""

import csv
import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.compliance import flow
from functions.compliance.cursor import LIFETIME_SECONDS
from shared.audit.moment import rfc3339
from shared.evidence.evidence_row import COLUMNS, cells
from shared.evidence.vault import LockedBucket
from tests.functions import impersonating
from tests.functions.archive import Archive
from tests.functions.company import DAY, Q3, Company, archive, proven, report, with_twelve_logins
from tests.functions.estate import MovableClock, Response
from tests.functions.impersonating import impersonate

__all__ = ["archive"]

LOGS, ENDED = "cc6/access-logs", "cc7/session-invalidations"
Q3_QUERY = {"from": "2026-07-01", "to": "2026-09-30"}


@pytest.fixture
def company(archive: Archive) -> Company:
    return with_twelve_logins(archive)


@pytest.fixture
def bearer(company: Company) -> str:
    return proven(company.estate, company.person())


def ask(bearer: str | None, slug: str = LOGS, **query: object) -> Response:
    return report(slug, urlencode(Q3_QUERY | query), bearer)


def first_page(bearer: str, slug: str = LOGS, **query: object) -> dict[str, Any]:
    answer = ask(bearer, slug, **query)
    assert answer.status == 200, answer.text
    return answer.body


def ids(page: dict[str, Any]) -> list[str]:
    return [row["event_id"] for row in page["evidence"]]


def written(company: Company) -> list[str]:
    """Name the events of the quarter that belong into the access logs, newest first."""
    events = [one for one in company.estate.events(company.tenant) if "2026-07" <= one["time"] < "2026-10"]
    newest = sorted(events, key=lambda one: (one["time"], one["seq"]), reverse=True)
    return [one["id"] for one in newest]


def pointers(answer: Response) -> list[str]:
    assert (answer.status, answer.code) == (400, "invalid_request"), answer.text
    return [error["pointer"] for error in answer.body["errors"]]


def test_envelope_says_what_was_asked_and_what_it_is_evidence_of(company: Company, bearer: str) -> None:
    page = first_page(bearer)
    evidence = page.pop("evidence")
    assert page.pop("export_id").startswith("exp_")
    assert page.pop("watermark") < "2027"
    assert len(page.pop("catalogue")["sha256"]) == 64
    assert page == {
        "control": "CC6",
        "report": "access-logs",
        "tsc": ["CC6.1", "CC6.2", "CC6.3", "CC6.6", "CC7.2", "CC7.5"],
        "period": {
            "from": "2026-07-01",
            "to": "2026-09-30",
            "tz": "UTC",
            "start": "2026-07-01T00:00:00.000Z",
            "end_exclusive": "2026-10-01T00:00:00.000Z",
        },
        "total": 15,
        "returned": 15,
        "next_cursor": None,
        "complete": True,
    }
    assert all(tuple(row) == COLUMNS for row in evidence)
    assert [row["event_id"] for row in evidence] == written(company)


def test_rows_come_newest_first_out_of_segments_and_tail_with_personal_values(bearer: str) -> None:
    page = first_page(bearer)
    times = [row["time_utc"] for row in page["evidence"]]
    assert times == sorted(times, reverse=True)
    login = next(row for row in page["evidence"] if row["action"] == "AUTH_LOGIN_SUCCESS")
    assert (login["actor_id"], login["actor_email"]) == ("u_2", "u_2@acme.example")
    assert (login["ip"], login["user_agent"]) == ("203.0.113.9", "Mozilla/5.0")


def test_report_holds_its_own_actions_only(company: Company, bearer: str) -> None:
    company.write(Q3 + 50 * DAY, "SESSION_INVALIDATED", reason="logout")
    company.write(Q3 + 51 * DAY, "SESSION_INVALIDATED", reason="reuse_detected")
    page = first_page(bearer, ENDED)
    assert (page["control"], page["report"], page["total"]) == ("CC7", "session-invalidations", 2)
    assert [(row["reason"], row["tsc"]) for row in page["evidence"]] == [
        ("reuse_detected", ["CC7.4", "CC6.1"]),
        ("logout", ["CC6.1", "CC6.3"]),
    ]


def test_range_without_events_is_an_empty_page(bearer: str) -> None:
    page = first_page(bearer, **{"from": "2026-01-01", "to": "2026-01-31"})
    assert (page["total"], page["returned"], page["evidence"], page["next_cursor"]) == (0, 0, [], None)


def test_last_millisecond_of_the_range_is_in_and_the_next_one_is_not(company: Company, bearer: str) -> None:
    inside = company.write(Q3 + DAY - 0.001)
    company.write(Q3 + DAY + 0.0)
    page = first_page(bearer, **{"from": "2026-07-01", "to": "2026-07-01"})
    assert ids(page)[0] == inside


def test_days_are_those_of_the_asked_zone(company: Company, bearer: str) -> None:
    early = company.write(Q3 + 40 * DAY - 3_600)
    day = {"from": "2026-08-10", "to": "2026-08-10"}
    assert early not in ids(first_page(bearer, **day))
    assert early in ids(first_page(bearer, **day, tz="Europe/Berlin"))


@pytest.mark.parametrize("limit", [1, 4, 7, 15])
def test_pages_give_every_row_once_and_in_order(company: Company, bearer: str, limit: int) -> None:
    found, page = [], first_page(bearer, limit=limit)
    while True:
        found += ids(page)
        assert page["total"] == 15
        assert page["returned"] == len(page["evidence"]) <= limit
        assert page["complete"] is (page["next_cursor"] is None)
        if page["next_cursor"] is None:
            break
        page = first_page(bearer, limit=limit, cursor=page["next_cursor"])
    assert found == written(company)


@pytest.mark.parametrize("limit", [3, 1_000])
def test_order_is_that_of_time_though_events_were_sealed_in_another(company: Company, bearer: str, limit: int) -> None:
    """Clocks of two environments differ, and an event may be sealed long after its time."""
    company.write(Q3 + 1.5 * DAY)
    company.seal()
    company.write(Q3 + 2.5 * DAY)
    company.write(Q3 + 0.5 * DAY)
    found, page = [], first_page(bearer, limit=limit)
    found += ids(page)
    while page["next_cursor"]:
        page = first_page(bearer, limit=limit, cursor=page["next_cursor"])
        found += ids(page)
    assert found == written(company)
    assert page["total"] == len(found) == 18


def test_set_of_a_first_page_stays_though_sealing_goes_on_and_events_arrive(company: Company, bearer: str) -> None:
    before = written(company)
    page = first_page(bearer, limit=4)
    found = ids(page)
    company.write(Q3 + 60 * DAY)
    company.write(Q3 + 2.5 * DAY)  # among those that were read, and among those that were not
    company.seal()
    watermarks = {page["watermark"]}
    while page["next_cursor"]:
        page = first_page(bearer, limit=4, cursor=page["next_cursor"])
        found += ids(page)
        watermarks.add(page["watermark"])
        company.write(Q3 + 1.5 * DAY)
        company.seal()
    assert found == before
    assert page["total"] == 15
    assert len(watermarks) == 1


def test_watermark_of_a_later_page_is_that_of_the_first(clock: MovableClock, bearer: str) -> None:
    page = first_page(bearer, limit=4)
    clock.offset += 200
    later = first_page(bearer, limit=4, cursor=page["next_cursor"])
    assert later["watermark"] == page["watermark"]


@pytest.mark.parametrize("size", [1, 3_000])
def test_page_ends_before_a_response_becomes_too_large(
    company: Company, bearer: str, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(flow, "MAX_PAGE_BYTES", size)
    found, page = [], first_page(bearer, limit=1_000)
    found += ids(page)
    assert 1 <= page["returned"] <= 4
    while page["next_cursor"]:
        page = first_page(bearer, limit=1_000, cursor=page["next_cursor"])
        found += ids(page)
    assert found == written(company)


def test_page_of_hostile_user_agents_fits_into_a_response_of_lambda(
    company: Company, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = "\U0001f600" * 2_000
    for number in range(6):
        company.seen(Q3 + 30 * DAY + number, user_agent=agent)
    monkeypatch.setattr(flow, "MAX_PAGE_BYTES", 40_000)
    page = first_page(bearer, limit=6)
    assert 1 < page["returned"] < 6
    assert len(json.dumps(json.dumps(page["evidence"]))) < 40_000 + 200


def test_equal_times_are_paged_without_loss(company: Company, bearer: str) -> None:
    made = [company.write(Q3 + 70 * DAY) for _ in range(5)]
    found, page = [], first_page(bearer, limit=2, **{"from": "2026-09-09", "to": "2026-09-09"})
    while True:
        found += ids(page)
        if page["next_cursor"] is None:
            break
        page = first_page(bearer, limit=2, cursor=page["next_cursor"], **{"from": "2026-09-09", "to": "2026-09-09"})
    assert found == made[::-1]


def test_one_export_over_all_pages_writes_one_start_and_one_end(company: Company, bearer: str) -> None:
    page = first_page(bearer, limit=6)
    export_id = page["export_id"]
    assert company.actions() == ["DATA_EXPORT_STARTED"]
    while page["next_cursor"]:
        page = first_page(bearer, limit=6, cursor=page["next_cursor"])
        assert page["export_id"] == export_id
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]
    started, completed = (one for one in company.estate.events(company.tenant) if "EXPORT" in one["action"])
    asked = {**Q3_QUERY, "tz": "UTC", "format": "json"}
    assert started["meta"] == {"export_id": export_id, "kind": "report", "requested": asked}
    assert completed["meta"] == {**started["meta"], "rows": 15}
    assert started["resource"] == completed["resource"] == "report/access-logs"
    assert started["context"]["correlation_id"] == completed["context"]["correlation_id"] == export_id
    assert started["actor"]["step_up"] == completed["actor"]["step_up"] is not None
    row = company.export(export_id)
    assert (row["status"], row["result"], row["started_event"]) == ("completed", {"rows": 15}, started["id"])


def test_last_page_may_be_asked_for_again_and_completes_the_export_once(company: Company, bearer: str) -> None:
    last = first_page(bearer, limit=10)["next_cursor"]
    page = first_page(bearer, limit=10, cursor=last)
    assert page["next_cursor"] is None
    assert ids(first_page(bearer, limit=10, cursor=last)) == ids(page)
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]


def test_of_two_last_pages_at_once_one_completes_the_export(
    company: Company, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = first_page(bearer, limit=10)["next_cursor"]
    original = LockedBucket.read

    def overtaken(self: LockedBucket, key: str, version_id: str | None = None) -> bytes:
        monkeypatch.setattr(LockedBucket, "read", original)
        assert ask(bearer, limit=10, cursor=last).status == 200
        return original(self, key, version_id)

    monkeypatch.setattr(LockedBucket, "read", overtaken)
    assert ask(bearer, limit=10, cursor=last).status == 200
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]


def test_csv_has_the_rows_of_the_json_form_and_the_facts_in_headers(bearer: str) -> None:
    page = first_page(bearer)
    answer = ask(bearer, format="csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (answer.headers["X-Total-Count"], answer.headers["X-Evidence-Complete"]) == ("15", "true")
    assert "X-Next-Cursor" not in answer.headers
    assert answer.headers["X-Export-Id"].startswith("exp_")
    header, *records = csv.reader(io.StringIO(answer.text, newline=""), strict=True)
    assert tuple(header) == COLUMNS
    assert records == [cells(row) for row in page["evidence"]]


def test_impersonation_is_told_with_both_people_and_why_until_the_other_one_is_erased(
    company: Company, bearer: str
) -> None:
    estate, member = company.estate, company.person("member")
    acting = impersonate(impersonating.proven(estate, company.person()), member)
    assert acting.finish().status == 204
    day = rfc3339(estate.clock())[:10]

    def told() -> list[dict[str, str]]:
        text = ask(bearer, format="csv", **{"from": day, "to": day}).text
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return [row for row in rows if row["on_behalf_of"]]

    ended, started = told()
    assert (started["action"], started["reason"]) == ("IMPERSONATION_STARTED", impersonating.REASON)
    assert (ended["action"], ended["reason"]) == ("IMPERSONATION_ENDED", "ended")
    for row in (started, ended):
        assert (row["actor_id"], row["on_behalf_of"]) == (acting.actor.person.staff_id, member.staff_id)
        assert row["ip"] not in {"", "[erased]"}
        assert not row["ip"].endswith("/24")
    estate.delete("subject_keys", {"tenant": company.tenant, "subject": member.staff_id})
    erased = told()[1]
    assert (erased["reason"], erased["ip"]) == ("[erased]", started["ip"])


def test_csv_pages_through_a_header(bearer: str) -> None:
    answer = ask(bearer, format="csv", limit=10)
    assert answer.headers["X-Evidence-Complete"] == "false"
    again = ask(bearer, format="csv", limit=10, cursor=answer.headers["X-Next-Cursor"])
    assert (again.headers["X-Evidence-Complete"], again.text.count("\r\n")) == ("true", 6)


def test_csv_neutralises_what_json_shows_as_it_is(company: Company, bearer: str) -> None:
    hostile = '=HYPERLINK("http://evil")\r\n@x'
    company.seen(Q3 + 80 * DAY, user_agent=hostile)
    assert first_page(bearer, limit=1)["evidence"][0]["user_agent"] == hostile
    text = ask(bearer, format="csv", limit=1).text
    (_, record) = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert record[COLUMNS.index("user_agent")] == f"'{hostile}"


def test_erased_person_is_shown_as_erased(company: Company, bearer: str) -> None:
    company.estate._dynamodb.delete_item(
        TableName=company.archive.environ["SUBJECT_KEYS_TABLE"],
        Key={"tenant": {"S": company.tenant}, "subject": {"S": "u_1"}},
    )
    rows = [row for row in first_page(bearer)["evidence"] if row["action"] == "AUTH_LOGIN_SUCCESS"]
    assert {row["actor_email"] for row in rows if row["actor_id"] == "u_1"} == {"[erased]"}
    assert {row["actor_email"] for row in rows if row["actor_id"] == "u_2"} == {"u_2@acme.example"}


def test_an_export_does_not_contain_its_own_beginning(company: Company, bearer: str) -> None:
    page = first_page(bearer, **{"from": "2026-07-01", "to": "2999-12-31"})
    beginnings = [row for row in page["evidence"] if row["action"] == "DATA_EXPORT_STARTED"]
    assert page["export_id"] not in {row["metadata"]["export_id"] for row in beginnings}
    assert "DATA_EXPORT_STARTED" in company.estate.actions(company.tenant)


def test_an_abandoned_export_is_overdue_when_its_last_cursor_is_dead(company: Company, bearer: str) -> None:
    page = first_page(bearer, limit=3)
    rows = {row["export_id"]["S"]: row for row in company.archive.rows("exports")}
    begun = int(rows[page["export_id"]]["deadline_at"]["N"]) - int(rows[page["export_id"]]["created_at"]["N"])
    assert begun == pytest.approx(LIFETIME_SECONDS + flow.GRACE_SECONDS, abs=2)
    assert rows[page["export_id"]]["progress"]["M"]["done"] == {"N": "3"}
