"""A round of the sealer through all tenants: what one costs, who is left out, and what operators are told."""

import functools
import json
import random
import threading
import time
from typing import Any

import pytest

from functions.audit_seal import flow, handler
from functions.audit_seal.round import AT_ONCE, Course, Round
from functions.audit_seal.settings import Settings
from infra.concerns import CONCERNS
from shared.runtime.settings import from_environment
from shared.store.audit_logs import BrokenLaneError
from shared.store.wire import Unavailable
from tests.functions.archive import Archive, fresh_tenant
from tests.functions.company import archive
from tests.functions.conftest import Calls
from tests.functions.log_world import START, World, log_of

__all__ = ["archive"]

TENANTS = [f"t_{number}" for number in range(40)]


class Lambda:
    """What Lambda tells a function of its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1_000)


def all_the_time() -> bool:
    return True


def _fewer(served: list[str], enough: int) -> bool:
    return len(served) < enough


def test_an_idle_tenant_costs_two_reads_of_the_database_and_none_of_the_vault(archive: Archive, calls: Calls) -> None:
    world = World(archive, fresh_tenant("idle"))
    for rows in ((), log_of(world.tenant, {"0": 3})):
        world.append(rows)
        world.seal()
        calls.clear()
        vault = object()  # any call of it would fail
        assert world.sealer(vault=vault).seal(world.tenant) == 0
        assert calls.operations() == ["GetItem", "Query"]


FAULTS = (BrokenLaneError("lane t_7#1#0: 5 does not follow 3"), Unavailable("no answer"), KeyError("lanes"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_one_tenants_fault_stops_nobody_and_is_told_whatever_it_is(fault: Exception) -> None:
    def work(tenant: str) -> int:
        if tenant == "t_7":
            raise fault
        return 2

    outcome = Round().serve(TENANTS, work, all_the_time)
    assert set(outcome.segments) == set(TENANTS) - {"t_7"}
    assert outcome.faults == {"t_7": fault}
    assert outcome.postponed == []


def test_several_tenants_are_served_at_once() -> None:
    """Each waits for all others of its turn: served one after the other, the first would wait in vain."""
    turn = threading.Barrier(AT_ONCE)
    outcome = Round().serve(TENANTS, lambda _tenant: turn.wait(timeout=10), all_the_time)
    assert outcome.faults == {}
    assert len(outcome.segments) == len(TENANTS)


def test_a_tenant_that_was_left_out_and_is_gone_by_the_next_round_is_not_served() -> None:
    rounds = Round()
    assert sorted(rounds.serve(TENANTS, lambda _: 0, lambda: False).postponed) == sorted(TENANTS)
    assert set(rounds.serve(TENANTS[1:], lambda _: 0, all_the_time).segments) == set(TENANTS[1:])


def test_tenants_that_the_time_did_not_suffice_for_come_first_in_the_next_round() -> None:
    rounds, served = Round(at_once=1), list[str]()

    def work(tenant: str) -> int:
        served.append(tenant)
        return 0

    for number in range(1, 5):
        outcome = rounds.serve(TENANTS, work, functools.partial(_fewer, served, 10 * number))
        assert len(outcome.postponed) == 30
    assert sorted(served) == sorted(TENANTS)  # four rounds of ten: nobody twice before everybody once


def test_a_new_execution_environment_begins_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "shuffle", random.Random(1).shuffle)  # noqa: S311 - a test's own dice
    firsts = set()
    for _ in range(8):
        served: list[str] = []
        Round(at_once=1).serve(TENANTS, lambda tenant, served=served: served.append(tenant) or 0, all_the_time)  # type: ignore[misc]  # bound for each
        assert sorted(served) == sorted(TENANTS)
        firsts.add(served[0])
    assert len(firsts) > 4


def test_no_segment_is_begun_when_the_time_is_short_and_the_next_run_goes_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "SEGMENT_BYTES", 1_000)
    tenant = fresh_tenant("long")
    world = World(archive, tenant, log_of(tenant, {"0": 9}))
    answers = iter([True, False])
    course = Course(lambda: next(answers))
    assert world.sealer().seal(tenant, course) == 1
    assert course.oldest == "2026-09-21T14:13:21.000Z"
    world.seal()
    assert world.sealed_lines() == world.lines()


@pytest.fixture
def deployment(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> World:
    """Let the handler seal a world in which one log is sound and one is broken."""
    world = World(archive, fresh_tenant("sound"))
    world.append(log_of(world.tenant, {"0": 2}))
    settings = from_environment(Settings, world.environ)
    sealer = flow.Sealer(world.estate.dynamodb, world.vault, settings)
    monkeypatch.setattr(handler, "_wiring", lambda: sealer)
    monkeypatch.setattr(handler, "_round", Round())
    return world


def run(tenants: list[str], monkeypatch: pytest.MonkeyPatch, seconds: float = 290.0) -> dict[str, Any]:
    monkeypatch.setattr(handler, "tenant_ids", lambda *_: iter(tenants))
    return handler.handler({}, Lambda(seconds))


def metrics_in(text: str) -> dict[str, list[float]]:
    """Read the metrics of a run as CloudWatch would; asserts where they go."""
    (line,) = [json.loads(each) for each in text.splitlines() if '"_aws"' in each]
    (metric,) = line["_aws"]["CloudWatchMetrics"]
    assert (metric["Namespace"], metric["Dimensions"]) == ("Muniment", [["service"]])
    assert line["service"] == "audit_seal"
    return {each["Name"]: line[each["Name"]] for each in metric["Metrics"]}


def test_a_run_measures_how_long_the_oldest_event_waited_and_names_no_tenant(
    deployment: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(time, "time", lambda: START + 1_001)
    assert run([deployment.tenant], monkeypatch) == {"tenants": 1, "segments": 1, "postponed": 0}
    told = capsys.readouterr().out
    assert metrics_in(told) == {
        "AuditSealLag": [1_000.0],
        "AuditSealFailed": [0.0],
        "AuditLaneBroken": [0.0],
        "AuditSealPostponed": [0.0],
    }
    assert deployment.tenant not in told
    run([deployment.tenant], monkeypatch)
    assert metrics_in(capsys.readouterr().out)["AuditSealLag"] == [0.0]


def test_a_broken_log_is_measured_told_and_raised_when_all_others_are_sealed(
    deployment: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = fresh_tenant("broken")
    deployment.append([])
    table = deployment.environ["AUDIT_LOGS_TABLE"]
    row = {"log_lane": {"S": f"{broken}#1#0"}, "seq": {"N": "1"}, "line": {"S": "{"}, "leaf": {"S": "0" * 64}}
    deployment.estate.dynamodb.call("PutItem", {"TableName": table, "Item": row})
    with pytest.raises(ExceptionGroup, match=f"{broken}: BrokenLaneError"):
        run([broken, deployment.tenant], monkeypatch)
    told = capsys.readouterr().out
    measured = metrics_in(told)
    assert (measured["AuditSealFailed"], measured["AuditLaneBroken"]) == ([1.0], [1.0])
    (line,) = [json.loads(each) for each in told.splitlines() if '"ERROR"' in each]
    assert (line["tenant"], line["fault"]) == (broken, "BrokenLaneError")
    assert deployment.sealed_lines() == [
        row["line"].encode() for row in deployment.estate.rows("audit_logs") if deployment.tenant in row.get("line", "")
    ]


def test_without_time_nobody_is_begun_and_the_run_says_so(
    deployment: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = run([deployment.tenant], monkeypatch, seconds=handler.SPARE_SECONDS)
    assert answer == {"tenants": 0, "segments": 0, "postponed": 1}
    assert metrics_in(capsys.readouterr().out)["AuditSealPostponed"] == [1.0]
    assert run([deployment.tenant], monkeypatch)["segments"] == 1


def test_the_time_that_is_spared_lies_within_the_time_of_the_function() -> None:
    (concern,) = [each for each in CONCERNS if each.name == "audit_seal"]
    assert concern.timeout_seconds / 2 > handler.SPARE_SECONDS
