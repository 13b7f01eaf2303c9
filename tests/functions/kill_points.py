"""Kill a job at every call that it makes: before the call, and after it took effect but its answer was lost.

    calls = undisturbed(lambda switch: Job(switch.service(wire), switch.client(s3)).run())
    for switch in every_state(calls):
        killed(switch, lambda: Job(switch.service(wire), switch.client(s3)).run())
        Job(wire, s3).run()  # the next run; then compare with the undisturbed one

How many calls there are is found out by counting them, so a job that makes one write more has one kill point more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import pytest

from shared.store.wire import JsonService

Moment = Literal["before", "after"]
_WRITES = frozenset({"TransactWriteItems", "put_object"})
_LEAVES_NOTHING = frozenset(
    {
        "GetItem",
        "Query",
        "get_object",
        "get_public_key",
        "head_object",
        "list_object_versions",
        "list_objects_v2",
        "sign",
    }
)


class Killed(BaseException):
    """The process ended here. No `except Exception` of the job can go on behind it."""


class KillSwitch:
    """Passes calls of what it wraps on and notes them; kills at call number `at` (from 0) and refuses all later ones.

    Without `at` it kills nothing. Calls may come from several threads.
    """

    def __init__(self, at: int | None = None, moment: Moment = "before") -> None:
        self.at = at
        self.moment = moment
        self.calls: list[str] = []
        self.dead = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"killed {self.moment} call {self.at}"

    def service(self, wire: JsonService) -> JsonService:
        """Wrap a wire client."""
        return _Service(self, wire)

    def client(self, boto: Any) -> Any:
        """Wrap a boto3 client: every operation of it is a call."""
        return _Client(self, boto)

    def through(self, name: str, call: Callable[[], Any]) -> Any:
        with self._lock:
            if self.dead:
                raise Killed(f"{name} of a process that has ended")
            number = len(self.calls)
            self.calls.append(name)
            self.dead = number == self.at
        if number != self.at:
            return call()
        if self.moment == "after":
            call()
        raise Killed(f"{self.moment} {name}, call {number}")


class _Service:
    def __init__(self, switch: KillSwitch, wire: JsonService) -> None:
        self._switch, self._wire = switch, wire

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        passed = self._switch.through(operation, lambda: self._wire.call(operation, request, deadline=deadline))
        answer: dict[str, Any] = passed
        return answer


class _Client:
    def __init__(self, switch: KillSwitch, boto: Any) -> None:
        self._switch, self._boto = switch, boto

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._boto, name)
        if name.startswith("_") or name in {"exceptions", "meta"}:
            return found
        if name in {"get_paginator", "get_waiter", "generate_presigned_url"}:
            raise NotImplementedError(f"the calls behind {name} would not be counted")
        return lambda **asked: self._switch.through(name, lambda: found(**asked))


def undisturbed(job: Callable[[KillSwitch], object]) -> Sequence[str]:
    """Run the job to its end; gives the calls that it made, in order."""
    switch = KillSwitch()
    job(switch)
    assert switch.calls, "the job made no call through the switch"
    return tuple(switch.calls)


def every_kill_point(calls: Sequence[str]) -> Iterator[KillSwitch]:
    """Give a switch for both moments of each call."""
    for number in range(len(calls)):
        yield KillSwitch(number, "before")
        yield KillSwitch(number, "after")


def every_state(calls: Sequence[str]) -> Iterator[KillSwitch]:
    """Give a switch for each state that a death at any call, before it or behind it, leaves to the next run.

    A call that reads or signs leaves nothing behind: a death on either side of it is the one after the write before.
    """
    unknown = {*calls} - _WRITES - _LEAVES_NOTHING
    assert not unknown, f"say of a call that is new here whether it writes: {unknown}"
    yield KillSwitch(0, "before")
    yield from (KillSwitch(number, "after") for number, call in enumerate(calls) if call in _WRITES)


def killed(switch: KillSwitch, job: Callable[[], object]) -> None:
    """Run the job into its death; a job that survives makes other calls than the one that was counted."""
    with pytest.raises(Killed):
        job()
    assert len(switch.calls) == (switch.at or 0) + 1
