"""Somebody with too much access to the cloud account: what he does is refused, or seen."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.demo_client import Device
from tests.e2e.newcomer import newcomer
from tests.e2e.test_lifecycle import sign_in, stepped_up
from tests.running_stage import Stage


def log_row(stage: Stage, seq: int) -> dict[str, Any]:
    lane = {"S": f"{stage.demo['tenant']}#1#0"}
    row = stage.client("dynamodb").get_item(
        TableName=stage.deployment.outputs["AuditLogsTable"], Key={"log_lane": lane, "seq": {"N": str(seq)}}
    )
    item: dict[str, Any] = row["Item"]
    return item


def test_a_row_of_the_log_that_is_overwritten_trips_the_wire(stage: Stage) -> None:
    table = stage.deployment.outputs["AuditLogsTable"]
    original = log_row(stage, 2)
    forged = original | {"line": {"S": original["line"]["S"].replace("success", "failure")}}
    stage.client("dynamodb").put_item(TableName=table, Item=forged)
    event = stage.await_event("AUDIT_TAMPER_DETECTED")
    stage.client("dynamodb").put_item(TableName=table, Item=original)
    assert (event["meta"]["seq"], event["meta"]["lane"], event["reason"]) == (2, "0", "MODIFY")


def test_a_sealed_segment_can_be_neither_deleted_nor_unlocked(stage: Stage) -> None:
    s3, vault = stage.client("s3"), stage.demo["vault_bucket"]
    segment = next(
        version
        for version in s3.list_object_versions(Bucket=vault, Prefix="log/")["Versions"]
        if "/seg/" in version["Key"]
    )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=vault, Key=segment["Key"], VersionId=segment["VersionId"])


def test_a_segment_that_is_not_what_was_sealed_fails_the_bundle_and_leaves_no_archive(stage: Stage) -> None:
    dynamodb, table = stage.client("dynamodb"), stage.deployment.outputs["AuditSealsTable"]
    key = {"tenant": {"S": stage.demo["tenant"]}, "seal": {"S": "segment#1#000000000001"}}
    row = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item=row | {"sha256_gz": {"S": "0" * 64}})
    try:
        admin = stage.device(address="203.0.113.12", country="DE", device_id="e2e-broken")
        export = requested(stage, admin, newcomer(stage, "admin"))
        deadline = time.monotonic() + 60
        while (document := admin.expect(200, "GET", export).json())["status"] == "running":
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        dynamodb.put_item(TableName=table, Item=row)
    assert document["status"] == "failed"
    assert document["error"] == "RuntimeError"
    archives = stage.client("s3").list_objects_v2(Bucket=stage.demo["exports_bucket"], Prefix="bundles/")
    assert document["export_id"] not in str([entry["Key"] for entry in archives.get("Contents", [])])
    time.sleep(1)  # the EventBridge rule tells the same end once more: still one event
    failed = [event for event in stage.events() if event["action"] == "DATA_EXPORT_FAILED"]
    assert [event["meta"]["export_id"] for event in failed] == [document["export_id"]]


def requested(stage: Stage, device: Device, person: Mapping[str, str]) -> str:
    sign_in(device, person)
    stepped_up(device, person, "data_export")
    first, last = (event["time"][:10] for event in (stage.events()[0], stage.events()[5]))
    body = {"from": first, "to": last, "format": "csv"}
    return str(device.expect(202, "POST", "/api/compliance/export/bundle", body).json()["status_url"])
