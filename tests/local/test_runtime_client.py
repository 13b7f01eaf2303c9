"""Functions run under awslambdaric."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from infra.local.deploy import client
from tests.local.tiny_stack import TinyStack


def invoke(stack: TinyStack, name: str, payload: object = None) -> tuple[str | None, Any]:
    functions = client("lambda", stack.endpoint)
    answer = functions.invoke(
        FunctionName=stack.outputs[name], Payload=json.dumps(payload if payload is not None else {})
    )
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def run_state_machine(stack: TinyStack, definition: dict[str, Any]) -> dict[str, Any]:
    machines = client("stepfunctions", stack.endpoint)
    machine = machines.create_state_machine(
        name=f"machine-{time.time_ns()}",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::000000000000:role/any",
    )["stateMachineArn"]
    execution = machines.start_execution(stateMachineArn=machine)["executionArn"]
    until = time.monotonic() + 10
    while time.monotonic() < until:
        described: dict[str, Any] = machines.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.05)
    raise AssertionError("the execution did not end")


def test_an_exception_keeps_its_type_and_its_stack_trace(tiny_stack: TinyStack) -> None:
    error, payload = invoke(tiny_stack, "Fail")
    assert error == "Unhandled"
    assert payload["errorType"] == "TooLateError"
    assert payload["errorMessage"] == "the door is closed"
    assert "tiny.py" in payload["stackTrace"][-1]


def test_an_environment_lives_on_after_an_exception(tiny_stack: TinyStack) -> None:
    _error, before = invoke(tiny_stack, "Look")
    failed, _payload = invoke(tiny_stack, "Look", {"modules": 5})
    _error, after = invoke(tiny_stack, "Look")
    assert failed == "Unhandled"
    assert before["pid"] == after["pid"]


def test_a_module_that_cannot_be_imported_is_reported_as_such(tiny_stack: TinyStack) -> None:
    _error, payload = invoke(tiny_stack, "Unimportable")
    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert "absent" in payload["errorMessage"]


def test_an_event_of_any_json_type_arrives_as_it_was_sent(tiny_stack: TinyStack) -> None:
    for event in (7, "text", [1, {"a": None}], {"version": "2.0"}):
        assert invoke(tiny_stack, "Echo", event) == (None, event)


def test_a_state_machine_catches_an_exception_by_its_name(tiny_stack: TinyStack) -> None:
    caught = {"ErrorEquals": ["TooLateError"], "Next": "Caught"}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": tiny_stack.outputs["Fail"]},
        "Catch": [caught],
        "End": True,
    }
    states = {"Try": task, "Caught": {"Type": "Succeed"}}
    ended = run_state_machine(tiny_stack, {"StartAt": "Try", "States": states})
    assert ended["status"] == "SUCCEEDED"


def test_a_warm_invocation_waits_for_neither_logs_nor_acknowledgements(
    tiny_stack: TinyStack,
) -> None:
    invoke(tiny_stack, "Echo")
    seconds = []
    for _ in range(15):
        began_at = time.perf_counter()
        invoke(tiny_stack, "Echo")
        seconds.append(time.perf_counter() - began_at)
    # The waits are 40 and 50 ms, each time; without them an invocation takes less than 10 where nothing else runs.
    assert min(seconds) < 0.035


ENDED = """
import threading
from ministack.core import lambda_runtime
from infra.local.patches import runtime_client

told, closed = threading.Event(), threading.Event()

class Server:
    def shutdown(self):
        assert told.wait(20), "whoever ended the environment has waited for its server"

    def server_close(self):
        closed.set()

runtime_client.apply()
ended = object.__new__(lambda_runtime._worker_class_for({"Runtime": "python3.13"}))
ended._server = Server()
ended._shutdown_server()
told.set()
assert closed.wait(20), "the server was left open"
assert ended._server is None
"""


def test_an_environment_that_ends_is_not_waited_for_and_leaves_no_server_open() -> None:
    ended = subprocess.run([sys.executable, "-c", ENDED], capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    assert ended.returncode == 0, ended.stderr


WRITTEN = """
import os, sys
from pathlib import Path
from infra.local.patches.runtime_client import _write_bootstrap

folder = Path(sys.argv[1])
seen = []
for name in ("write_text", "chmod"):
    def noted(self, *given, vanilla=getattr(Path, name), **named):
        vanilla(self, *given, **named)
        seen.append(folder.joinpath("bootstrap").exists())
    setattr(Path, name, noted)
_write_bootstrap(folder)
assert seen == [False, False], "it was there before it could be run"
assert os.access(folder / "bootstrap", os.X_OK)
_write_bootstrap(folder)
assert len(seen) == 2, "it was written again, while somebody else may have been reading it"
"""


def test_the_program_of_an_environment_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    asked = [sys.executable, "-c", WRITTEN, str(tmp_path)]
    written = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    assert written.returncode == 0, written.stderr
