"""The ticker invokes in order, never overlaps with itself and outlives failures."""

import logging
import threading
import time

import pytest

from infra.local.ticker import Ticker, invoker
from tests.local.tiny_stack import TinyStack


class Invocations:
    """Counts invocations and how many ran at once."""

    def __init__(self, *, wanted: int, seconds: float = 0.0, failure: str | None = None) -> None:
        self.made: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.enough = threading.Event()
        self._wanted, self._seconds, self._failure = wanted, seconds, failure

    def __call__(self, function: str) -> str | None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self._seconds)
        self.made.append(function)
        self.at_once -= 1
        if len(self.made) >= self._wanted:
            self.enough.set()
        return self._failure


def test_the_functions_have_their_turn_in_order_again_and_again() -> None:
    invocations = Invocations(wanted=4)
    ticker = Ticker(["seal", "digest"], invocations, period_seconds=0.01)
    ticker.start()
    assert invocations.enough.wait(5)
    ticker.stop()
    assert invocations.made[:4] == ["seal", "digest", "seal", "digest"]


def test_a_round_that_takes_longer_than_the_period_is_not_overlapped() -> None:
    invocations = Invocations(wanted=4, seconds=0.03)
    ticker = Ticker(["seal", "digest"], invocations, period_seconds=0.01)
    ticker.start()
    assert invocations.enough.wait(5)
    ticker.stop()
    assert invocations.most_at_once == 1


def test_a_failure_is_logged_and_the_next_function_has_its_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    invocations = Invocations(wanted=2, failure="the disk is full")
    ticker = Ticker(["seal", "digest"], invocations, period_seconds=60)
    with caplog.at_level(logging.WARNING):
        ticker.start()
        assert invocations.enough.wait(5)
        ticker.stop()
    assert invocations.made == ["seal", "digest"]
    assert "seal failed: the disk is full" in caplog.messages


def test_what_is_due_by_the_hour_has_its_turn_at_once_and_then_in_every_sixth_round() -> None:
    invocations = Invocations(wanted=16)
    ticker = Ticker(["seal"], invocations, period_seconds=0.001, seldom=["housekeeping", "cleanup"])
    ticker.start()
    assert invocations.enough.wait(5)
    ticker.stop()
    assert invocations.made[:11] == [
        *["housekeeping", "cleanup", "seal"],
        *["seal"] * 5,
        "housekeeping",
        "cleanup",
        "seal",
    ]


def test_nothing_is_invoked_after_the_stop() -> None:
    invocations = Invocations(wanted=1)
    ticker = Ticker(["seal"], invocations, period_seconds=0.01)
    ticker.start()
    assert invocations.enough.wait(5)
    ticker.stop()
    made = len(invocations.made)
    time.sleep(0.05)
    assert len(invocations.made) == made


def test_a_failed_function_is_a_failure(tiny_stack: TinyStack) -> None:
    invoke = invoker(tiny_stack.endpoint)
    assert invoke(tiny_stack.outputs["Echo"]) is None
    assert "the door is closed" in str(invoke(tiny_stack.outputs["Fail"]))
    assert "ResourceNotFoundException" in str(invoke("absent"))


def test_an_engine_that_is_gone_is_a_failure() -> None:
    assert "Could not connect" in str(invoker("http://127.0.0.1:1")("seal"))
