"""A local stage for tests: the synthesized template, IAM enforced, a few days of history."""

import contextlib
import dataclasses
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from infra.local.demo_client import Device
from infra.local.demo_tenant import demo_file, read_demo, seed_demo
from infra.local.deploy import client
from infra.local.engine_process import free_port
from infra.local.record import Deployment
from infra.local.simulated_moment import DAY_SECONDS
from infra.local.simulated_quarter import Quarter
from infra.local.stage import StageSettings, running, start, stop

HISTORY_DAYS = 3
HOMES = {
    "owner": ("203.0.113.11", "DE", "demo-owner-laptop"),
    "admin": ("203.0.113.12", "DE", "demo-admin-laptop"),
    "member": ("198.51.100.13", "FR", "demo-member-laptop"),
    "auditor": ("198.51.100.14", "SE", "demo-auditor-tablet"),
}
ROOT = Path(__file__).resolve().parents[1]


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


@contextlib.contextmanager
def running_stage(home: Path) -> Iterator[Stage]:
    """Start a stage below `home`, with the first days of the demonstration's quarter in it; stop it at the end."""
    _started(home)
    try:
        yield stage_in(home)
    finally:
        stop(home)


def _started(home: Path) -> None:
    _assemble()
    settings = dataclasses.replace(StageSettings.from_environment({}), home=home, port=free_port(), enforce_iam=True)
    whole = Quarter.before(time.time())
    few_days = dataclasses.replace(whole, end=whole.start + HISTORY_DAYS * DAY_SECONDS)

    def seed(deployed: Deployment) -> None:
        seed_demo(deployed, few_days, home)

    start(settings, seed)


@contextlib.contextmanager
def shared_stage(home: Path) -> Iterator[Stage]:
    """Give the stage in `home` to several processes of one run: the first starts it, the last out stops it.

    Who uses it holds a lock that the system lets go of when the process dies, however it dies.
    """
    home.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        starting, using = (stack.enter_context((home / f"{what}.lock").open("w")) for what in ("starting", "using"))
        with _locked(starting):
            if running(home) is None:
                _started(home)
            fcntl.flock(using, fcntl.LOCK_SH)
        try:
            yield stage_in(home)
        finally:
            with _locked(starting), contextlib.suppress(BlockingIOError):
                fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stop(home)


@contextlib.contextmanager
def _locked(file: TextIO) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def of_the_run(factory: pytest.TempPathFactory) -> Path:
    """Give the temporary folder of the whole run: of all its processes, where there are several."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def stage_in(home: Path) -> Stage:
    """Give the stage that runs in `home` already."""
    record = running(home)
    assert record is not None
    assert record.deployment is not None, f"there is no stage in {home}: make up"
    return Stage(record.deployment, read_demo(demo_file(home)), home)


def _assemble() -> None:
    """Synthesize once for all processes of a run: two at once would write one assembly."""
    ROOT.joinpath(".muniment").mkdir(exist_ok=True)
    with ROOT.joinpath(".muniment", "assembly.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([sys.executable, "-m", "infra.local.assembly"], cwd=ROOT, check=True)
