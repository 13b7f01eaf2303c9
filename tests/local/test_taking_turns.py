"""More invocations than the machine can run at once."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.deploy import client
from tests.local.test_http_api import call
from tests.local.test_runtime_client import invoke, run_state_machine
from tests.local.tiny_stack import TinyStack

CLIENTS = 40
PROCESSORS = max(2, os.cpu_count() or 0)


def test_every_client_is_answered_and_none_is_throttled(tiny_stack: TinyStack) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda at: call(tiny_stack, "GET", f"/{at}"), range(CLIENTS)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.event()["rawPath"] for answer in answers}) == CLIENTS


def test_many_invocations_at_once_share_a_few_environments(tiny_stack: TinyStack) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        told = list(clients.map(lambda _: invoke(tiny_stack, "Look"), range(CLIENTS)))
    assert {error for error, _ in told} == {None}
    assert len({payload["pid"] for _, payload in told}) <= 4 * PROCESSORS


def test_a_map_takes_as_many_environments_as_there_are_processors(tiny_stack: TinyStack) -> None:
    look = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": tiny_stack.outputs["Sleep"], "Payload": {"seconds": 0.05}},
        "OutputPath": "$.Payload",
        "End": True,
    }
    processor = {"StartAt": "Sleep", "States": {"Sleep": look}}
    items = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True}
    start = {"Type": "Pass", "Result": {"items": list(range(20))}, "Next": "Map"}
    ended = run_state_machine(tiny_stack, {"StartAt": "Start", "States": {"Start": start, "Map": items}})
    assert ended["status"] == "SUCCEEDED"
    environments = json.loads(ended["output"])
    assert len(environments) == 20
    assert len(set(environments)) <= PROCESSORS


def test_a_function_with_a_limit_of_its_own_is_throttled(tiny_stack: TinyStack) -> None:
    functions = client("lambda", tiny_stack.endpoint)
    name = tiny_stack.outputs["Unimportable"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        with pytest.raises(functions.exceptions.TooManyRequestsException):
            functions.invoke(FunctionName=name, Payload=b"{}")
    finally:
        functions.delete_function_concurrency(FunctionName=name)
