"""Address rules as deployed: every door under its own role, the sweep, and the operator who breaks the glass."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from infra.local.demo_client import Device
from infra.local.engine import REGION
from tests.e2e.newcomer import newcomer
from tests.e2e.test_lifecycle import sign_in, stepped_up
from tests.running_stage import ROOT, Stage

NETWORK, INSIDE = "192.0.2.192/28", "192.0.2.199"
RULE = {"cidr": NETWORK, "action": "deny", "note": "not ours"}
HELD_SECONDS = 35  # as long as a refresh may go by rules that it has read before


def at_home(stage: Stage, person: Mapping[str, str]) -> Device:
    device = stage.device(address="203.0.113.12", country="DE", device_id="demo-admin-laptop")
    sign_in(device, person)
    return device


def elsewhere(stage: Stage, device: Device) -> Device:
    """Give the device of the same person in the denied network."""
    other = stage.device(address=INSIDE, country="DE", device_id="demo-admin-laptop")
    other.access_token, other.refresh_token = device.access_token, device.refresh_token
    return other


def refused(stage: Stage, device: Device, person: Any) -> None:
    for method, path, body in (
        ("POST", "/api/auth/login", device.credentials(person["email"], person["password"])),
        ("GET", "/api/auth/me", None),
    ):
        answer = device.send(method, path, body)
        assert (answer.status, answer.json()["code"]) == (403, "ip_denied"), path
    deadline = time.monotonic() + HELD_SECONDS
    while (answer := device.send("POST", "/api/auth/refresh", refresh_body(device))).status == 200:
        assert time.monotonic() < deadline
        device.take(answer)
        time.sleep(0.5)
    assert (answer.status, answer.json()["code"]) == (403, "ip_denied")
    assert stage.await_event("IP_RULE_ENFORCED")["reason"] == "DENY_RULE"


def refresh_body(device: Device) -> dict[str, str]:
    return {"refresh_token": device.refresh_token, "device_id": "demo-admin-laptop"}


def lapse(stage: Stage, rule_id: str) -> None:
    """Let the time of a provisional rule be up."""
    dynamodb, outputs, tenant = stage.client("dynamodb"), stage.deployment.outputs, {"S": stage.demo["tenant"]}
    for table, key, name in (
        ("IpRulesTable", {"tenant": tenant, "rule_id": {"S": rule_id}}, "confirm_before"),
        ("TenantsTable", {"tenant": tenant}, "ip_rules_due"),
    ):
        dynamodb.update_item(
            TableName=outputs[table],
            Key=key,
            UpdateExpression="SET #name = :past",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":past": {"N": "1790000000"}},
        )


def test_rules_are_made_kept_undone_and_suspended(stage: Stage, bundles: list[str]) -> None:
    assert bundles
    person = newcomer(stage, "admin")
    admin = at_home(stage, person)
    stepped_up(admin, person, "rbac_admin")
    outside = elsewhere(stage, at_home(stage, person))
    # A simulation, and a rule that counts at once.
    simulated = admin.expect(200, "POST", "/api/ip-rules/simulate", {"cidr": "203.0.113.0/24", "action": "deny"}).json()
    assert simulated
    lockout = admin.expect(409, "POST", "/api/ip-rules", {"cidr": "203.0.113.0/24", "action": "deny"})
    assert lockout.json()["code"] == "lockout_risk"
    rule_id = admin.expect(201, "POST", "/api/ip-rules", RULE).json()["rule_id"]
    refused(stage, outside, person)
    admin.expect(200, "POST", f"/api/ip-rules/{rule_id}/confirm")
    # The operator suspends what an administrator made, and puts it in force again.
    break_glass(stage)
    outside.expect(200, "GET", "/api/auth/me")
    break_glass(stage, "--resume")
    outside.expect(403, "GET", "/api/auth/me")
    # Taken away and confirmed, it is gone; one that nobody confirms is undone by the sweep.
    admin.expect(200, "DELETE", f"/api/ip-rules/{rule_id}")
    admin.expect(200, "POST", f"/api/ip-rules/{rule_id}/confirm")
    outside.expect(200, "GET", "/api/auth/me")
    lapse(stage, admin.expect(201, "POST", "/api/ip-rules", RULE).json()["rule_id"])
    answer = stage.client("lambda").invoke(FunctionName=stage.deployment.outputs["AddressSweepFunction"], Payload=b"{}")
    payload = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, payload
    undone = stage.await_event("IP_RULE_UPDATED")
    assert (undone["reason"], undone["actor"]["id"]) == ("REVERTED", "address_sweep")


def break_glass(stage: Stage, *options: str) -> None:
    """Run the command of the operator, whose credentials are those of the account itself."""
    environ = {
        **os.environ,
        "AWS_ENDPOINT_URL": stage.deployment.aws_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    command = [sys.executable, "-m", "infra.break_glass", stage.demo["tenant"], *options]
    subprocess.run(command, cwd=ROOT, env=environ, check=True)  # noqa: S603 - our own command
    told = stage.await_event("IP_RULE_UPDATED")
    assert (told["reason"], told["change"]["after"]) == ("BREAK_GLASS", {"suspended": not options})
