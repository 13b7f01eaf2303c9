"""No lane of a signed log loses its last row to expiry; a log that nobody signs ends, and never begins again."""

from collections.abc import Iterator, Mapping

import pytest

from shared.audit.moment import unix_seconds
from shared.store.audit_logs import EXPIRY_MARGIN_SECONDS, BrokenLaneError
from shared.store.transaction import LogExpired
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive
from tests.functions.log_world import START, World, log_of

__all__ = ["archive"]

DAY = 86_400


@pytest.fixture
def tenant() -> str:
    return fresh_tenant("turns")


def youngest(world: World, now: float) -> Mapping[str, float]:
    """Give the age of each lane's last event, in seconds."""
    ages: dict[str, float] = {}
    for event in world.estate.events(world.tenant):
        ages[event["lane"]] = min(now - unix_seconds(event["time"]), ages.get(event["lane"], now))
    return ages


def days(world: World, number: int) -> Iterator[float]:
    """Let the days of an idle log go by: each is sealed and signed once; gives the time of each."""
    clock = SetClock(START + 100)
    for _ in range(number):
        world.seal()
        assert world.digester(clock).sign(world.tenant) is not None
        yield clock.now
        clock.now += DAY + 1


def idle_log(archive: Archive, tenant: str, lanes: int, ttl_days: int) -> World:
    world = World(archive, tenant, log_of(tenant, {str(lane): 1 for lane in range(lanes)}))
    world.environ |= {"AUDIT_LOG_TTL_SECONDS": str(ttl_days * DAY)}
    return world


def test_each_lane_of_an_idle_log_gets_an_event_before_its_last_one_expires(archive: Archive, tenant: str) -> None:
    """Five lanes and a fifth of the days stand for all: what counts is digests per lane (tests/infra has the rest)."""
    lanes, ttl = 5, 15
    world = idle_log(archive, tenant, lanes, ttl)
    oldest = [max(youngest(world, now).values()) for now in days(world, lanes + 3)]
    assert max(oldest) <= (lanes + 1) * (DAY + 1) < ttl * DAY - EXPIRY_MARGIN_SECONDS
    assert oldest[-1] >= (lanes - 2) * DAY, "the log was not idle"
    assert len(youngest(world, START)) == lanes


def test_a_log_that_nobody_sealed_or_signed_until_it_expired_stops_everywhere_and_never_forks(
    archive: Archive, tenant: str
) -> None:
    world = World(archive, tenant)
    world.environ |= {"LOG_LANES": "64", "AUDIT_LOG_TTL_SECONDS": str(180 * DAY)}
    world.write(tenant, START + 50)
    expired = SetClock(START + 200 * DAY)
    world.write(tenant, START + 60)
    world.seal()
    assert world.digester(SetClock(START + 70)).sign(tenant) == 1
    before = world.lines()
    for row in world.estate.rows("audit_logs"):
        if "ttl" in row:
            key = {"log_lane": {"S": row["log_lane"]}, "seq": {"N": str(row["seq"])}}
            world.estate.dynamodb.call("DeleteItem", {"TableName": world.environ["AUDIT_LOGS_TABLE"], "Key": key})
    with pytest.raises(BrokenLaneError, match="does not hold its sealed event"):
        world.seal()
    with pytest.raises(BrokenLaneError, match="does not hold its sealed event"):
        world.digester(expired).sign(tenant)
    with pytest.raises(LogExpired, match="begin a new epoch"):
        world.write(tenant, expired.now)
    assert world.lines() == []
    assert len(before) == 3
    assert len(world.sealed_lines()) == 2
