"""Who may not read, what may not be asked, and what happens when reading fails."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from functions.compliance import handler as compliance
from functions.compliance.flow import Reporter
from shared.evidence.vault import LockedBucket
from tests.functions.archive import Archive
from tests.functions.company import Company, archive, founded, proven, report, with_twelve_logins
from tests.functions.estate import MovableClock, login, logout
from tests.functions.test_reports import ENDED, LOGS, Q3_QUERY, ask, first_page, pointers

__all__ = ["archive"]


@pytest.fixture
def company(archive: Archive) -> Company:
    return with_twelve_logins(archive)


@pytest.fixture
def bearer(company: Company) -> str:
    return proven(company.estate, company.person())


@pytest.fixture(scope="module")
def asker(archive: Archive) -> tuple[Company, str]:
    """Give a tenant and a proven session for questions that are refused before anything is read."""
    company = founded(archive)
    return company, proven(company.estate, company.person())


def test_without_a_proof_the_answer_says_which_one_is_needed(company: Company) -> None:
    bearer = login(company.person()).body["access_token"]
    answer = ask(bearer)
    assert (answer.status, answer.code) == (401, "insufficient_user_authentication")
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="urn:muniment:aal2", max_age="300"'
    )
    assert (answer.body["purpose"], answer.body["max_age"]) == ("data_export", 300)
    assert "totp" in answer.body["methods"]
    assert company.actions() == []


def test_proof_serves_five_minutes_and_not_longer(company: Company, clock: MovableClock, bearer: str) -> None:
    clock.offset += 298
    first_page(bearer)
    clock.offset += 3
    assert ask(bearer).code == "insufficient_user_authentication"
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]


def test_stale_proof_ends_paging_too(clock: MovableClock, bearer: str) -> None:
    cursor = first_page(bearer, limit=4)["next_cursor"]
    clock.offset += 301
    assert ask(bearer, limit=4, cursor=cursor).code == "insufficient_user_authentication"


def test_member_is_refused_and_the_refusal_is_in_the_log(company: Company) -> None:
    person = company.person("member")
    answer = ask(proven(company.estate, person))
    assert (answer.status, answer.code) == (403, "permission_denied")
    denied = company.estate.events(company.tenant)[-1]
    assert (denied["action"], denied["outcome"], denied["actor"]["id"]) == ("ACCESS_DENIED", "denied", person.staff_id)
    assert denied["resource"] == f"GET /api/compliance/{LOGS}"


@pytest.mark.parametrize("role", ["auditor", "owner"])
def test_auditor_and_owner_may_read(company: Company, role: str) -> None:
    assert first_page(proven(company.estate, company.person(role)))["total"] == 15


@pytest.mark.parametrize("bearer", [None, "nonsense"])
def test_nobody_reads_without_a_session(company: Company, bearer: str | None) -> None:
    assert ask(bearer).code == "invalid_token"
    assert company.actions() == []


def test_ended_session_reads_nothing(bearer: str) -> None:
    cursor = first_page(bearer, limit=4)["next_cursor"]
    assert logout(bearer).status == 204
    assert ask(bearer, limit=4, cursor=cursor).code == "invalid_token"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"to": "2026-09-30"}, ["/from"]),
        ({}, ["/from", "/to"]),
        (Q3_QUERY | {"form": "csv"}, ["/form"]),
        (Q3_QUERY | {"a/b~c": ""}, ["/a~1b~0c"]),
        (Q3_QUERY | {"x" * 5_000: ""}, ["/" + "x" * 64]),
        (Q3_QUERY | {"format": "xml", "limit": "0", "page": "2"}, ["/page", "/format", "/limit"]),
        ({"from": "2026-13-01", "to": "2026-09-30"}, ["/from"]),
        ({"from": "2026-07-01", "to": "2026-09-31"}, ["/to"]),
        ({"from": "0001-01-01", "to": "2026-09-30"}, ["/from"]),
        ({"from": "2026-09-30", "to": "2026-07-01"}, ["/from"]),
        ({"from": "2999-01-01", "to": "2999-01-02"}, ["/from"]),
        (Q3_QUERY | {"tz": "Mars/Olympus"}, ["/tz"]),
        *[(Q3_QUERY | {"limit": limit}, ["/limit"]) for limit in ("0", "1001", "-1", "1.5", "01", "", "x", "9" * 40)],
        *[
            (Q3_QUERY | {"cursor": cursor}, ["/cursor"])
            for cursor in ("", "garbage", "A" * 200, "\u00fc", "%", "=" * 44)
        ],
    ],
)
def test_bad_query_is_400_with_a_pointer_for_each_fault(
    asker: tuple[Company, str], query: dict[str, str], expected: list[str]
) -> None:
    company, bearer = asker
    assert pointers(report(LOGS, urlencode(query), bearer)) == expected
    assert company.actions() == []


@pytest.mark.parametrize("query", ["from=2026-07-01&to=2026-09-30&to=2026-09-30", "from=%ff&to=2026-09-30"])
def test_query_that_is_two_things_at_once_is_400(asker: tuple[Company, str], query: str) -> None:
    assert report(LOGS, query, asker[1]).code == "invalid_request"


@pytest.mark.parametrize("limit", ["1", "1000"])
def test_bounds_of_the_limit_are_inside(bearer: str, limit: str) -> None:
    assert ask(bearer, limit=limit).status == 200


def test_cursor_of_another_session_query_report_or_tenant_is_refused(
    archive: Archive, company: Company, bearer: str
) -> None:
    cursor = first_page(bearer, limit=4)["next_cursor"]
    other_session = proven(company.estate, company.person())
    stranger = founded(archive)
    other_tenant = proven(archive.estate, stranger.person())
    assert pointers(ask(other_session, cursor=cursor)) == ["/cursor"]
    assert pointers(ask(other_tenant, cursor=cursor)) == ["/cursor"]
    assert pointers(ask(bearer, ENDED, cursor=cursor)) == ["/cursor"]
    assert pointers(ask(bearer, cursor=cursor, format="csv")) == ["/cursor"]
    assert pointers(ask(bearer, cursor=cursor, to="2026-09-29")) == ["/cursor"]
    assert first_page(bearer, limit=4, cursor=cursor)["returned"] == 4  # and it still serves its own


class FailingVault(LockedBucket):
    def read(self, key: str, version_id: str | None = None) -> bytes:
        raise OSError(f"injected: {key} {version_id} cannot be read")


def with_vault(monkeypatch: pytest.MonkeyPatch, vault: LockedBucket) -> None:
    door, reporter = compliance._wiring()
    fields = {name: getattr(reporter, name) for name in Reporter.__slots__} | {"vault": vault}
    monkeypatch.setattr(compliance, "_wiring", lambda: (door, Reporter(**fields)))


def test_fault_while_reading_ends_the_export_as_failed_and_tells_nothing(
    company: Company, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_vault(monkeypatch, FailingVault(company.archive.s3, company.archive.vault_name))
    answer = ask(bearer)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "injected" not in answer.text
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]
    failed = company.estate.events(company.tenant)[-1]
    assert (failed["outcome"], failed["reason"]) == ("error", "READ_FAILED")
    row = company.export(failed["meta"]["export_id"])
    assert (row["status"], row["error"]) == ("failed", "READ_FAILED")


def test_fault_on_a_later_page_ends_the_export_and_its_cursor(
    company: Company, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = first_page(bearer, limit=4)["next_cursor"]
    with monkeypatch.context() as broken:
        with_vault(broken, FailingVault(company.archive.s3, company.archive.vault_name))
        assert ask(bearer, limit=4, cursor=cursor).status == 500
    assert pointers(ask(bearer, limit=4, cursor=cursor)) == ["/cursor"]
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]


def test_segment_that_is_not_what_was_sealed_is_no_evidence(
    company: Company, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forging(LockedBucket):
        def read(self, key: str, version_id: str | None = None) -> bytes:
            return super().read(key.replace("0002.", "0001."), None if "0002." in key else version_id)

    with_vault(monkeypatch, Forging(company.archive.s3, company.archive.vault_name))
    assert ask(bearer).status == 500
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]


def test_log_that_takes_no_events_hands_out_no_evidence(bearer: str, company: Company, audit_write_fails: Any) -> None:
    audit_write_fails()
    answer = ask(bearer)
    assert (answer.status, answer.code) == (503, "auth_unavailable")
    assert "evidence" not in json.loads(answer.text)
    assert company.actions() == []
