"""What whoever asks for evidence is told of a log that was tampered with: that it is broken, and nothing of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.audit_seal import handler as sealing
from functions.audit_seal.round import Course, Outcome
from shared.store.audit_logs import BrokenLaneError
from tests.functions.archive import Archive
from tests.functions.company import Company, archive, proven, with_twelve_logins
from tests.functions.estate import Response
from tests.functions.test_reports import ask, first_page

__all__ = ["archive"]


@pytest.fixture
def company(archive: Archive) -> Company:
    return with_twelve_logins(archive)


@pytest.fixture
def bearer(company: Company) -> str:
    return proven(company.estate, company.person())


def rows_of(company: Company) -> list[dict[str, Any]]:
    return company.estate.partition("audit_logs", "log_lane", f"{company.tenant}#1#0")


def key_of(row: dict[str, Any]) -> dict[str, Any]:
    return {"log_lane": {"S": row["log_lane"]}, "seq": {"N": str(row["seq"])}}


def edited(company: Company, row: dict[str, Any], **values: str) -> None:
    written = {name: {"S": value} for name, value in ({"line": row["line"], "leaf": row["leaf"]} | values).items()}
    table = company.estate.prefix + "audit_logs"
    company.estate.dynamodb.call("PutItem", {"TableName": table, "Item": key_of(row) | written})


def edit_in_the_tail(company: Company) -> None:
    row = rows_of(company)[-2]
    edited(company, row, line=row["line"].replace('"success"', '"failure"'))


def garbage_at_the_end(company: Company) -> None:
    edited(company, rows_of(company)[-1], line="{")


def gap_in_the_tail(company: Company) -> None:
    table = company.estate.prefix + "audit_logs"
    company.estate.dynamodb.call("DeleteItem", {"TableName": table, "Key": key_of(rows_of(company)[-2])})


def sealed_head_rewritten(company: Company) -> None:
    company.archive.sealer().seal(company.tenant)
    edited(company, rows_of(company)[-1], leaf="0" * 64)


def sealed_head_removed(company: Company) -> None:
    company.archive.sealer().seal(company.tenant)
    table = company.estate.prefix + "audit_logs"
    company.estate.dynamodb.call("DeleteItem", {"TableName": table, "Key": key_of(rows_of(company)[-1])})


TAMPERINGS = (edit_in_the_tail, garbage_at_the_end, gap_in_the_tail, sealed_head_rewritten, sealed_head_removed)


def assert_told(answer: Response, company: Company) -> None:
    assert (answer.status, answer.code) == (500, "log_broken"), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "evidence" not in answer.body
    assert company.tenant not in answer.text


def failures(company: Company) -> list[tuple[str, Any]]:
    """Give action and reason of what the log tells of exports, whatever else stands in it."""
    lines = [row["line"] for row in rows_of(company) if "EXPORT" in row["line"]]
    return [(event["action"], event["reason"]) for event in map(json.loads, lines)]


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_a_report_of_a_broken_log_is_a_clear_problem_and_a_failed_export(
    company: Company, bearer: str, tamper: Callable[[Company], None], form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(company)
    assert_told(ask(bearer, format=form), company)
    assert failures(company) == [("DATA_EXPORT_STARTED", None), ("DATA_EXPORT_FAILED", "LOG_BROKEN")]
    (row,) = [each for each in company.estate.rows("exports") if each["tenant"] == company.tenant]
    assert (row["status"], row["error"]) == ("failed", "LOG_BROKEN")
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "the log is broken" in line]
    assert [line["LogBroken"] for line in told] == [1]


@pytest.mark.parametrize("tamper", [edit_in_the_tail, sealed_head_removed])
def test_a_later_page_of_a_log_that_was_broken_meanwhile_ends_the_export(
    company: Company, bearer: str, tamper: Callable[[Company], None]
) -> None:
    cursor = first_page(bearer, limit=4)["next_cursor"]
    tamper(company)
    assert_told(ask(bearer, limit=4, cursor=cursor), company)
    assert failures(company)[-1] == ("DATA_EXPORT_FAILED", "LOG_BROKEN")
    assert ask(bearer, limit=4, cursor=cursor).status == 400  # its cursor serves no more


def test_a_sealed_segment_that_is_another_is_told_likewise(
    company: Company, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.archive.sealer().seal(company.tenant)
    monkeypatch.setattr("shared.evidence.log_reader.LockedBucket.read", lambda *_: b"another")
    assert_told(ask(bearer), company)
    assert failures(company)[-1] == ("DATA_EXPORT_FAILED", "LOG_BROKEN")


def test_only_a_broken_log_counts_as_one_when_sealing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(faults={"t_1": ValueError("a setting"), "t_2": BrokenLaneError("a row")})
    sealing._measure(outcome, Course(), 0.0)
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if '"_aws"' in each]
    assert (line["AuditSealFailed"], line["AuditLaneBroken"]) == ([2.0], [1.0])
