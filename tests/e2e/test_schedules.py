"""What EventBridge Scheduler starts, with the input of the deployed schedule and under the role of the function."""

import base64
import json
from typing import Any, NamedTuple

import pytest

from tests.running_stage import Stage

SCHEDULED = (  # and AuditVerify, which takes long: its test below begins with the input of the schedule
    "AuditSeal",
    "AuditDigest",
    "Housekeeping",
    "Cleanup",
    "ImpersonationSweep",
    "ErasureSweep",
    "AddressSweep",
    "Notify",
    "EvidenceCollection",
    "EvidenceFail",
)


def schedule_input(stage: Stage, function: str) -> str:
    """Give the input that the schedule hands to `function`; without one, Scheduler sends an empty object."""
    scheduler = stage.client("scheduler")
    for summary in scheduler.list_schedules()["Schedules"]:
        target = scheduler.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])["Target"]
        if target["Arn"].endswith(f":{function}"):
            return str(target.get("Input", "{}"))
    raise AssertionError(f"nothing starts {function}")


@pytest.mark.parametrize("concern", SCHEDULED)
def test_every_scheduled_function_may_do_all_that_its_run_needs(stage: Stage, concern: str) -> None:
    function = stage.deployment.outputs[f"{concern}Function"]
    payload = schedule_input(stage, function).encode()
    answer = stage.client("lambda").invoke(FunctionName=function, Payload=payload)
    assert "FunctionError" not in answer, answer["Payload"].read().decode()


def test_the_sweep_ends_an_export_behind_its_deadline_as_failed(stage: Stage) -> None:
    table, tenant = stage.deployment.outputs["ExportsTable"], stage.demo["tenant"]
    asked_by = {"actor": {"S": "s_0001"}, "role": {"S": "owner"}, "step_up": {"S": "x"}}
    row = {
        "tenant": {"S": tenant},
        "export_id": {"S": "exp_abandoned"},
        "kind": {"S": "report"},
        "status": {"S": "running"},
        "running": {"S": f"{tenant}#report"},
        "requested": {"M": {"from": {"S": "2026-01-01"}}},
        "requested_by": {"M": asked_by},
        "created_at": {"N": "1790000000"},
        "deadline_at": {"N": "1790000001"},
        "progress": {"M": {}},
    }
    stage.client("dynamodb").put_item(TableName=table, Item=row)
    function = stage.deployment.outputs["EvidenceFailFunction"]
    payload = schedule_input(stage, function).encode()
    answer = stage.client("lambda").invoke(FunctionName=function, Payload=payload)
    assert json.loads(answer["Payload"].read())["failed"][tenant] == 1
    ended = [event for event in stage.events() if event["meta"].get("export_id") == "exp_abandoned"]
    assert [(event["action"], event["reason"]) for event in ended] == [("DATA_EXPORT_FAILED", "DEADLINE_PASSED")]


def test_cleanup_finds_an_expired_session_by_the_index_and_ends_it_under_its_own_role(stage: Stage) -> None:
    signed_in = stage.signed_in("owner")
    session_id = signed_in.expect(200, "GET", "/api/auth/me").json()["session"]["session_id"]
    table, owner = stage.deployment.outputs["UserSessionsTable"], f"{stage.demo['tenant']}#"
    dynamodb = stage.client("dynamodb")
    (session,) = [
        item
        for item in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        if item["owner"]["S"].startswith(owner) and item["session_id"]["S"] == session_id and "review_at" in item
    ]
    key = {name: session[name] for name in ("owner", "session_id")}
    dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET idle_expires_at = :past, review_at = :past",
        ExpressionAttributeValues={":past": {"N": "1790000000"}},
    )
    answer = stage.client("lambda").invoke(FunctionName=stage.deployment.outputs["CleanupFunction"], Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read().decode()
    row = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    assert (row["status"]["S"], row["revoke_reason"]["S"]) == ("EXPIRED", "idle_expired")
    assert "review_at" not in row
    ended = [event for event in stage.events() if event["actor"]["id"] == "cleanup"]
    assert {"CLEANUP_JOB_STARTED", "SESSION_INVALIDATED", "CLEANUP_JOB_COMPLETED"} <= {e["action"] for e in ended}


def test_log_tells_of_the_first_signing_key(stage: Stage) -> None:
    told = stage.await_event("SIGNING_KEY_ROTATED")
    assert told["meta"]["cause"] == "first"


class Verification(NamedTuple):
    """One run of the deployed verifier: its answer, what the tenant's log says, and what the function logged."""

    answer: dict[str, Any]
    told: dict[str, Any]
    log: str


def verification(stage: Stage, function: str, payload: str) -> Verification:
    reply = stage.client("lambda").invoke(FunctionName=function, Payload=payload.encode(), LogType="Tail")
    assert "FunctionError" not in reply, reply["Payload"].read().decode()
    answer = json.loads(reply["Payload"].read())
    (told,) = (
        event
        for event in stage.events()
        if event["meta"].get("run") == answer["run"] and event["action"].startswith("AUDIT_INTEGRITY_")
    )
    return Verification(answer, told, base64.b64decode(reply.get("LogResult", "")).decode())


def test_the_verifier_finds_nothing_in_the_demonstration_and_then_what_an_intruder_puts_on_top(stage: Stage) -> None:
    function = stage.deployment.outputs["AuditVerifyFunction"]
    untouched = verification(stage, function, schedule_input(stage, function))
    assert (untouched.answer["verified"] > 0, untouched.answer["failed"]) == (True, 0), untouched.told["meta"]
    assert untouched.told["action"] == "AUDIT_INTEGRITY_VERIFIED"
    assert "AuditIntegrityFailed" not in untouched.log
    s3, bucket = stage.client("s3"), stage.demo["vault_bucket"]
    key = f"log/v1/local/{stage.demo['tenant']}/1/seg/000000000001.ndjson.gz"
    planted = s3.put_object(Bucket=bucket, Key=key, Body=b"another history")["VersionId"]
    try:
        spoiled = verification(stage, function, "{}")
    finally:
        s3.delete_object(Bucket=bucket, Key=key, VersionId=planted, BypassGovernanceRetention=True)
    assert spoiled.answer["failed"] == 1  # the others' logs are as they were
    assert (spoiled.told["action"], spoiled.told["meta"]["codes"]) == ("AUDIT_INTEGRITY_FAILED", {"object_version": 1})
    assert spoiled.told["meta"]["findings"][0]["about"] == key
    assert '"AuditIntegrityFailed":[1.0]' in spoiled.log.replace(" ", "")
