"""The calendar over HTTP: what it shows, and what it lets nobody waive."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.evidence_calendar import flow
from functions.evidence_calendar.handler import handler
from functions.evidence_calendar.items import summary_of
from shared.domain.evidence_calendar import OBLIGATIONS, first_day
from shared.store.evidence_calendar import begun, collected_item, read_slot, slot_key
from shared.store.item import put
from shared.store.tenants import tenant_key
from tests.functions.estate import Estate, Response, call, event
from tests.functions.signed_in import SignedIn
from tests.functions.staff_calls import administrator

SHOW = "GET /api/compliance/calendar"
WAIVE = "POST /api/compliance/calendar/waivers"
DAY = timedelta(days=1)
QUARTER = "from=2026-07-01&to=2026-09-30"
REASON = "the provider was down, says Quux-Waiver"


@pytest.fixture
def owner(estate: Estate, tenant: str) -> SignedIn:
    """Give an owner whose calendar began with 2026."""
    begun_at = datetime(2026, 1, 1, tzinfo=UTC)
    begun(estate.dynamodb, table(estate), tenant, int(begun_at.timestamp()), first_day(begun_at))
    return administrator(estate, tenant)


def table(estate: Estate) -> str:
    return estate.environ["EVIDENCE_CALENDAR_TABLE"]


def shown(session: SignedIn, query: str = QUARTER) -> Response:
    return call(handler, event(SHOW, bearer=session.access_token, query=query))


def waive(session: SignedIn, **changed: Any) -> Response:
    """Waive a week of the third quarter until tomorrow, but for what is `changed`."""
    body = {
        "obligation": "cc6-access-weekly",
        "period_from": "2026-07-06",
        "reason": REASON,
        "until": str(today() + DAY),
        **changed,
    }
    return call(handler, event(WAIVE, body, bearer=session.access_token))


def today() -> Any:
    return datetime.now(UTC).date()


def item(session: SignedIn, obligation: str, first: str) -> dict[str, Any]:
    found = [
        each
        for each in shown(session).body["items"]
        if (each["obligation"], each["period"]["from"]) == (obligation, first)
    ]
    (one,) = found
    return dict(one)


def collect(estate: Estate, session: SignedIn, slot: str) -> None:
    facts = {"collected_at": 1_784_000_000, "on_time": True, "population": 0, "digest_range": [4, 9]}
    facts |= {"export_id": "exp_1", "manifest_sha256": "ab"}
    row = collected_item(table(estate), session.person.tenant, slot, facts)
    estate.dynamodb.call("UpdateItem", dict(row.request))


def test_calendar_shows_each_obligation_of_a_range_and_counts_them(estate: Estate, owner: SignedIn) -> None:
    collect(estate, owner, "2026-07-12#cc6-access-weekly")
    document = shown(owner).body
    assert document["period"]["from"] == "2026-07-01"
    assert document["begun_at"] == "2026-01-01T00:00:00.000Z"
    summary = document["summary"]
    assert {each["obligation"] for each in document["items"]} == {each.id for each in OBLIGATIONS}
    assert summary["expected"] == len(document["items"]) == 92 * 6 + 13 * 2 + 3 * 2 + 3
    assert (summary["collected"], summary["missed"], summary["coverage_pct"]) == (1, summary["expected"] - 1, 0)
    assert item(owner, "cc6-access-weekly", "2026-07-06") == {
        "obligation": "cc6-access-weekly",
        "title": "Changes of access",
        "section": "CC6",
        "tsc": ["CC6.2", "CC6.3"],
        "cadence": "weekly",
        "period": {"from": "2026-07-06", "to": "2026-07-12"},
        "due": "2026-07-15T00:00:00.000Z",
        "mode": "automatic",
        "status": "collected",
        "collected_at": "2026-07-14T03:33:20.000Z",
        "missed_at": None,
        "on_time": True,
        "export_id": "exp_1",
        "sha256": "ab",
        "population": 0,
        "zero_population": True,
        "digest_range": [4, 9],
        "integrity": "pending",
        "reviewed_at": None,
        "attested_event": None,
        "snapshot_taken_at": None,
        "cut_start": None,
        "resolved": None,
        "failure": None,
        "waiver": None,
    }


@pytest.mark.parametrize(("verified", "integrity"), [(8, "pending"), (9, "verified")])
def test_integrity_is_that_of_the_last_verification(
    estate: Estate, owner: SignedIn, verified: int, integrity: str
) -> None:
    collect(estate, owner, "2026-07-12#cc6-access-weekly")
    row = {"log": f"{owner.person.tenant}#1", "run": "r", "digest": verified, "lanes": {}, "at": 1}
    estate.dynamodb.call("PutItem", dict(put(estate.environ["AUDIT_VERIFICATIONS_TABLE"], row).request))
    assert item(owner, "cc6-access-weekly", "2026-07-06")["integrity"] == integrity


def test_calendar_that_the_schedule_has_not_seen_owes_nothing_yet(estate: Estate, tenant: str) -> None:
    summary = shown(administrator(estate, tenant)).body["summary"]
    assert (summary["expected"], summary["coverage_pct"]) == (0, None)
    assert summary["not_applicable"] > 0


def test_period_before_the_calendar_says_so_and_what_is_owed_has_no_reason(owner: SignedIn) -> None:
    told = shown(owner, "from=2025-12-30&to=2026-01-02").body
    daily = {each["period"]["to"]: each for each in told["items"] if each["obligation"] == "login-daily"}
    assert {day: each.get("reason") for day, each in daily.items()} == {
        "2025-12-30": "before_beginning",
        "2025-12-31": "before_beginning",
        "2026-01-01": None,
        "2026-01-02": None,
    }
    assert all(("reason" in each) == (each["status"] == "not_applicable") for each in told["items"])


def test_calendar_of_a_simulated_quarter_begins_with_it_and_says_what_followed(estate: Estate, tenant: str) -> None:
    session = administrator(estate, tenant)
    span = {"from": "2026-07-01T00:00:00.000Z", "to": "2026-10-01T00:00:00.000Z"}
    estate.change_row("tenants", tenant_key(tenant), {"simulated": span})
    begun_at = datetime(2026, 11, 28, 9, tzinfo=UTC)
    begun(estate.dynamodb, table(estate), tenant, int(begun_at.timestamp()), first_day(begun_at))
    collect(estate, session, "2026-07-12#login-daily")
    told = shown(session, "from=2026-06-30&to=2026-11-29").body
    assert told["begun_at"] == "2026-07-01T00:00:00.000Z"
    daily = {each["period"]["to"]: each for each in told["items"] if each["obligation"] == "login-daily"}
    reasons = {day: each.get("reason") for day, each in daily.items()}
    assert reasons["2026-06-30"] == "before_beginning"
    assert {reasons["2026-07-01"], reasons["2026-09-30"]} == {"not_simulated"}
    assert {reasons["2026-10-01"], reasons["2026-11-28"]} == {"no_collection_existed"}
    assert (reasons["2026-07-12"], daily["2026-07-12"]["status"]) == (None, "collected")
    assert (reasons["2026-11-29"], daily["2026-11-29"]["status"] != "not_applicable") == (None, True)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("to=2026-09-30", "/from"),
        ("from=2026-07-01", "/to"),
        (f"{QUARTER}&tz=Europe/Berlin", "/tz"),
        (f"{QUARTER}&limit=1", "/limit"),
        ("from=2026-07-02&to=2026-07-01", "/from"),
        ("from=2026-02-29&to=2026-07-01", "/from"),
        ("from=2026-01-01&to=2027-02-05", "/to"),
        ("from=2026-01-01&to=9999-12-31", "/to"),
    ],
)
def test_bad_range_is_refused_with_a_pointer(owner: SignedIn, query: str, pointer: str) -> None:
    refused = shown(owner, query)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (400, pointer)


def test_longest_range_is_shown(owner: SignedIn) -> None:
    assert shown(owner, "from=2026-01-01&to=2027-02-04&tz=UTC").status == 200  # 400 days


def test_waiver_says_who_why_and_until_and_the_log_tells_why_only_sealed(estate: Estate, owner: SignedIn) -> None:
    made = waive(owner)
    assert made.status == 201, made.text
    day_after = datetime.combine(today() + 2 * DAY, datetime.min.time(), UTC)
    waived = item(owner, "cc6-access-weekly", "2026-07-06")
    assert waived["status"] == "waived"
    assert waived["waiver"] == {name: made.body[name] for name in ("by", "at", "until", "reason", "after_missed")}
    assert (waived["waiver"]["by"], waived["waiver"]["reason"]) == (owner.person.staff_id, REASON)
    assert waived["waiver"]["until"] == day_after.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert shown(owner).body["summary"]["waived"] == 1
    (told,) = (each for each in estate.events(owner.person.tenant) if each["action"] == "EVIDENCE_WAIVED")
    assert told["actor"]["step_up"] == "challenge-rbac_admin"
    assert (told["meta"]["obligation"], told["meta"]["until"]) == ("cc6-access-weekly", waived["waiver"]["until"])
    rows = estate.partition("evidence_calendar", "tenant", owner.person.tenant)
    assert "Quux-Waiver" not in repr(told) + repr(rows)


def test_waiver_of_what_had_been_missed_says_so_and_raises_no_coverage(estate: Estate, owner: SignedIn) -> None:
    before = shown(owner).body["summary"]
    assert waive(owner).body["after_missed"] is True
    later = str(today() + 2 * DAY)
    assert waive(owner, until=later).body["after_missed"] is True, "another waiver in its place was as late"
    ahead = {"obligation": "login-daily", "period_from": str(today()), "until": later}
    assert waive(owner, **ahead).body["after_missed"] is False
    collect(estate, owner, "2026-07-19#cc6-access-weekly")
    summary = shown(owner, "from=2026-07-12&to=2026-07-19").body["summary"]
    missed = summary["missed"]
    assert (summary["waived"], summary["waived_after_missed"], summary["collected"]) == (1, 1, 1)
    assert summary["coverage_pct"] == 100 // (1 + missed + 1)
    assert shown(owner).body["summary"]["missed"] == before["missed"] - 2
    waivers = [each["meta"] for each in estate.events(owner.person.tenant) if each["action"] == "EVIDENCE_WAIVED"]
    assert [each["after_missed"] for each in waivers] == [True, True, False]


@pytest.mark.parametrize(
    ("missed_at", "after_missed", "coverage", "too_late"),
    [(None, False, 100, 0), (None, True, 50, 1), ("2026-07-15T00:00:00.000Z", False, 50, 1)],
)
def test_coverage_counts_what_was_waived_too_late_as_missed(
    *, missed_at: str | None, after_missed: bool, coverage: int, too_late: int
) -> None:
    collected = {"status": "collected", "missed_at": None, "waiver": None}
    waived = {"status": "waived", "missed_at": missed_at, "waiver": {"after_missed": after_missed}}
    summary = summary_of([collected, waived])
    assert (summary["coverage_pct"], summary["waived_after_missed"], summary["waived"]) == (coverage, too_late, 1)


def test_waiver_in_the_place_of_one_that_counts_excuses_what_was_never_missed(estate: Estate, owner: SignedIn) -> None:
    waive(owner)
    key = slot_key(owner.person.tenant, "2026-07-12#cc6-access-weekly#waiver")
    estate.change_row("evidence_calendar", key, {"after_missed": False})  # as one that was made in time
    assert waive(owner).body["after_missed"] is False
    assert shown(owner).body["summary"]["waived_after_missed"] == 0
    answer = slot_key(owner.person.tenant, "2026-07-12#cc6-access-weekly")
    estate.change_row("evidence_calendar", answer, {"missed_at": 1_784_000_000})
    assert waive(owner).body["after_missed"] is True


def test_reason_goes_with_the_salt_of_whoever_wrote_it(estate: Estate, owner: SignedIn) -> None:
    waive(owner)
    other = administrator(estate, owner.person.tenant)
    estate.delete("subject_keys", {"tenant": owner.person.tenant, "subject": owner.person.staff_id})
    assert item(other, "cc6-access-weekly", "2026-07-06")["waiver"]["reason"] == "[erased]"


def test_waiver_that_has_ended_hides_nothing(estate: Estate, owner: SignedIn) -> None:
    waive(owner, until=str(today()))
    key = slot_key(owner.person.tenant, "2026-07-12#cc6-access-weekly#waiver")
    estate.change_row("evidence_calendar", key, {"until": int(estate.clock()) - 1})
    assert item(owner, "cc6-access-weekly", "2026-07-06")["status"] == "missed"
    assert waive(owner).status == 201
    assert item(owner, "cc6-access-weekly", "2026-07-06")["status"] == "waived"


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"obligation": "cc5-yearly"}, "/obligation"),
        ({"period_from": "2026-07-07"}, "/period_from"),
        ({"period_from": "2026-02-30"}, "/period_from"),
        ({"period_from": "2025-12-22"}, "/period_from"),  # before the calendar began
        ({"period_from": "2031-01-06"}, "/period_from"),
        ({"period_from": "9999-12-27"}, "/period_from"),
        ({"until": "2026-07-30"}, "/until"),
        ({"until": "9999-12-31"}, "/until"),
        ({"reason": " "}, "/reason"),
    ],
)
def test_waiver_of_what_is_not_or_never_ends_is_refused(
    estate: Estate, owner: SignedIn, changed: dict[str, str], pointer: str
) -> None:
    refused = waive(owner, **changed)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (400, pointer)
    assert "EVIDENCE_WAIVED" not in estate.actions(owner.person.tenant)


def test_waiver_may_last_a_year_and_no_day_longer(owner: SignedIn) -> None:
    assert waive(owner, until=str(today() + 365 * DAY)).status == 201
    assert waive(owner, until=str(today() + 366 * DAY)).status == 400


def test_what_was_collected_is_not_waived(estate: Estate, owner: SignedIn) -> None:
    collect(estate, owner, "2026-07-12#cc6-access-weekly")
    refused = waive(owner)
    assert (refused.status, refused.code) == (409, "already_collected")


def test_what_is_collected_at_the_same_moment_is_not_waived(
    estate: Estate, owner: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = read_slot

    def between(*asked: Any) -> Any:
        found = original(*asked)
        if asked[-1].endswith("waiver"):
            monkeypatch.setattr(flow, "read_slot", original)
            collect(estate, owner, "2026-07-12#cc6-access-weekly")
        return found

    monkeypatch.setattr(flow, "read_slot", between)
    assert waive(owner).code == "already_collected"
