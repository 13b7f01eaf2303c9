"""A deployment of its own that loses tables, and an operator who restores it: what `make restore` does, in process."""

from __future__ import annotations

import functools
import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest

from functions.housekeeping.handler import handler as housekeeping
from infra.local.engine_process import EngineProcess
from infra.operator_access import Access
from infra.restoration.tenant_restore import Wish
from infra.restore import Restore
from shared.audit.epoch import Reason
from shared.store.attribute import Row, marshal, unmarshal
from shared.store.transaction import Ledger
from tests.functions.archive import Archive, SetClock
from tests.functions.company import _close_clients
from tests.functions.estate import KEYS, Estate, MovableClock, in_environment

STATE = (
    "tenants",
    "tenant_staff",
    "subject_keys",
    "user_sessions",
    "refresh_tokens",
    "step_up_challenges",
    "one_time_tokens",
    "invites",
    "ip_rules",
    "sso_connections",
    "impersonations",
    "outbox",
    "legal_holds",
    "erasures",
)
Snapshot = Mapping[str, list[Row]]


class KeptAccess(Access):
    """Makes each client once: that takes longer than all else that a restore of a few people does."""

    made: ClassVar[dict[str, Any]] = {}

    def client(self, service: str) -> Any:
        if service not in self.made:
            self.made[service] = Access.client(self, service)
        return self.made[service]


@dataclass
class Deployment:
    """An estate whose epoch and tables an operator changes; `said` is what the last restore told."""

    archive: Archive
    epoch: int = 1
    said: list[str] = field(default_factory=list)

    @property
    def estate(self) -> Estate:
        return self.archive.estate

    def begin_anew(self) -> None:
        """Go back to the first epoch, with nobody and nothing in any table but the keys that sign."""
        if self.epoch > 1:
            self._use(1, self.estate.prefix + "audit_logs")
        for table in KEYS:
            if table != "signing_keys":
                self.empty(table)
        self.let_in()

    def let_in(self) -> None:
        """Do what comes before anybody is let in: the keys of access tokens that a restore ended are made anew."""
        _forget_environments()
        housekeeping({}, None)

    def snapshot(self, *tables: str) -> Snapshot:
        return {table: self.rows(table) for table in tables or STATE}

    def rows(self, table: str) -> list[Row]:
        """Read a whole table of the deployment as it is now."""
        rows: list[Row] = []
        keys = KEYS[table]
        asked: dict[str, Any] = {"TableName": self.name(table), "ConsistentRead": True}
        while True:
            answer = self.estate.dynamodb.call("Scan", asked)
            rows += map(unmarshal, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return sorted(rows, key=lambda row: [row[key] for key in keys])
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def put_back(self, snapshot: Snapshot) -> None:
        """Make tables what they were, as a restore to a point in time does."""
        for table, rows in snapshot.items():
            self.empty(table)
            for row in rows:
                request = {"TableName": self.name(table), "Item": marshal(row)}
                self.estate.dynamodb.call("PutItem", request)

    def empty(self, table: str) -> None:
        for row in self.rows(table):
            key = marshal({name: row[name] for name in KEYS[table]})
            self.estate.dynamodb.call("DeleteItem", {"TableName": self.name(table), "Key": key})

    def name(self, table: str) -> str:
        return self.archive.environ[f"{table}_TABLE".upper()]

    def redeploy(self, **changes: str) -> None:
        """Give the functions another environment; those that ran are gone."""
        self.archive.environ |= changes
        self.estate.environ |= {name: value for name, value in changes.items() if name in self.estate.environ}
        in_environment(self.archive.environ)
        _forget_environments()

    def next_epoch(self) -> str:
        """Deploy the next epoch with a table of its own; gives the name of the old one."""
        old = self.name("audit_logs")
        own = f"e{self.epoch + 1}-{secrets.token_hex(3)}-audit_logs"
        self.estate._create(own, KEYS["audit_logs"])
        self._use(self.epoch + 1, self.estate.prefix + own)
        return old

    def _use(self, epoch: int, table: str) -> None:
        self.epoch = epoch
        self.redeploy(AUDIT_LOGS_TABLE=table, LOG_EPOCH=str(epoch))
        settings = replace(self.estate._ledger_settings(), audit_logs_table=table, log_epoch=epoch)
        self.estate._ledger_settings = lambda: settings  # type: ignore[method-assign]  # what tests write by hand
        self.estate.ledger = Ledger(self.estate.dynamodb, settings, self.estate.clock)

    def restore(
        self, since: str | None, *, reason: Reason = "table_lost", old: str | None = None, apply: bool = True
    ) -> int:
        outputs = {
            "".join(map(str.capitalize, name.lower().split("_"))): value for name, value in self.archive.environ.items()
        }
        self.said = []
        now = self.estate.clock()
        access = KeptAccess(outputs, self.estate.environ)
        return Restore(access, Wish(reason, since, apply), old, now, self.said.append).run()

    def seal(self, tenant: str) -> int:
        return self.archive.sealer().seal(tenant)

    def sign(self, tenant: str, at: float) -> int | None:
        self.seal(tenant)
        return self.archive.digester(SetClock(at)).sign(tenant)

    def events(self, tenant: str) -> list[dict[str, Any]]:
        """Read the tenant's log of the epoch that is deployed."""
        lane = f"{tenant}#{self.epoch}#0"
        return [json.loads(row["line"]) for row in self.rows("audit_logs") if row["log_lane"] == lane]


@contextmanager
def deployed(endpoint: str, clock: MovableClock) -> Iterator[Deployment]:
    """Deploy everything anew, for one test."""
    archive = Archive(Estate(endpoint, clock))
    before = in_environment(archive.environ | {"AWS_DEFAULT_REGION": "us-east-1"})
    _forget_environments()
    housekeeping({}, None)
    yield Deployment(archive)
    _forget_environments()
    while KeptAccess.made:
        KeptAccess.made.popitem()[1].close()
    archive.close()
    archive.estate.close()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _forget_environments() -> None:
    """End the execution environments: what their modules keep is made anew from the environment."""
    _close_clients()
    for name, module in list(sys.modules.items()):
        if name.startswith("functions.") and name.endswith(".handler"):
            for kept in vars(module).values():
                if isinstance(kept, functools._lru_cache_wrapper):
                    kept.cache_clear()


@pytest.fixture(scope="module")
def place(embedded_aws: EngineProcess, wires: None) -> Iterator[Deployment]:  # noqa: ARG001 - closes what it opens
    with deployed(embedded_aws.endpoint, MovableClock()) as place:
        yield place


@pytest.fixture
def deployment(place: Deployment) -> Deployment:
    """Begin with empty tables and the first epoch."""
    place.begin_anew()
    return place
