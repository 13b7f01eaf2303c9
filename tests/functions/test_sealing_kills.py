"""Killed at every call, a run of the sealer or of the digester leaves what the next one makes an undisturbed one of."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from functions.audit_seal import flow
from shared.audit.merkle import Frontier, leaf_hash
from shared.store.audit_seals import read_seal_head
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive
from tests.functions.kill_points import Killed, KillSwitch, every_state, killed, undisturbed
from tests.functions.log_world import START, Rows, World, log_of

__all__ = ["archive"]

LANES = {"0": 3, "1": 2, "7": 3}
MORE = {"0": 1, "1": 2, "7": 1}


@pytest.fixture
def tenant() -> str:
    return fresh_tenant("killed")


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "SEGMENT_BYTES", 3_000)


def continued(tenant: str, rows: Rows, more: dict[str, int]) -> Rows:
    """Write what comes behind `rows`."""
    ends = {lane: (seq, line.leaf) for lane, seq, line in rows}
    return log_of(tenant, more, ends, START + 50)


def test_a_sealer_killed_at_any_call_is_healed_by_the_next_run(archive: Archive, tenant: str) -> None:
    rows = log_of(tenant, LANES)
    whole = World(archive, tenant, rows)
    calls = undisturbed(whole.seal)
    expected = whole.outcome()
    assert calls.count("TransactWriteItems") == len(expected["objects"]) > 1  # several segments, and all lanes in them
    assert sorted(whole.sealed_lines()) == sorted(whole.lines())
    for switch in every_state(calls):
        world = World(archive, tenant, rows)
        killed(switch, lambda world=world, switch=switch: world.seal(switch))  # type: ignore[misc]  # bound for each
        world.seal()
        assert world.outcome() == expected, switch
        assert world.seal() == 0


def test_life_that_went_on_after_the_kill_is_sealed_once_and_whole(archive: Archive, tenant: str) -> None:
    rows = log_of(tenant, LANES)
    more = continued(tenant, rows, MORE)
    calls = undisturbed(World(archive, tenant, rows).seal)
    for switch in every_state(calls):
        world = World(archive, tenant, rows)
        killed(switch, lambda world=world, switch=switch: world.seal(switch))  # type: ignore[misc]  # bound for each
        world.append(more)
        while world.seal():
            pass
        assert_one_log(world)


def assert_one_log(world: World) -> None:
    """Every event of the table is sealed once, each lane in its order, each object once, and the head says so."""
    lines = world.sealed_lines()
    assert sorted(lines) == sorted(world.lines())
    assert {len(bodies) for bodies in world.versions().values()} == {1}
    head = read_seal_head(world.estate.dynamodb, world.environ["AUDIT_SEALS_TABLE"], world.tenant, 1)
    assert head.frontier == Frontier().extend(map(leaf_hash, lines))
    assert {lane: end.seq for lane, end in head.lanes.items()} == ends_of(world)
    assert len(world.seal_rows()) == head.segment + 1 == len(world.versions()) + 1


def ends_of(world: World) -> dict[str, int]:
    ends: dict[str, int] = {}
    for row in world.estate.rows("audit_logs"):
        lane = row["log_lane"].rpartition("#")[2]
        ends[lane] = max(ends.get(lane, 0), row["seq"])
    return ends


def test_two_sealers_at_work_at_once_make_one_log(archive: Archive, tenant: str) -> None:
    rows = log_of(tenant, {"0": 20, "1": 20, "7": 20})
    world = World(archive, tenant, rows)
    more = continued(tenant, rows, {"0": 15, "1": 15, "7": 15})
    together, written = Barrier(3), Event()

    def seal() -> None:
        together.wait()
        while not written.is_set() or world.seal():
            world.seal()

    def live() -> None:
        together.wait()
        for row in more:
            world.append([row])
        written.set()

    with ThreadPoolExecutor(3) as threads:
        for each in [threads.submit(work) for work in (seal, seal, live)]:
            each.result()
    world.seal()
    assert_one_log(world)


def test_a_digester_killed_at_any_call_is_healed_by_the_next_run(archive: Archive, tenant: str) -> None:
    rows = log_of(tenant, LANES)
    more = continued(tenant, rows, MORE)

    def sealed() -> World:
        world = World(archive, tenant, rows)
        world.seal()
        world.append(more)  # a tail that the digest has to speak of
        return world

    def sign(world: World) -> Callable[[KillSwitch], object]:
        return lambda switch: world.wrapped(switch).digester(SetClock(START + 100)).sign(tenant)

    whole = sealed()
    calls = undisturbed(sign(whole))
    expected = whole.outcome()
    assert sum("/seg/" in key for key in expected["objects"]) > 1
    assert [event["action"] for event in expected["events"]].count("AUDIT_DIGEST_SIGNED") == 1
    for switch in every_state(calls):
        world = sealed()
        killed(switch, lambda world=world, switch=switch: sign(world)(switch))  # type: ignore[misc]  # bound for each
        world.digester(SetClock(START + 100)).sign(tenant)
        assert world.outcome() == expected, switch


def test_the_switch_kills_before_and_after_and_for_good() -> None:
    done: list[str] = []

    class Wire:
        def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
            del request, deadline
            done.append(operation)
            return {}

    for moment, effects in (("before", ["a"]), ("after", ["a", "b"])):
        done.clear()
        switch = KillSwitch(1, moment)  # type: ignore[arg-type]  # one of the two
        wire = switch.service(Wire())
        wire.call("a", {})
        for operation in ("b", "c"):
            with pytest.raises(Killed):
                wire.call(operation, {})
        assert done == effects
