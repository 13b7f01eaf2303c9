"""An estate with everything behind the ledger: vault, exports bucket, signing keys, sealer, digester, pipeline."""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import Any

import boto3
from botocore.config import Config

from functions.audit_digest.flow import Digester
from functions.audit_digest.settings import Settings as DigestSettings
from functions.audit_seal.flow import Sealer
from functions.audit_seal.settings import Settings as SealSettings
from shared.audit.event import Actor, Draft, new_event_id
from shared.evidence.signer import Signer
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment
from shared.store.transaction import Committed, Ledger, LedgerSettings
from shared.store.wire import JsonService
from tests.functions.estate import Estate


class SetClock:
    """A clock that a test sets; it stands still in between."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Archive:
    """The estate's further tables and buckets; one for the test session."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self._boto = {
            "endpoint_url": estate.environ["AWS_ENDPOINT_URL"],
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(signature_version="s3v4"),
        }
        self.s3 = boto3.client("s3", **self._boto)  # type: ignore[call-overload]  # one mapping for all clients
        self.kms = boto3.client("kms", **self._boto)  # type: ignore[call-overload]  # as above
        self.vault_name, self.exports_name = (f"{estate.prefix}{name}" for name in ("vault", "exports"))
        for bucket in (self.vault_name, self.exports_name):
            self.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
        self.s3.put_object_lock_configuration(
            Bucket=self.vault_name,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
        )
        self.environ = estate.environ | self._settings()

    def _settings(self) -> dict[str, str]:
        keys = {name: self._signing_key() for name in ("LEDGER_KEY_ID", "EVIDENCE_KEY_ID")}
        return keys | {
            "LEDGER_KEY_IDS": keys["LEDGER_KEY_ID"],
            "VAULT_BUCKET": self.vault_name,
            "EXPORTS_BUCKET": self.exports_name,
            "TSA_URL": "none",
            "TSA_ROOTS": "none",
            "LOG_ORIGIN": "muniment.example/local",
            "WATERMARK_LAG_SECONDS": "4",
            "DEPLOYMENT_REGION": "us-east-1",
            "VAULT_LOCK_MODE": "GOVERNANCE",
            "VAULT_RETENTION_DAYS": "1",
            "EXPORTS_RETENTION_DAYS": "1",
            "EVIDENCE_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:none",
        }

    def _signing_key(self) -> str:
        made = self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        return str(made["KeyMetadata"]["KeyId"])

    def close(self) -> None:
        self.s3.close()
        self.kms.close()

    @property
    def vault(self) -> LockedBucket:
        return LockedBucket(self.s3, self.vault_name)

    def sealer(self, dynamodb: JsonService | None = None, vault: Any = None) -> Sealer:
        settings = from_environment(SealSettings, self.environ)
        return Sealer(dynamodb or self.estate.dynamodb, vault or self.vault, settings)

    def digester(self, clock: SetClock, dynamodb: JsonService | None = None, vault: Any = None) -> Digester:
        dynamodb = _Unhurried(dynamodb or self.estate.dynamodb)
        signer = Signer(self.kms, self.environ["LEDGER_KEY_ID"])
        ledger = Ledger(dynamodb, self.ledger_settings(), clock)
        settings = from_environment(DigestSettings, self.environ)
        return Digester(dynamodb, vault or self.vault, signer, ledger, settings, clock)

    def ledger_settings(self) -> LedgerSettings:
        """Give what the estate's writers go by, over the tables of this archive."""
        return from_environment(LedgerSettings, self.environ)

    def write(self, tenant: str, at: float, action: str = "AUTH_LOGOUT", **members: Any) -> str:
        """Commit one event stamped `at`; gives its id."""
        ledger = Ledger(_Unhurried(self.estate.dynamodb), self.ledger_settings(), SetClock(at))
        draft = Draft(
            event_id=new_event_id(at),
            action=action,
            outcome="success",
            actor=Actor("user", "u_1", "admin"),
            resource="test",
            context={},
        )
        draft = draft._replace(**members)
        assert isinstance(ledger.commit(tenant, [], [draft]), Committed)
        return draft.event_id

    def objects(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.vault_name, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def document(self, key: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.vault.read(key))
        return document

    def rows(self, table: str) -> list[dict[str, Any]]:
        with contextlib.closing(boto3.client("dynamodb", **self._boto)) as dynamodb:  # type: ignore[call-overload]
            pages = dynamodb.get_paginator("scan").paginate(TableName=self.estate.prefix + table)
            items: list[dict[str, Any]] = [item for page in pages for item in page["Items"]]
        return items


class _Unhurried:
    """Drops deadlines: those of events in the past have gone by."""

    def __init__(self, wire: JsonService) -> None:
        self._wire = wire

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        del deadline
        return self._wire.call(operation, request)


def fresh_tenant(prefix: str = "log") -> str:
    return f"{prefix}-{secrets.token_hex(4)}"
