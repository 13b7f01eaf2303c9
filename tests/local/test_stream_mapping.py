"""DynamoDB streams read by functions: retries, splits, partial failures, the last destination."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.local.deploy import client
from tests.local.tiny_stack import TinyStack

PATIENCE_SECONDS = 8.0


def put(stack: TinyStack, table: str, *items: dict[str, str]) -> None:
    """Write the items in one transaction, so that they arrive in one batch."""
    puts = [
        {
            "Put": {
                "TableName": stack.outputs[table],
                "Item": {name: {"S": value} for name, value in item.items()},
            }
        }
        for item in items
    ]
    client("dynamodb", stack.endpoint).transact_write_items(TransactItems=puts)


def noted(stack: TinyStack, prefix: str) -> set[str]:
    """Tell which items with this prefix a function has seen through."""
    listed = client("s3", stack.endpoint).list_objects_v2(Bucket=stack.outputs["Notes"], Prefix=prefix)
    return {entry["Key"].removeprefix(prefix) for entry in listed.get("Contents", [])}


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def undelivered(stack: TinyStack) -> Iterator[dict[str, Any]]:
    queue = client("sqs", stack.endpoint)
    address = stack.outputs["Undelivered"]
    for message in queue.receive_message(QueueUrl=address, MaxNumberOfMessages=10).get("Messages", []):
        queue.delete_message(QueueUrl=address, ReceiptHandle=message["ReceiptHandle"])
        yield json.loads(message["Body"])


def only_undelivered(stack: TinyStack) -> dict[str, Any]:
    reports: list[dict[str, Any]] = []

    def arrived() -> bool:
        reports.extend(undelivered(stack))
        return bool(reports)

    assert eventually(arrived)
    assert len(reports) == 1
    return reports[0]


@pytest.fixture
def prefix() -> str:
    return f"{time.time_ns()}-"


def test_a_poison_record_is_split_off_reported_and_passed(tiny_stack: TinyStack, prefix: str) -> None:
    first, last = {"id": f"{prefix}first"}, {"id": f"{prefix}last"}
    put(tiny_stack, "WholeTable", first, {"id": f"{prefix}bad", "poison": "yes"}, last)
    assert eventually(lambda: noted(tiny_stack, prefix) == {"first", "last"})
    report = only_undelivered(tiny_stack)
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"
    batch = report["DDBStreamBatchInfo"]
    assert batch["batchSize"] == 1
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"]


def test_a_reported_item_is_tried_again_and_then_passed(tiny_stack: TinyStack, prefix: str) -> None:
    items = [{"id": f"{prefix}{name}"} for name in ("a", "b", "c")]
    items[1]["refused"] = "yes"
    put(tiny_stack, "PartialTable", *items)
    # Without bisecting, what follows the failed item in its batch goes with it.
    assert eventually(lambda: noted(tiny_stack, prefix) == {"a"})
    report = only_undelivered(tiny_stack)
    assert report["DDBStreamBatchInfo"]["batchSize"] == 2
    put(tiny_stack, "PartialTable", {"id": f"{prefix}d"})
    assert eventually(lambda: noted(tiny_stack, prefix) == {"a", "d"})


def test_a_failing_mapping_does_not_hold_up_another(tiny_stack: TinyStack, prefix: str) -> None:
    put(tiny_stack, "WholeTable", {"id": f"{prefix}bad", "poison": "yes"})
    put(tiny_stack, "PartialTable", {"id": f"{prefix}good"})
    assert eventually(lambda: noted(tiny_stack, prefix) == {"good"})
    only_undelivered(tiny_stack)
