"""A Step Functions execution ends at its timeout, and starting it again is idempotent.

Vanilla never ends an execution at the state machine's own TimeoutSeconds, so TIMED_OUT does not
occur, and answers each second start with ExecutionAlreadyExists. On AWS the execution becomes
TIMED_OUT, with an event on the bus, and StartExecution with the name and the input of an execution
that still runs gives that execution again (StartExecution, API reference).
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import contextvars
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ministack.services import stepfunctions

from infra.local.seams import Seam

_SERVICE = "ministack.services.stepfunctions"
SEAMS = (
    Seam(_SERVICE, "_start_execution", ("data",)),
    Seam(_SERVICE, "_executions", kind="AccountRegionScopedDict"),
    Seam(_SERVICE, "_state_machines", kind="AccountRegionScopedDict"),
    Seam(_SERVICE, "_resolve_state_machine_arn", ("arn",)),
    Seam(_SERVICE, "_emit_execution_status_event", ("execution",)),
    Seam(_SERVICE, "_add_event", ("execution", "event_type", "details")),
)

Answer = tuple[int, dict[str, str], bytes]


def _starting(start: Callable[[dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    def start_once(data: dict[str, Any]) -> Answer:
        running = _running(data)
        if running is not None:
            told = {name: running[name] for name in ("executionArn", "startDate")}
            repeated: Answer = stepfunctions.json_response(told)
            return repeated
        answer = start(data)
        if answer[0] == HTTPStatus.OK:
            _limit(stepfunctions._executions[json.loads(answer[2])["executionArn"]])
        return answer

    return start_once


def _running(data: dict[str, Any]) -> dict[str, Any] | None:
    machine = stepfunctions._resolve_state_machine_arn(data.get("stateMachineArn", ""))
    if machine is None or not data.get("name"):
        return None
    named = f"{machine.replace(':stateMachine:', ':execution:')}:{data['name']}"
    execution: dict[str, Any] | None = stepfunctions._executions.get(named)
    if execution is None or execution["status"] != "RUNNING":
        return None
    return execution if execution["input"] == data.get("input", "{}") else None


def _limit(execution: dict[str, Any]) -> None:
    machine = stepfunctions._state_machines[execution["stateMachineArn"]]
    seconds = json.loads(machine["definition"]).get("TimeoutSeconds")
    if seconds is not None:
        # The account and the region of the request are context variables.
        scope = contextvars.copy_context()
        timer = threading.Timer(float(seconds), scope.run, (_time_out, execution))
        timer.daemon = True
        timer.start()


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] == "RUNNING":
        execution["status"] = "TIMED_OUT"
        execution["stopDate"] = stepfunctions.now_iso()
        stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
        stepfunctions._emit_execution_status_event(execution)


def apply() -> None:
    """Wrap StartExecution."""
    stepfunctions._start_execution = _starting(stepfunctions._start_execution)
