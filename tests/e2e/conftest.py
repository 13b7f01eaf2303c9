"""One local stage for the session: the synthesized template, IAM enforced, a few days of history."""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.demo import Demo
from infra.local.demo_client import Device
from infra.local.demo_tenant import demo_file, read_demo, seed_demo
from infra.local.deploy import client
from infra.local.engine_process import free_port
from infra.local.record import Deployment
from infra.local.simulated_moment import DAY_SECONDS
from infra.local.simulated_quarter import Quarter
from infra.local.stage import StageSettings, start, stop

HISTORY_DAYS = 3
HOMES = {
    "owner": ("203.0.113.11", "DE", "demo-owner-laptop"),
    "admin": ("203.0.113.12", "DE", "demo-admin-laptop"),
    "member": ("198.51.100.13", "FR", "demo-member-laptop"),
    "auditor": ("198.51.100.14", "SE", "demo-auditor-tablet"),
}
ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """The running stage and what `demo.json` says of it."""

    deployment: Deployment
    demo: Any
    folder: Path

    def device(self, *, address: str = "198.51.100.7", country: str = "DE", device_id: str = "e2e") -> Device:
        return Device(self.demo, address=address, country=country, device_id=device_id)

    def signed_in(self, role: str, device_id: str | None = None) -> Device:
        """Sign in where the demonstration has that person at home; `device_id` names another device there."""
        address, country, own = HOMES[role]
        device = self.device(address=address, country=country, device_id=device_id or own)
        device.login(self.demo["users"][role]["email"], self.demo["users"][role]["password"])
        return device

    def client(self, service: str) -> Any:
        """Give a boto3 client with all rights: what an intruder in the account would have."""
        return client(service, self.deployment.aws_endpoint)

    def events(self) -> list[dict[str, Any]]:
        """Read the tenant's log straight from the table, of every lane; as good as in order."""
        first = self._lane("0")
        opened = [event["meta"]["lane"] for event in first if event["action"] == "AUDIT_LANE_OPENED"]
        others = [event for lane in opened for event in self._lane(lane)]
        return sorted([*first, *others], key=lambda event: event["time"]) if others else first

    def _lane(self, lane: str) -> list[dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator("query")
        rows = pages.paginate(
            TableName=self.deployment.outputs["AuditLogsTable"],
            KeyConditionExpression="log_lane = :lane",
            ExpressionAttributeValues={":lane": {"S": f"{self.demo['tenant']}#1#{lane}"}},
            ConsistentRead=True,
        )
        return [json.loads(item["line"]["S"]) for page in rows for item in page["Items"]]

    def await_event(self, action: str, seconds: float = 30.0, of_incident: str | None = None) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for event in reversed(self.events()):
                if event["action"] == action and of_incident in {None, event["context"]["correlation_id"]}:
                    return event
            time.sleep(0.2)
        raise AssertionError(f"no {action} within {seconds} s")


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("stage")
    subprocess.run([sys.executable, "-m", "infra.local.assembly"], cwd=ROOT, check=True)
    settings = dataclasses.replace(StageSettings.from_environment({}), home=home, port=free_port(), enforce_iam=True)
    whole = Quarter.before(time.time())
    few_days = dataclasses.replace(whole, end=whole.start + HISTORY_DAYS * DAY_SECONDS)

    def seed(deployed: Deployment) -> None:
        seed_demo(deployed, few_days, home)

    deployment = start(settings, seed)
    try:
        yield Stage(deployment, read_demo(demo_file(home)), home)
    finally:
        stop(home)


@pytest.fixture(scope="session")
def bundles(stage: Stage) -> list[str]:
    """Walk through `make demo` once; it raises where the product does not do what it says.

    It expects people who have never signed in: whoever teaches the stage other places asks for this first.
    """
    return [str(path) for path in Demo(stage.deployment, stage.demo, stage.folder / "evidence").run()]
