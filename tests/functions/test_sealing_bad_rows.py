"""Rows that no writer put there, and objects in the place of a segment: named, and nothing behind them sealed."""

from collections.abc import Callable

import pytest

from shared.audit.canonical import canonical
from shared.audit.merkle import leaf_hash
from shared.evidence.segment import pack, parse
from shared.store.audit_logs import BrokenLaneError, Head, entries_after, lane_key
from tests.functions.archive import Archive, fresh_tenant
from tests.functions.company import archive
from tests.functions.kill_points import KillSwitch, killed
from tests.functions.log_world import World, log_of

__all__ = ["archive"]


@pytest.fixture
def world(archive: Archive) -> World:
    tenant = fresh_tenant("bad")
    return World(archive, tenant, log_of(tenant, {"0": 4, "1": 2}))


def line_of(world: World, seq: int, /, **changed: object) -> str:
    """Give the line of a row of lane 0, with members changed."""
    members = dict(parse(world.lines()[seq - 1]).members)
    return canonical(members | changed).decode()


def honest(line: str) -> dict[str, object]:
    return {"line": line, "leaf": leaf_hash(line.encode()).hex()}


BAD_ROWS: dict[str, Callable[[World], dict[str, object]]] = {
    "not JSON": lambda _: honest("{"),
    "no object": lambda _: honest("[]"),
    "nested beyond reading": lambda _: honest("[" * 100_000),
    "not canonical": lambda world: honest(line_of(world, 3).replace('":', '": ', 1)),
    "two lines in one": lambda world: honest(line_of(world, 3).replace(',"', ',\n"', 1)),
    "a float": lambda world: honest(line_of(world, 3).replace('"v":1', '"v":1.5')),
    "another tenant": lambda world: honest(line_of(world, 3, tenant="t_other")),
    "another epoch": lambda world: honest(line_of(world, 3, epoch=2)),
    "another lane": lambda world: honest(line_of(world, 3, lane="1")),
    "another number": lambda world: honest(line_of(world, 3, seq=4)),
    "another predecessor": lambda world: honest(line_of(world, 3, prev="0" * 64)),
    "no instant": lambda world: honest(line_of(world, 3, time="yesterday")),
    "no action": lambda world: honest(line_of(world, 3, action=None)),
    "another leaf than its line": lambda world: {"line": line_of(world, 3), "leaf": "f" * 64},
    "no leaf": lambda world: {"line": line_of(world, 3)},
    "no line": lambda _: {"leaf": "f" * 64},
}


@pytest.mark.parametrize("bad", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_no_writer_put_there_is_named_and_nothing_behind_it_is_sealed(
    world: World, bad: Callable[[World], dict[str, object]]
) -> None:
    lines = world.lines()
    world.put_row("0", 3, **bad(world))
    for _ in range(2):
        with pytest.raises(BrokenLaneError, match=rf"lane {world.tenant}#1#0"):
            world.seal()
        assert world.sealed_lines() == lines[:2]  # what stands before it is locked all the same


def test_a_row_behind_a_gap_is_not_sealed(world: World) -> None:
    lines = world.lines()
    world.seal()
    world.put_row("1", 9, **honest(line_of(world, 1, lane="1", seq=9)))
    with pytest.raises(BrokenLaneError, match="9 does not follow 2"):
        world.seal()
    assert sorted(world.sealed_lines()) == sorted(lines)


def test_rows_that_begin_behind_the_sealed_head_are_not_sealed(world: World) -> None:
    """Take away the sealed event, and put its leaf upon a row that lies further on."""
    lines = world.lines()
    world.seal()
    leaf = parse(lines[4]).leaf.hex()
    key = {"log_lane": {"S": lane_key(world.tenant, 1, "0")}, "seq": {"N": "5"}}
    world.estate.dynamodb.call("DeleteItem", {"TableName": world.environ["AUDIT_LOGS_TABLE"], "Key": key})
    world.put_row("0", 7, line=line_of(world, 3, seq=7), leaf=leaf)
    with pytest.raises(BrokenLaneError, match="does not hold its sealed event 5"):
        world.seal()
    assert sorted(world.sealed_lines()) == sorted(lines)


def test_a_row_that_names_its_predecessor_across_a_gap_is_not_sealed(world: World) -> None:
    lines = world.lines()
    world.seal()
    last, lane = parse(lines[4]).leaf.hex(), lane_key(world.tenant, 1, "0")
    world.put_row("0", 9, **honest(line_of(world, 3, seq=9, prev=last)))
    with pytest.raises(BrokenLaneError, match="9 does not follow 5"):
        world.seal()
    behind = entries_after(world.estate.dynamodb, world.environ["AUDIT_LOGS_TABLE"], lane, Head(5, last))
    with pytest.raises(BrokenLaneError, match="9 does not follow 5"):
        next(behind)
    assert sorted(world.sealed_lines()) == sorted(lines)


def died_behind_its_put(world: World) -> str:
    """Let a run die when its segment lies in the vault and no row names it; gives the version."""
    killed(switch := KillSwitch(3, "after"), lambda: world.seal(switch))
    assert switch.calls[-1] == "put_object"
    (version,) = world.vault.versions(key_of(world))
    return version


def key_of(world: World) -> str:
    return f"log/v1/local/{world.tenant}/1/seg/000000000001.ndjson.gz"


def test_a_newer_version_on_top_of_a_segment_is_passed_over(world: World) -> None:
    version = died_behind_its_put(world)
    for body in (b"no gzip", pack([parse(line_of(world, 1, actor=None).encode())])):
        world.s3.put_object(Bucket=world.vault_name, Key=key_of(world), Body=body)
    assert world.seal() == 1
    (row,) = [row for row in world.seal_rows() if row["seal"].startswith("segment#")]
    assert row["version_id"] == version
    assert sorted(world.sealed_lines()) == sorted(world.lines())


def test_behind_a_delete_marker_the_log_goes_on_in_another_version_and_does_not_fork(world: World) -> None:
    first = died_behind_its_put(world)
    world.s3.delete_object(Bucket=world.vault_name, Key=key_of(world))
    assert world.seal() == 1
    (row,) = [row for row in world.seal_rows() if row["seal"].startswith("segment#")]
    assert row["version_id"] != first
    before, sealed = (world.vault.read(key_of(world), version) for version in (first, row["version_id"]))
    assert before == sealed  # the same events give the same bytes
    assert sorted(world.sealed_lines()) == sorted(world.lines())
    assert world.seal() == 0


@pytest.mark.parametrize("events", [1, 3])
def test_a_rivals_shorter_segment_is_adopted_and_the_next_run_goes_on(world: World, events: int) -> None:
    lines = [line for line in world.lines() if b'"lane":"0"' in line]
    body = pack([parse(line) for line in lines[:events]])
    assert world.vault.put_once(key_of(world), body, "application/x-ndjson")
    while world.seal():
        pass
    assert world.versions()[key_of(world)] == [body]
    assert sorted(world.sealed_lines()) == sorted(world.lines())
    assert world.sealed_lines()[:events] == lines[:events]


def test_a_bomb_in_the_place_of_a_segment_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.audit_seal.flow._LONGEST_ADOPTED", 10_000)
    line = line_of(world, 1)
    assert world.vault.put_once(key_of(world), pack([parse(line.encode())] * 100), "application/x-ndjson")
    with pytest.raises(BrokenLaneError, match="does not hold the events of the table"):
        world.seal()
    assert world.sealed_lines() == []
