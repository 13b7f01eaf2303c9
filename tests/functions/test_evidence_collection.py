"""The collection: what it waits for, what it says when it is not there, and that two runs at once say it once."""

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from functions.evidence_collection import flow, handler
from functions.evidence_collection.bundles import RETRY_SECONDS
from shared.store.exports import failed_item
from shared.store.tenants import tenant_key
from tests.functions.archive import Archive
from tests.functions.calendar_world import DAY_SECONDS, HOUR, MINUTE, WORK, CalendarWorld, at
from tests.functions.company import archive, run_pipeline

__all__ = ["archive"]
MONDAY = date(2026, 11, 2)
SUNDAY, NEXT = MONDAY + timedelta(days=6), MONDAY + timedelta(days=7)
ROWS = {"CC6": 1, "CC7": 0}


@pytest.fixture
def world(archive: Archive) -> CalendarWorld:
    return CalendarWorld(archive, at(MONDAY) - 100 * DAY_SECONDS)


def begun(world: CalendarWorld) -> CalendarWorld:
    """Begin the calendar with the last day of a week, and work on that day."""
    world.collect(at(SUNDAY))
    world.write(at(SUNDAY, HOUR), *WORK)
    return world


def asked_for(world: CalendarWorld) -> list[tuple[str, str]]:
    return [(row["requested"]["from"], row["status"]) for row in world.exports("running", "failed", "completed")]


def test_canary_is_sent_once_a_day_and_waits_until_it_is_sealed(world: CalendarWorld) -> None:
    assert world.collect(at(MONDAY)).canary_lag == 0
    assert world.collect(at(MONDAY, 16 * MINUTE)).canary_lag == 16 * MINUTE
    world.sealer.seal(world.tenant)
    assert world.collect(at(MONDAY, 17 * MINUTE)).canary_lag == 0
    world.collect(at(MONDAY, DAY_SECONDS))
    assert [event["meta"]["day"] for event in world.told("AUDIT_CANARY")] == ["2026-11-02", "2026-11-03"]
    assert world.collect(at(MONDAY, DAY_SECONDS + MINUTE)).canary_lag == MINUTE, (
        "a canary that is sealed is yesterday's"
    )


def test_nothing_is_collected_before_a_digest_covers_it(world: CalendarWorld) -> None:
    begun(world)
    world.collect(at(NEXT, HOUR))
    assert (world.told(), asked_for(world)) == ([], [])
    world.sign(at(NEXT, HOUR))
    assert world.collect(at(NEXT, HOUR)).collected == 6
    assert asked_for(world) == [(str(MONDAY), "running")]


def test_events_of_a_segment_over_midnight_count_by_their_own_time(world: CalendarWorld) -> None:
    begun(world)
    world.write(at(SUNDAY) - HOUR, "AUTH_LOGIN_FAILED")
    world.sealer.seal(world.tenant)  # a segment over the first midnight, and one over the last
    world.write(at(SUNDAY, 2 * HOUR), "AUTH_LOGOUT")
    world.write(at(NEXT) - 0.001, "AUTH_LOGIN_FAILED")
    world.write(at(NEXT), "AUTH_LOGIN_FAILED", "IP_RULE_ENFORCED")
    world.sign(at(NEXT, MINUTE))
    world.collect(at(NEXT, HOUR))
    found = {event["meta"]["obligation"]: event["meta"]["population"] for event in world.told()}
    assert (found["login-daily"], found["ip-enforcement-daily"]) == (2, 0)


def test_runs_at_once_ask_for_one_bundle_and_tell_each_answer_once(world: CalendarWorld) -> None:
    begun(world).sign(at(NEXT, HOUR))
    world.clock.now = at(NEXT, 2 * HOUR)
    runs = [world.another() for _ in range(3)]
    with ThreadPoolExecutor(len(runs)) as pool:
        served = list(pool.map(lambda run: run.collect(world.tenant), runs))
    assert sum(each.collected for each in served) == 6
    assert len(world.told()) == 6
    assert asked_for(world) == [(str(MONDAY), "running")]
    days = [event["meta"]["day"] for event in world.told("AUDIT_CANARY")]
    assert len(days) == len(set(days))


def test_first_runs_of_a_calendar_at_once_begin_it_once(world: CalendarWorld) -> None:
    world.clock.now = at(MONDAY, HOUR)
    runs = [world.another() for _ in range(4)]
    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(lambda run: run.collect(world.tenant), runs))
    assert len(world.told("AUDIT_CANARY")) == 1


def test_bundle_that_failed_is_asked_for_again_after_a_while(world: CalendarWorld) -> None:
    begun(world).sign(at(NEXT, HOUR))
    world.collect(at(NEXT, HOUR))
    (first,) = world.exports("running")
    item = failed_item(world.settings.exports_table, world.tenant, first["export_id"], "STATES.TIMEOUT")
    world.write(at(NEXT, 2 * HOUR), "DATA_EXPORT_FAILED", items=[item])
    world.collect(at(NEXT, HOUR) + RETRY_SECONDS - 1)
    assert world.statuses(SUNDAY, SUNDAY)["cc6-access-weekly", str(MONDAY)] == "failed"
    assert len(asked_for(world)) == 1
    world.collect(at(NEXT, HOUR) + RETRY_SECONDS)
    (second,) = world.exports("running")
    world.complete(second, ROWS)
    world.collect(at(NEXT, 8 * HOUR))
    assert world.statuses(SUNDAY, SUNDAY)["cc6-access-weekly", str(MONDAY)] == "collected"


def test_bundle_in_vain_is_missed_with_its_reason(world: CalendarWorld) -> None:
    begun(world).sign(at(NEXT, HOUR))
    world.collect(at(NEXT, HOUR))
    (export,) = world.exports("running")
    item = failed_item(world.settings.exports_table, world.tenant, export["export_id"], "STATES.TIMEOUT")
    world.write(at(NEXT, 2 * HOUR), "DATA_EXPORT_FAILED", items=[item])
    for seconds in (0, 1):
        world.collect(at(NEXT, 2 * DAY_SECONDS + seconds))
    told = [(each["meta"]["obligation"], each["reason"]) for each in world.told("EVIDENCE_MISSED")]
    assert sorted(each for each in told if each[0].endswith("weekly")) == [
        ("cc6-access-weekly", "EXPORT_FAILED"),
        ("cc7-security-weekly", "EXPORT_FAILED"),
    ]


def test_quarter_with_a_day_without_cleanup_is_missed(world: CalendarWorld) -> None:
    """The calendar begins with the last two days of a quarter; on the second nothing is cleaned."""
    first, last = date(2026, 12, 30), date(2026, 12, 31)
    world.collect(at(first))
    world.write(at(first, HOUR), *WORK)
    world.collect(at(last))
    world.write(at(last, HOUR), "AUTH_LOGIN_SUCCESS")
    world.sign(at(last, DAY_SECONDS + HOUR))
    world.collect(at(last, DAY_SECONDS + HOUR))
    assert world.statuses(last, last)["cleanup-quarterly", "2026-10-01"] == "failed"
    world.collect(at(date(2027, 1, 16)))
    told = [event for event in world.told("EVIDENCE_MISSED") if event["meta"]["obligation"] == "cleanup-quarterly"]
    assert [event["reason"] for event in told] == ["DAYS_WITHOUT_CLEANUP"]


def test_young_tenant_owes_since_it_was_founded_and_an_old_one_since_the_calendar_sees_it(archive: Archive) -> None:
    for age, since in ((3, "open"), (100, "not_applicable")):
        world = CalendarWorld(archive, at(NEXT) - age * DAY_SECONDS)
        key = tenant_key(world.tenant)
        archive.estate.change_row("tenants", key, {"created_at": int(at(NEXT) - age * DAY_SECONDS)})
        world.collect(at(NEXT, HOUR))
        assert world.statuses(SUNDAY, SUNDAY)["login-daily", str(SUNDAY)] == since


def test_bundle_of_the_calendar_says_that_no_person_asked(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployed handler asks, and the real pipeline makes the bundle."""
    world = CalendarWorld(archive, at(MONDAY) - 100 * DAY_SECONDS)
    begun(world).sign(at(NEXT, HOUR))
    monkeypatch.setattr(flow, "tenant_ids", lambda *_: [world.tenant])
    monkeypatch.setattr(handler, "_wiring", lambda: world.collection)
    world.clock.now = at(NEXT, HOUR)
    assert handler.handler({}, None) == {"tenants": 1, "collected": 6, "missed": 0}
    (export,) = world.exports("running")
    assert export["requested_by"] == {"actor": "evidence_calendar", "type": "system", "role": None, "step_up": None}
    run_pipeline(world.tenant, export["export_id"])
    (completed,) = world.told("DATA_EXPORT_COMPLETED")
    assert (completed["actor"]["type"], completed["actor"]["id"]) == ("system", "evidence_calendar")
    (done,) = world.exports("completed")
    body = archive.s3.get_object(Bucket=archive.exports_name, Key=done["result"]["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as bundle:
        readme, manifest = bundle.read("README.txt").decode(), bundle.read("manifest.json")
    assert readme.splitlines()[2] == (
        "The export was started by the evidence calendar on schedule: no person asked for it."
    )
    assert "administrator" not in readme
    assert b'"by":{"actor":"evidence_calendar","role":null,"step_up":null,"type":"system"}' in manifest
