"""Each report of the requirements over HTTP, as those who may read it get it: its own events, and no others.

Who may not, and without which proof, is in the permission matrix, which tries every route.
"""

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest

from shared.audit.catalogue import load
from shared.audit.event import Actor
from shared.audit.moment import unix_seconds
from shared.edge.compliance_routes import REPORTS
from shared.evidence.evidence_row import COLUMNS
from shared.evidence.vault import LockedBucket
from tests.functions.archive import Archive
from tests.functions.company import DAY, Q3, Company, archive, founded, proven, report

__all__ = ["archive"]

CATALOGUE = load()
ROLES = ("owner", "admin", "auditor")
# These change the log itself: a lane, an epoch. Others write them as nobody else can.
NOT_TO_BE_WRITTEN = {"AUDIT_LANE_OPENED", "AUDIT_EPOCH_STARTED"}
QUARTER = "from=2026-07-01&to=2026-09-30"
# What api.md promises to those who knew the requirements alone: the endpoint, and what it must at least tell.
PROMISED = {
    "cc6/access-logs": {"AUTH_LOGIN_SUCCESS", "AUTH_LOGIN_FAILED", "AUTH_TOKEN_REFRESH", "USER_INVITED"},
    "cc6/role-changes": {"USER_ROLE_CHANGED", "USER_INVITED", "USER_DEACTIVATED"},
    "cc6/impersonation-events": {"IMPERSONATION_STARTED", "IMPERSONATION_ENDED"},
    "cc7/security-events": {"IP_RULE_CREATED", "IP_RULE_DELETED", "SESSION_INVALIDATED", "STEP_UP_REQUIRED"},
    "cc7/ip-rule-changes": {"IP_RULE_CREATED", "IP_RULE_DELETED"},
    "cc7/session-invalidations": {"SESSION_INVALIDATED"},
    "cc8/security-incidents": {"SUSPICIOUS_LOGIN_DETECTED", "REFRESH_TOKEN_REUSED", "SESSION_BLOCKED"},
    "cc8/suspicious-logins": {"SUSPICIOUS_LOGIN_DETECTED"},
    "cc8/refresh-token-reuse": {"REFRESH_TOKEN_REUSED"},
    "cc9/anomaly-decisions": {"ANOMALY_SCORED"},
    "cc9/audit-log-integrity": {"AUDIT_DIGEST_SIGNED", "AUDIT_INTEGRITY_VERIFIED"},
    "cc9/data-exports": {"DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"},
}
# Of these some reports have this one, and not that of which nothing is known.
IN_PART: list[tuple[str, dict[str, Any]]] = [
    ("SESSION_INVALIDATED", {"reason": "forced_logout"}),
    ("ANOMALY_SCORED", {"risk": {"action": "BLOCK"}}),
    ("STEP_UP_REQUIRED", {"risk": {"action": "STEP_UP_REQUIRED"}}),
]
SERVED = [f"{section}/{slug}" for section, slugs in REPORTS.items() for slug in slugs if slug in CATALOGUE.reports]


@pytest.fixture(scope="module")
def company(archive: Archive) -> Company:
    """Found a company in which everything has happened that the catalogue knows, once."""
    company = founded(archive)
    for number, action in enumerate(sorted(set(CATALOGUE.actions) - NOT_TO_BE_WRITTEN)):
        company.write(Q3 + DAY + number, action, actor=Actor("system", "test"))
    for number, (action, facet) in enumerate(IN_PART):
        company.write(Q3 + 2 * DAY + number, action, actor=Actor("system", "test"), **facet)
    return company


@pytest.fixture(scope="module")
def bearers(company: Company) -> dict[str, str]:
    return {role: proven(company.estate, company.person(role)) for role in ROLES}


def expected(company: Company, slug: str) -> list[str]:
    events = [one for one in company.estate.events(company.tenant) if "2026-07" <= one["time"] < "2026-10"]
    taken = [one for one in events if CATALOGUE.reports[slug].takes(one)]
    return [one["id"] for one in sorted(taken, key=lambda one: (one["time"], one["seq"]), reverse=True)]


def test_what_the_requirements_promise_is_served() -> None:
    assert set(PROMISED) <= set(SERVED)
    assert set(SERVED) == {f"{each.section.lower()}/{each.slug}" for each in CATALOGUE.reports.values()}


@pytest.mark.parametrize("path", SERVED)
def test_report_gives_its_events_and_no_others_to_each_who_may_read_it(
    company: Company, bearers: dict[str, str], path: str
) -> None:
    section, slug = path.split("/")
    rows = expected(company, slug)
    for role in ROLES:
        answer = report(path, QUARTER, bearers[role])
        assert answer.status == 200, answer.text
        page: dict[str, Any] = answer.body
        assert (page["control"], page["report"]) == (section.upper(), slug)
        assert page["tsc"] == CATALOGUE.criteria_of(CATALOGUE.reports[slug])
        assert [row["event_id"] for row in page["evidence"]] == rows
        assert (page["total"], page["returned"], page["complete"]) == (len(rows), len(rows), True)
        assert page["watermark"].endswith("Z")
    actions = {row["action"] for row in page["evidence"]}
    assert PROMISED.get(path, set()) <= actions
    assert all(row["tsc"] for row in page["evidence"])
    answer = report(path, f"{QUARTER}&format=csv", bearers["auditor"])
    header, *records = csv.reader(io.StringIO(answer.text, newline=""), strict=True)
    assert (answer.status, tuple(header), answer.headers["X-Total-Count"]) == (200, COLUMNS, str(len(rows)))
    assert [record[0] for record in records] == rows


def test_every_answer_stands_in_the_log_between_its_beginning_and_its_end(
    company: Company, bearers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(company.actions())
    assert report("cc9/data-exports", QUARTER, bearers["auditor"]).status == 200
    assert report("cc9/data-exports", f"{QUARTER}&format=csv", bearers["auditor"]).status == 200
    assert company.actions()[before:] == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"] * 2
    company.seal()

    def astray(*_: object) -> bytes:
        raise OSError

    monkeypatch.setattr(LockedBucket, "read", astray)
    assert report("cc9/data-exports", QUARTER, bearers["auditor"]).status == 500
    assert company.actions()[before:][-2:] == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]


@pytest.mark.parametrize(
    ("day", "start", "end", "hours"),
    [
        ("2026-03-29", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z", 23),
        ("2026-10-25", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z", 25),
    ],
)
def test_a_day_on_which_clocks_change_holds_exactly_its_events(
    archive: Archive, day: str, start: str, end: str, hours: int
) -> None:
    first, last = unix_seconds(start), unix_seconds(end)
    assert last - first == hours * 3_600
    company = founded(archive, first - DAY)
    company.write(first - 0.001)
    inside = [company.write(at) for at in (first, (first + last) / 2, last - 0.001)]
    company.write(last)
    bearer = proven(company.estate, company.person("auditor"))
    page = report("cc6/access-logs", f"from={day}&to={day}&tz=Europe/Berlin", bearer).body
    assert [row["event_id"] for row in page["evidence"]] == inside[::-1]
    assert (page["period"]["start"], page["period"]["end_exclusive"]) == (start, end)


@pytest.mark.parametrize(
    "day", ["2026-02-29", "2100-02-29", "1900-02-29", "\uff12\uff10\uff12\uff16-07-01", "2026-07-01\0"]
)
def test_a_day_that_no_calendar_has_is_refused(bearers: dict[str, str], day: str) -> None:
    answer = report("cc6/access-logs", f"from={quote(day)}&to=2026-09-30", bearers["admin"])
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, ["/from"])


@pytest.mark.parametrize("name", ["=cmd()", "\uff1d1+1", "\0x", "\r\n@SUM(A1)", "-2+3"])
def test_what_a_stranger_writes_as_name_and_browser_runs_in_no_spreadsheet(archive: Archive, name: str) -> None:
    company = founded(archive)
    company.seen(Q3 + DAY, action="AUTH_LOGIN_FAILED", email=name, user_agent=name)
    bearer = proven(company.estate, company.person("auditor"))
    (row,) = report("cc6/access-logs", f"{QUARTER}&limit=1", bearer).body["evidence"]
    assert (row["actor_email"], row["user_agent"]) == (name, name)
    text = report("cc6/access-logs", f"{QUARTER}&limit=1&format=csv", bearer).text
    (told,) = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert told["actor_email"] == told["user_agent"] == "'" + name.replace("\0", "\ufffd")
