"""Step Functions executions and the events of their end."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.evidence_machine import definition
from infra.local.deploy import client
from tests.local.test_stream_mapping import eventually
from tests.local.tiny_stack import TinyStack

WAIT = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}


@pytest.fixture(scope="module")
def machines(tiny_stack: TinyStack) -> Any:
    return client("stepfunctions", tiny_stack.endpoint)


def create(machines: Any, definition: dict[str, Any]) -> str:
    return str(
        machines.create_state_machine(
            name=f"machine-{time.time_ns()}",
            definition=json.dumps(definition),
            roleArn="arn:aws:iam::000000000000:role/any",
        )["stateMachineArn"]
    )


def test_an_execution_ends_at_the_timeout_of_its_machine_and_the_bus_hears_of_it(
    machines: Any,
    tiny_stack: TinyStack,
) -> None:
    machine = create(machines, {"TimeoutSeconds": 1, **WAIT})
    ended = ended_executions(tiny_stack, machine)
    execution = machines.start_execution(stateMachineArn=machine)["executionArn"]

    def status() -> str:
        return str(machines.describe_execution(executionArn=execution)["status"])

    assert eventually(lambda: status() == "TIMED_OUT")
    assert eventually(lambda: ended() == ["TIMED_OUT"])


def ended_executions(stack: TinyStack, machine: str) -> Any:
    queues, rules = client("sqs", stack.endpoint), client("events", stack.endpoint)
    queue = queues.create_queue(QueueName=f"ended-{time.time_ns()}")["QueueUrl"]
    attributes = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    name = f"ended-{time.time_ns()}"
    detail = {"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": [machine]}
    rules.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.states"], "detail": detail}))
    target = {"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}
    rules.put_targets(Rule=name, Targets=[target])
    heard: list[str] = []

    def listen() -> list[str]:
        for message in queues.receive_message(QueueUrl=queue).get("Messages", []):
            heard.append(json.loads(message["Body"])["detail"]["status"])
            queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return heard

    return listen


def test_starting_a_running_execution_again_gives_the_same_execution(machines: Any) -> None:
    machine = create(machines, WAIT)
    first = machines.start_execution(stateMachineArn=machine, name="export", input='{"a":1}')
    again = machines.start_execution(stateMachineArn=machine, name="export", input='{"a":1}')
    assert again["executionArn"] == first["executionArn"]
    machines.stop_execution(executionArn=first["executionArn"])


def test_starting_it_again_with_another_input_or_after_its_end_is_refused(machines: Any) -> None:
    machine = create(machines, WAIT)
    arn = machines.start_execution(stateMachineArn=machine, name="export", input="{}")
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        machines.start_execution(stateMachineArn=machine, name="export", input='{"a":1}')
    machines.stop_execution(executionArn=arn["executionArn"])
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        machines.start_execution(stateMachineArn=machine, name="export", input="{}")


def workers(machines: Any, stack: TinyStack, render: str) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    """Run the evidence machine over three shards; gives its status, its history and its workers' executions."""
    names = ("plan", "render", "manifest", "assemble", "finish", "fail")
    functions = {f"evidence_{name}": "Echo" for name in names} | {
        "evidence_plan": "PlanShards",
        "evidence_render": render,
    }
    lambdas = client("lambda", stack.endpoint)
    arns = {
        name: lambdas.get_function(FunctionName=stack.outputs[output])["Configuration"]["FunctionArn"]
        for name, output in functions.items()
    }
    listed = json.dumps([{"shard": number} for number in range(3)])
    client("s3", stack.endpoint).put_object(Bucket=stack.outputs["Notes"], Key="rendering/shards.json", Body=listed)
    machine = create(machines, definition(arns, stack.outputs["Notes"], 1))
    started = machines.start_execution(stateMachineArn=machine, input=json.dumps({"tenant": "acme", "export_id": "e"}))
    execution = started["executionArn"]

    def ended() -> bool:
        return str(machines.describe_execution(executionArn=execution)["status"]) != "RUNNING"

    assert eventually(ended)
    status = str(machines.describe_execution(executionArn=execution)["status"])
    history = machines.get_execution_history(executionArn=execution, maxResults=1_000)["events"]
    (run,) = machines.list_map_runs(executionArn=execution)["mapRuns"]
    return status, history, machines.list_executions(mapRunArn=run["mapRunArn"])["executions"]


def test_the_evidence_machine_reads_its_shards_from_the_working_folder_and_gathers_no_answer(
    machines: Any, tiny_stack: TinyStack
) -> None:
    status, history, children = workers(machines, tiny_stack, "Echo")
    assert status == "SUCCEEDED"
    described = [machines.describe_execution(executionArn=child["executionArn"]) for child in children]
    inputs = sorted((json.loads(child["input"]) for child in described), key=lambda each: int(each["shard"]))
    assert inputs == [{"tenant": "acme", "export_id": "e", "shard": number} for number in range(3)]
    assert sorted(child["output"] for child in described) == ["0", "1", "2"]
    details = [detail for event in history for name, detail in event.items() if name.endswith("EventDetails")]
    states = [detail[name] for detail in details for name in ("input", "output") if name in detail]
    answers = [state["answer"] for state in map(json.loads, states) if "answer" in state]
    assert {"rendered": 3} in answers
    assert max(map(len, states)) < 512


def test_the_evidence_machine_marks_its_export_as_failed_when_one_worker_fails(
    machines: Any, tiny_stack: TinyStack
) -> None:
    status, history, children = workers(machines, tiny_stack, "Fail")
    assert (status, {child["status"] for child in children}) == ("FAILED", {"FAILED"})
    entered = [event["stateEnteredEventDetails"] for event in history if "stateEnteredEventDetails" in event]
    (marked,) = [json.loads(each["input"]) for each in entered if each["name"] == "MarkFailed"]
    assert marked["error"]["Error"] == "States.ExceedToleratedFailureThreshold"
    assert (marked["tenant"], marked["export_id"]) == ("acme", "e")
    assert "Manifest" not in [each["name"] for each in entered]
