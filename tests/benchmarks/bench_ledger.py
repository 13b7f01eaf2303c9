"""What appending costs: with 1, 4 and 16 writers of one tenant, and per event as the log grows. Nothing is asserted.

`make bench` puts these figures into its table (`report`); `pytest -o python_files=bench_ledger.py` prints them alone.

Writers are threads with a ledger each, against the embedded AWS in a process of its own: the figures compare with each
other and say little about DynamoDB. Cost against length leaves the engine out: CPU and calls of the ledger alone.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from shared.audit.event import Actor, Draft, new_event_id
from shared.store.transaction import Contended, Ledger
from shared.store.wire import JsonService
from tests.embedded_aws import running_engine
from tests.functions.estate import Estate, MovableClock

SECONDS: Final = 3.0
WRITERS: Final = (1, 4, 16)
LENGTHS: Final = (1_000, 10_000, 100_000)
SAMPLE: Final = 500


class Counting:
    """Counts calls on their way to `wire`, or to nowhere: then everything is taken and nothing is kept."""

    def __init__(self, wire: JsonService | None = None) -> None:
        self._wire, self.calls = wire, Counter[str]()

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        self.calls[operation] += 1
        return {"Items": []} if self._wire is None else self._wire.call(operation, request, deadline=deadline)


def event() -> Draft:
    now, context = time.time(), {"request_id": "r", "country": "DE", "ip_net": "203.0.113.0/24"}
    return Draft(
        new_event_id(now), "AUTH_TOKEN_REFRESH", "success", Actor("user", "u_1", "member"), "session/s", context
    )


@dataclass(frozen=True, slots=True)
class Appending:
    """What so many writers did together: events a second, calls an event, and the events a second of the slowest."""

    lanes: int
    writers: int
    per_second: float
    calls: float
    slowest: float
    gave_up: int

    def text(self) -> str:
        lost = f", {self.gave_up} refused" if self.gave_up else ""
        return f"{self.per_second:,.0f} events/s, {self.calls:.2f} calls each{lost}"


@dataclass(frozen=True, slots=True)
class Growth:
    """What an event costs behind `length` others: CPU seconds and calls."""

    length: int
    seconds: float
    calls: float

    def text(self) -> str:
        return f"{1e6 * self.seconds:.0f} us, {self.calls:.2f} calls"


def appending(estate: Estate, lanes: int, writers: int) -> Appending:
    """Let so many threads append to one log, each with a ledger of its own."""
    settings = replace(estate._ledger_settings(), log_lanes=lanes)
    counting, tenant, gate = Counting(estate.dynamodb), f"b-{lanes}-{writers}", threading.Barrier(writers)

    def write(_number: int) -> tuple[int, int]:
        ledger, done, contended = Ledger(counting, settings, time.time), 0, 0
        gate.wait()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                ledger.commit(tenant, [], [event()])
                done += 1
            except Contended:
                contended += 1
        return done, contended

    with ThreadPoolExecutor(writers) as pool:
        results = list(pool.map(write, range(writers)))
    events = sum(done for done, _ in results)
    return Appending(
        lanes=lanes,
        writers=writers,
        per_second=events / SECONDS,
        calls=counting.calls.total() / max(1, events),
        slowest=min(done for done, _ in results) / SECONDS,
        gave_up=sum(contended for _, contended in results),
    )


def growth(estate: Estate) -> Iterator[Growth]:
    """Append to nowhere: what is measured is the ledger alone."""
    settings = replace(estate._ledger_settings(), log_lanes=1)
    nowhere, length = Counting(), 0
    ledger = Ledger(nowhere, settings, time.time)
    for goal in LENGTHS:
        while length < goal:
            ledger.commit("t_long", [], [event()])
            length += 1
        nowhere.calls.clear()
        began = time.process_time()
        for _ in range(SAMPLE):
            ledger.commit("t_long", [], [event()])
        yield Growth(goal, (time.process_time() - began) / SAMPLE, nowhere.calls.total() / SAMPLE)
        length += SAMPLE


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    with running_engine(tmp_path) as engine:
        estate = Estate(engine.endpoint, MovableClock())
        yield estate
        estate.dynamodb.close()
        estate.close()


def test_writers_of_one_tenant(estate: Estate, capsys: pytest.CaptureFixture[str]) -> None:
    told = [appending(estate, lanes, writers) for lanes in (1, 64) for writers in WRITERS]
    with capsys.disabled():
        for each in told:
            print(
                f"\n{each.lanes} lanes, {each.writers} writers: {each.text()}, "
                f"slowest writer {each.slowest:,.1f} events/s",
                end="",
            )


def test_cost_of_an_event_as_the_log_grows(estate: Estate, capsys: pytest.CaptureFixture[str]) -> None:
    told = [f"{each.length:,} events: {each.text()}" for each in growth(estate)]
    with capsys.disabled():
        print("\n" + "\n".join(told))
