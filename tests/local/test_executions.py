"""Step Functions executions and the events of their end."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

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
