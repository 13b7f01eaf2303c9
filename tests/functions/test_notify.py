"""Delivery of effects: at least once over the wire, once in effect, and nothing is lost for another one's fault."""

import json
import secrets
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from functions.notify import handler as notify
from shared.store.attribute import Row, marshal, unmarshal
from shared.store.outbox import effect
from tests.functions.archive import Archive
from tests.functions.company import archive

__all__ = ["archive"]

CONTEXT = SimpleNamespace(function_name="notify", aws_request_id="r")
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})


class Machine:
    """The state machine of one test, and the outbox beside it."""

    def __init__(self, archive: Archive, client: Any) -> None:
        self._archive, self._client = archive, client
        self.table = archive.environ["OUTBOX_TABLE"]
        self.arn: str = client.create_state_machine(
            name=f"evidence-{secrets.token_hex(4)}",
            definition=DEFINITION,
            roleArn="arn:aws:iam::000000000000:role/none",
        )["stateMachineArn"]

    def put(self, *, kind: str = "start_export", age: float = 0) -> Row:
        """Put an effect as a transaction would have, `age` seconds ago."""
        effect_id = f"exp_{secrets.token_hex(12)}"
        payload = {"tenant": "acme", "export_id": effect_id}
        now = self._archive.estate.clock() - age
        item = effect(self.table, "acme", kind, effect_id, payload, now)
        self._archive.estate.dynamodb.call("PutItem", dict(item.request))
        return self.row(effect_id)

    def row(self, effect_id: str) -> Row:
        key = marshal({"tenant": "acme", "effect_id": effect_id})
        found = self._archive.estate.dynamodb.call(
            "GetItem", {"TableName": self.table, "Key": key, "ConsistentRead": True}
        )
        return unmarshal(found["Item"])

    def start(self, name: str, text: str) -> None:
        self._client.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps({"text": text}))

    def started(self) -> list[str]:
        """Name the executions, as often as they were started."""
        return [one["name"] for one in self._client.list_executions(stateMachineArn=self.arn)["executions"]]

    def input_of(self, name: str) -> dict[str, Any]:
        arn = self.arn.replace(":stateMachine:", ":execution:") + f":{name}"
        document: dict[str, Any] = json.loads(self._client.describe_execution(executionArn=arn)["input"])
        return document

    def empty(self) -> None:
        """Take this test's rows out again: the sweep looks at all of the outbox."""
        for row in self._archive.estate.dynamodb.call("Scan", {"TableName": self.table})["Items"]:
            key = {name: row[name] for name in ("tenant", "effect_id")}
            self._archive.estate.dynamodb.call("DeleteItem", {"TableName": self.table, "Key": key})


@pytest.fixture
def machine(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    client = boto3.client("stepfunctions")
    machine = Machine(archive, client)
    machine.empty()
    monkeypatch.setenv("EVIDENCE_STATE_MACHINE_ARN", machine.arn)
    notify._wiring.cache_clear()
    yield machine
    if notify._wiring.cache_info().currsize:
        delivery = notify._wiring()
        for used in (delivery.step_functions, delivery.courier.ses, delivery.bus.events):
            used.close()
        notify._wiring.cache_clear()
    machine.empty()
    client.close()


def record(row: Row, name: str = "INSERT") -> dict[str, Any]:
    images = {"NewImage": marshal(row)} if name != "REMOVE" else {"OldImage": marshal(row)}
    keys = marshal({name: row[name] for name in ("tenant", "effect_id")})
    number = str(int(row["effect_id"][4:12], 16) + 1)
    return {
        "eventID": number,
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "SequenceNumber": number, **images},
    }


def deliver(*records: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = notify.handler({"Records": list(records)}, CONTEXT)
    return answer


def test_effect_starts_the_state_machine_under_the_exports_name_and_is_marked(machine: Machine) -> None:
    row = machine.put()
    assert deliver(record(row)) == {"batchItemFailures": []}
    assert machine.started() == [row["effect_id"]]
    assert machine.input_of(row["effect_id"]) == {"tenant": "acme", "export_id": row["effect_id"]}
    marked = machine.row(row["effect_id"])
    assert marked["status"] == "DELIVERED"
    assert marked["delivered_at"] >= row["created_at"]


def test_record_that_comes_again_has_no_further_effect(machine: Machine) -> None:
    row = machine.put()
    deliver(record(row))
    first = machine.row(row["effect_id"])
    assert deliver(record(row)) == {"batchItemFailures": []}
    assert machine.started() == [row["effect_id"]]
    assert machine.row(row["effect_id"]) == first


def test_delivery_that_was_not_noted_is_made_again_without_a_second_start(machine: Machine) -> None:
    row = machine.put(age=300)
    notify._wiring()._start_export(row["effect_id"], row["payload"])  # and then the environment was lost
    assert notify.handler({}, None) == {"delivered": 1}
    assert machine.started() == [row["effect_id"]]
    assert machine.row(row["effect_id"])["status"] == "DELIVERED"


def test_execution_that_ran_already_counts_as_delivered(machine: Machine) -> None:
    """A closed execution of the same name is refused as ExecutionAlreadyExists; that is what was wanted."""
    row = machine.put()
    machine.start(row["effect_id"], "another input, so that the name is refused")
    assert deliver(record(row)) == {"batchItemFailures": []}
    assert machine.started() == [row["effect_id"]]
    assert machine.row(row["effect_id"])["status"] == "DELIVERED"


@pytest.mark.parametrize("name", ["MODIFY", "REMOVE"])
def test_only_new_rows_are_effects(machine: Machine, name: str) -> None:
    assert deliver(record(machine.put(), name)) == {"batchItemFailures": []}
    assert machine.started() == []


def test_unknown_kind_fails_its_own_record_only(machine: Machine) -> None:
    first, unknown, last = machine.put(), machine.put(kind="send_pigeon"), machine.put()
    failed = record(unknown)["dynamodb"]["SequenceNumber"]
    answer = deliver(record(first), record(unknown), record(last))
    assert answer == {"batchItemFailures": [{"itemIdentifier": failed}]}
    assert sorted(machine.started()) == sorted([first["effect_id"], last["effect_id"]])
    assert machine.row(unknown["effect_id"])["status"] == "PENDING"


def test_sweep_delivers_what_the_stream_lost_and_leaves_young_rows_alone(machine: Machine) -> None:
    lost, young, done = machine.put(age=61), machine.put(age=30), machine.put(age=600)
    deliver(record(done))
    assert notify.handler({}, None) == {"delivered": 1}
    assert sorted(machine.started()) == sorted([lost["effect_id"], done["effect_id"]])
    assert machine.row(young["effect_id"])["status"] == "PENDING"
    assert notify.handler({}, None) == {"delivered": 0}


def test_effect_that_cannot_be_delivered_does_not_keep_the_sweep_from_the_others(machine: Machine) -> None:
    lost = [machine.put(age=300), machine.put(age=300, kind="send_pigeon"), machine.put(age=300)]
    with pytest.raises(ExceptionGroup) as faults:
        notify.handler({}, None)
    assert [str(fault) for fault in faults.value.exceptions] == ["no delivery for effects of kind send_pigeon"]
    assert sorted(machine.started()) == sorted([lost[0]["effect_id"], lost[2]["effect_id"]])


def test_state_machine_that_is_gone_leaves_the_effect_pending(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVIDENCE_STATE_MACHINE_ARN", machine.arn + "-gone")
    row, deleted = machine.put(), machine.put()
    answer = deliver(record(row), record(deleted, "REMOVE"))
    assert len(answer["batchItemFailures"]) == 1
    assert machine.row(row["effect_id"])["status"] == "PENDING"
