"""Functions take turns on this machine's processors instead of being throttled.

Vanilla starts an environment for each invocation that finds none idle, up to a limit for the whole
account, and answers the next with 429; a Map of a state machine alone can use that up. On AWS each
environment has a machine of its own and an account has a thousand of them. Here an invocation waits
until it can run, and the tasks of state machines wait behind a shorter queue of their own, so that
clients are not kept waiting by an export. What changes is when an invocation begins. One that has
waited for half a minute is throttled after all; ReservedConcurrentExecutions throttles at once, as
on AWS.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import os
import threading
from collections.abc import Callable
from typing import Any

from ministack.services import lambda_svc, stepfunctions

from infra.local.seams import Seam

_LAMBDA = "ministack.services.lambda_svc"
SEAMS = (
    Seam(_LAMBDA, "_acquire_execution_slot", ("func", "config")),
    Seam(_LAMBDA, "_release_execution_slot", ("key",)),
    Seam("ministack.services.stepfunctions", "_call_lambda", ("func_ref", "event")),
)

PROCESSORS = max(2, os.cpu_count() or 0)
# Handlers wait for the engine for most of their time: more of them than there are processors.
AT_ONCE = 4 * PROCESSORS
_PATIENCE_SECONDS = 30.0

Slot = tuple[str | None, str | None]


def _waiting(acquire: Callable[..., Slot], turns: threading.BoundedSemaphore) -> Callable[..., Slot]:
    def acquire_in_turn(func: dict[str, Any], config: dict[str, Any]) -> Slot:
        if not turns.acquire(timeout=_PATIENCE_SECONDS):
            return None, "account"
        slot, limit = acquire(func, config)
        if slot is None:
            turns.release()
        return slot, limit

    return acquire_in_turn


def _passing_on(
    release: Callable[[str | None], None], turns: threading.BoundedSemaphore
) -> Callable[[str | None], None]:
    def release_turn(key: str | None) -> None:
        release(key)
        if key is not None:
            turns.release()

    return release_turn


def _one_a_processor(call: Callable[[str, object], object]) -> Callable[[str, object], object]:
    turns = threading.BoundedSemaphore(PROCESSORS)

    def call_in_turn(func_ref: str, event: object) -> object:
        with turns:
            return call(func_ref, event)

    return call_in_turn


def apply() -> None:
    """Put a queue before all functions, and one before those of state machines."""
    turns = threading.BoundedSemaphore(AT_ONCE)
    lambda_svc._acquire_execution_slot = _waiting(lambda_svc._acquire_execution_slot, turns)
    lambda_svc._release_execution_slot = _passing_on(lambda_svc._release_execution_slot, turns)
    stepfunctions._call_lambda = _one_a_processor(stepfunctions._call_lambda)
