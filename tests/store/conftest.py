"""Tables of their own in the embedded AWS, and a ledger on them."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.deploy import client
from infra.local.engine_process import EngineProcess
from shared.store.transaction import LedgerSettings
from shared.store.wire import Wire
from tests.embedded_aws import embedded_aws
from tests.store.authority import Authority

__all__ = ["embedded_aws"]

KEYS = {
    "audit_logs": ("log_lane", "seq"),
    "user_sessions": ("owner", "session_id"),
    "tenant_staff": ("tenant", "item"),
    "things": ("id",),
}


@dataclass(frozen=True, slots=True)
class Tables:
    """Names of fresh tables, and a wire to them."""

    prefix: str
    wire: Wire

    def __getitem__(self, name: str) -> str:
        return self.prefix + name

    def ledger_settings(self, lanes: int = 64) -> LedgerSettings:
        return LedgerSettings(
            audit_logs_table=self["audit_logs"],
            user_sessions_table=self["user_sessions"],
            tenant_staff_table=self["tenant_staff"],
            log_name="local",
            log_epoch=1,
            log_lanes=lanes,
            writer_give_up_seconds=30,
            audit_log_ttl_seconds=180 * 86_400,
        )


@pytest.fixture
def tables(embedded_aws: EngineProcess) -> Iterator[Tables]:
    prefix = f"s{secrets.token_hex(4)}-"
    dynamodb = client("dynamodb", embedded_aws.endpoint)
    for name, keys in KEYS.items():
        dynamodb.create_table(**_definition(prefix + name, keys))
    environ = {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": embedded_aws.endpoint,
    }
    wire = Wire.from_environment("dynamodb", environ)
    yield Tables(prefix, wire)
    wire.close()
    dynamodb.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def _definition(name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": "RANGE" if at else "HASH"} for at, key in enumerate(keys)],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "N" if key == "seq" else "S"} for key in keys],
        "BillingMode": "PAY_PER_REQUEST",
    }
