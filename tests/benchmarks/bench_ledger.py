"""What appending costs: with 1, 4 and 16 writers of one tenant, and per event as the log grows. Nothing is asserted.

Writers are threads with a ledger each, against the embedded AWS in a process of its own: the figures compare with each
other and say little about DynamoDB. Cost against length leaves the engine out: CPU and calls of the ledger alone.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from shared.audit.event import Actor, Draft, new_event_id
from shared.store.transaction import Contended, Ledger
from shared.store.wire import JsonService
from tests.embedded_aws import running_engine
from tests.functions.estate import Estate, MovableClock

SECONDS: Final = 3.0
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


def test_writers_of_one_tenant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    with running_engine(tmp_path) as engine:
        estate = Estate(engine.endpoint, MovableClock())
        for lanes in (1, 64):
            settings = replace(estate._ledger_settings(), log_lanes=lanes)
            for writers in (1, 4, 16):
                counting, tenant, gate = Counting(estate.dynamodb), f"b-{lanes}-{writers}", threading.Barrier(writers)

                def write(
                    _number: int,
                    ledger_of: tuple[Counting, Any] = (counting, settings),
                    tenant: str = tenant,
                    gate: threading.Barrier = gate,
                ) -> tuple[int, int]:
                    ledger, done, contended = Ledger(*ledger_of, time.time), 0, 0
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
                calls = counting.calls.total() / max(1, events)
                told.append(
                    f"{lanes} lanes, {writers} writers: {events / SECONDS:,.0f} events/s, {calls:.2f} calls an event, "
                    f"slowest writer {min(done for done, _ in results) / SECONDS:,.1f} events/s, "
                    f"{sum(contended for _, contended in results)} gave up"
                )
        estate.dynamodb.close()
        estate.close()
    with capsys.disabled():
        print("\n" + "\n".join(told))


def test_cost_of_an_event_as_the_log_grows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_engine(tmp_path) as engine:
        estate = Estate(engine.endpoint, MovableClock())
        settings = replace(estate._ledger_settings(), log_lanes=1)
        estate.close()
    nowhere, told, length = Counting(), [], 0
    ledger = Ledger(nowhere, settings, time.time)
    for goal in LENGTHS:
        while length < goal:
            ledger.commit("t_long", [], [event()])
            length += 1
        nowhere.calls.clear()
        began = time.process_time()
        for _ in range(SAMPLE):
            ledger.commit("t_long", [], [event()])
        spent = time.process_time() - began
        length += SAMPLE
        told.append(
            f"{goal:,} events: {1e6 * spent / SAMPLE:.0f} us CPU and {nowhere.calls.total() / SAMPLE:.2f} calls each"
        )
    with capsys.disabled():
        print("\n" + "\n".join(told))
