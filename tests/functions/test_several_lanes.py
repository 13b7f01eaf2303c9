"""Logs of several lanes: a rival's segment over all of them, and the digest's own event in another lane."""

import json
from typing import Any

import pytest

from shared.evidence.segment import continued as followed
from shared.evidence.segment import pack, parse
from shared.store.audit_logs import BrokenLaneError
from shared.store.audit_seals import read_seal_head
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive
from tests.functions.log_world import START, World, log_of

__all__ = ["archive"]

LANES = {"0": 3, "1": 2, "7": 2}


@pytest.fixture
def world(archive: Archive) -> World:
    tenant = fresh_tenant("lanes")
    return World(archive, tenant, log_of(tenant, LANES))


def key_of(world: World) -> str:
    return f"log/v1/local/{world.tenant}/1/seg/000000000001.ndjson.gz"


def in_sealing_order(world: World) -> list[bytes]:
    return sorted(world.lines(), key=lambda line: (int(parse(line).lane), parse(line).seq))


def more_of(world: World) -> None:
    """Append behind each lane, after a rival has read them."""
    ends = {event["lane"]: (event["seq"], parse(canonical_of(world, event)).leaf.hex()) for event in events_of(world)}
    world.append(log_of(world.tenant, {"0": 2, "1": 1, "7": 1}, ends))


def events_of(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in in_sealing_order(world)]


def canonical_of(world: World, event: dict[str, Any]) -> bytes:
    return next(line for line in world.lines() if json.loads(line)["id"] == event["id"])


def sealed_wholly(world: World) -> bool:
    followed({}, [parse(line) for line in world.sealed_lines()])
    return sorted(world.sealed_lines()) == sorted(world.lines())


def test_a_rivals_segment_that_is_longer_than_what_the_table_holds_of_a_lane_is_refused(
    world: World,
) -> None:
    body = pack([parse(line) for line in in_sealing_order(world)])
    world.vault.put_once(key_of(world), body, "application/x-ndjson")
    world.estate.dynamodb.call(
        "DeleteItem",
        {
            "TableName": world.environ["AUDIT_LOGS_TABLE"],
            "Key": {"log_lane": {"S": f"{world.tenant}#1#7"}, "seq": {"N": "2"}},
        },
    )
    with pytest.raises(BrokenLaneError, match="does not hold the events of the table"):
        world.seal()
    assert world.sealed_lines() == []


def test_a_rivals_segment_over_several_lanes_is_adopted_when_all_of_them_have_grown(world: World) -> None:
    lines = in_sealing_order(world)
    body = pack([parse(line) for line in lines])
    world.vault.put_once(key_of(world), body, "application/x-ndjson")
    more_of(world)
    assert world.seal() == 1
    assert world.sealed_lines() == lines
    assert world.seal() == 1
    assert world.versions()[key_of(world)] == [body]
    assert sealed_wholly(world)


@pytest.mark.parametrize("taken", [4, 6, 8])
def test_a_rivals_segment_that_ends_within_a_lane_is_adopted_and_each_lane_is_continued(
    world: World, taken: int
) -> None:
    """A rival of smaller segments: cut behind an opening, between two lanes, within the last one."""
    lines = in_sealing_order(world)
    world.vault.put_once(key_of(world), pack([parse(line) for line in lines[:taken]]), "application/x-ndjson")
    more_of(world)
    while world.seal():
        pass
    assert world.sealed_lines()[:taken] == lines[:taken]
    assert sealed_wholly(world)


def test_of_two_versions_that_both_hold_the_lines_of_the_table_the_oldest_is_adopted(world: World) -> None:
    """The first one is ours: whoever lays a shorter one over it must not decide where a segment ends."""
    lines = in_sealing_order(world)
    for taken in (8, 4):
        body = pack([parse(line) for line in lines[:taken]])
        world.s3.put_object(Bucket=world.vault_name, Key=key_of(world), Body=body)
    oldest = world.vault.versions(key_of(world))[0]
    assert world.seal() == 1
    (row,) = [row for row in world.seal_rows() if row["seal"].startswith("segment#")]
    assert (row["version_id"], row["events"]) == (oldest, 8)


def test_the_digests_own_event_goes_into_the_open_lanes_in_turn_and_the_next_digest_covers_it(world: World) -> None:
    places = []
    clock = SetClock(START + 100)
    for number in (1, 2, 3):
        world.seal()
        assert world.digester(clock).sign(world.tenant) == number
        (signed,) = [each for each in events_of(world) if each["meta"].get("no") == number]
        places.append(signed["lane"])
        clock.now += 86_401
    assert places == ["1", "7", "0"]
    digest = world.document(f"log/v1/local/{world.tenant}/1/digest/000000000003.json")
    head = read_seal_head(world.estate.dynamodb, world.environ["AUDIT_SEALS_TABLE"], world.tenant, 1)
    assert digest["lanes"] == {lane: {"seq": end.seq, "hash": end.leaf} for lane, end in head.lanes.items()}
    assert digest["source"]["last"] == {"0": 5, "1": 3, "7": 3}
    assert digest["source"]["unsealed"] == 0
    world.seal()
    assert sealed_wholly(world)
