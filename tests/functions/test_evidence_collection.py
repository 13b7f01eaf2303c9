"""The collection: what it waits for, what it says when it is not there, and that two runs at once say it once."""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

from functions.evidence_collection import bundles, flow, handler
from functions.evidence_collection.bundles import RETRY_SECONDS
from functions.evidence_collection.flow import Collection, Served, Tally
from functions.evidence_collection.record import items_of
from shared.domain.evidence_calendar import BY_ID, OBLIGATIONS, Period
from shared.store.evidence_calendar import answer_slot, read_slot, waived_items
from shared.store.evidence_calendar import begun as begin
from shared.store.exports import failed_item
from shared.store.tenant_notes import notes
from shared.store.tenants import tenant_key
from tests.functions.archive import Archive
from tests.functions.calendar_world import DAY_SECONDS, HOUR, MINUTE, RESOLVED, WORK, CalendarWorld, at
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
    monkeypatch.setattr(flow, "notes", lambda *_: [(world.tenant, None)])
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


def test_tenant_whose_calendar_is_broken_stops_no_other_and_silences_none(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worlds = [CalendarWorld(archive, at(MONDAY)) for _ in range(3)]
    for world in worlds:
        world.clock.now = at(MONDAY, HOUR)
    broken = worlds[1]
    begin(broken.dynamodb, broken.settings.evidence_calendar_table, broken.tenant, int(at(MONDAY)), "no day")  # type: ignore[arg-type]
    monkeypatch.setattr(flow, "notes", lambda *_: [(world.tenant, None) for world in worlds])
    monkeypatch.setattr(handler, "_wiring", lambda: worlds[0].collection)
    with pytest.raises(ExceptionGroup, match=broken.tenant):
        handler.handler({}, None)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["AuditCanaryLag"], told["EvidenceMissed"], told["EvidenceTenantsWaiting"]) == ([0.0], [0.0], [0.0])
    assert [len(world.told("AUDIT_CANARY")) for world in (worlds[0], worlds[2])] == [1, 1]


def test_tenants_that_had_no_turn_are_counted_and_are_the_first_of_the_next_run(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds = [CalendarWorld(archive, at(MONDAY)) for _ in range(3)]
    ours, collection = [world.tenant for world in worlds], worlds[0].collection
    monkeypatch.setattr(flow, "notes", lambda *asked: [each for each in notes(*asked) if each[0] in ours])
    turns = list[str]()

    def slow(_self: object, tenant: str) -> Served:
        turns.append(tenant)
        worlds[0].clock.now += flow.RUN_SECONDS / 2
        if tenant == turns[0]:
            raise RuntimeError("broken")
        return Served(0, 0, 0.0)

    monkeypatch.setattr(Collection, "collect", slow)
    waiting = []
    for _ in range(2):
        tally = Tally()
        with contextlib.suppress(ExceptionGroup):
            collection.run(tally)
        waiting.append(tally.waiting)
    assert waiting == [1, 1]
    assert sorted(turns[:3]) == sorted(ours), "the one that had no turn is the first"
    assert turns[3] == turns[0]


@pytest.mark.parametrize("how", ["cut", "cut_start"])
def test_bundle_that_is_cut_is_asked_for_again_and_one_that_begins_with_the_log_says_so(
    world: CalendarWorld, how: str
) -> None:
    begun(world).sign(at(NEXT, HOUR))
    world.collect(at(NEXT, HOUR))
    (first,) = world.exports("running")
    world.complete(first, ROWS, **{how: True})
    world.collect(at(NEXT, 2 * HOUR))
    week = "cc6-access-weekly", str(MONDAY)
    if how == "cut":
        assert world.statuses(SUNDAY, SUNDAY)[week] == "failed"
        world.collect(at(NEXT, HOUR) + RETRY_SECONDS)
        assert [status for _, status in asked_for(world)] == ["completed", "running"]
        return
    assert world.statuses(SUNDAY, SUNDAY)[week] == "collected"
    (told,) = [each["meta"] for each in world.told() if each["meta"]["obligation"] == week[0]]
    assert (told["cut_start"], told["resolved"]) == (True, RESOLVED)
    assert asked_for(world) == [(str(MONDAY), "completed")]


def test_day_is_proven_by_the_digests_that_hold_it_and_the_first_behind_it(world: CalendarWorld) -> None:
    world.collect(at(SUNDAY) - HOUR)
    world.sign(at(SUNDAY) - HOUR)
    begun(world)
    for moment in (at(SUNDAY, 2 * HOUR), at(NEXT, HOUR), at(NEXT, 2 * HOUR)):
        world.write(moment, "AUTH_LOGOUT")
        world.sign(moment)
    world.collect(at(NEXT, 3 * HOUR))
    of_sunday = [each["meta"] for each in world.told() if each["meta"]["period"]["from"] == str(SUNDAY)]
    assert {tuple(each["digest_range"]) for each in of_sunday} == {(2, 3)}


def waive(world: CalendarWorld, obligation: str, until: float) -> None:
    """Waive an obligation of the Sunday."""
    table, answer = world.settings.evidence_calendar_table, answer_slot(BY_ID[obligation], Period(SUNDAY, SUNDAY))
    row = {"by": "u_1", "at": 1, "until": int(until), "event_id": f"{obligation}{until}", "entry": None}
    before = read_slot(world.dynamodb, table, world.tenant, f"{answer}#waiver")
    world.write(
        world.clock.now,
        "EVIDENCE_WAIVED",
        items=waived_items(table, world.tenant, (answer, f"{answer}#waiver"), row, before),
    )


def missed(world: CalendarWorld) -> list[str]:
    """Name what of the Sunday alone was told as missed."""
    told = [event["meta"] for event in world.told("EVIDENCE_MISSED")]
    return sorted(each["obligation"] for each in told if each["period"]["from"] == str(SUNDAY))


DAILY = sorted(each.id for each in OBLIGATIONS if each.cadence == "daily")
BUT_LOGIN = [each for each in DAILY if each != "login-daily"]
DUE = at(SUNDAY, 2 * DAY_SECONDS)


def test_what_is_waived_is_not_missed_until_the_waiver_ends(world: CalendarWorld) -> None:
    begun(world)
    waive(world, "login-daily", DUE + HOUR)
    world.collect(DUE - 1)
    assert missed(world) == []
    world.collect(DUE)
    assert missed(world) == BUT_LOGIN
    world.collect(DUE + HOUR)
    assert missed(world) == DAILY


def between(world: CalendarWorld, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do `work` between what a run reads and what it commits."""

    def once(*asked: Any) -> Any:
        monkeypatch.setattr(flow, "items_of", items_of)
        work()
        return items_of(*asked)

    monkeypatch.setattr(flow, "items_of", once)
    world.collect(DUE)


def test_what_is_waived_at_the_last_moment_is_not_missed_and_all_else_is(
    world: CalendarWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(world)
    waive(world, "refresh-daily", DUE - HOUR)

    def waived_now() -> None:
        for obligation in ("login-daily", "refresh-daily"):
            waive(world, obligation, DUE + HOUR)

    between(world, monkeypatch, waived_now)
    assert missed(world) == [each for each in BUT_LOGIN if each != "refresh-daily"]


def test_what_another_run_told_meanwhile_is_told_once(world: CalendarWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(world)
    between(world, monkeypatch, lambda: world.another().collect(world.tenant))
    assert missed(world) == DAILY


def test_what_was_collected_meanwhile_is_not_missed(world: CalendarWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(world)

    def sealed_late() -> None:
        world.sign(DUE)
        world.another().collect(world.tenant)

    between(world, monkeypatch, sealed_late)
    assert missed(world) == []
    assert {event["meta"]["on_time"] for event in world.told("EVIDENCE_COLLECTED")} == {False}


def test_bundle_is_asked_for_so_often_and_then_no_more(world: CalendarWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "ATTEMPTS", 2)
    begun(world).sign(at(NEXT, HOUR))
    for number in range(3):
        moment = at(NEXT, HOUR) + number * RETRY_SECONDS
        world.collect(moment)
        for export in world.exports("running"):
            key = {"tenant": world.tenant, "export_id": export["export_id"]}
            if number:
                item = failed_item(world.settings.exports_table, world.tenant, export["export_id"], "STATES.TIMEOUT")
                world.write(moment, "DATA_EXPORT_FAILED", items=[item])
            else:
                world.archive.estate.delete("exports", key)  # one that is not there has failed as well
    assert asked_for(world) == [(str(MONDAY), "failed")]
    asked = [event["meta"]["export_id"] for event in world.told("DATA_EXPORT_STARTED")]
    assert len(asked) == 2
