"""EventBridge Scheduler -> sign the digest of every tenant that is due."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import boto3

from functions.audit_digest.flow import Digester
from functions.audit_digest.settings import Settings
from shared.evidence.signer import Signer
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment
from shared.store.tenants import serve_each, tenant_ids
from shared.store.transaction import Ledger
from shared.store.wire import Wire


@functools.cache
def _wiring() -> Digester:
    settings = from_environment(Settings, os.environ)
    dynamodb = Wire.from_environment("dynamodb", os.environ)
    return Digester(
        dynamodb=dynamodb,
        vault=LockedBucket(boto3.client("s3"), settings.vault_bucket),
        signer=Signer(boto3.client("kms"), settings.ledger_key_id),
        ledger=Ledger(dynamodb, settings, time.time),
        settings=settings,
        clock=time.time,
    )


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    digester = _wiring()
    tenants = tenant_ids(digester.dynamodb, digester.settings.tenants_table)
    numbers = serve_each(tenants, digester.sign)
    return {"tenants": len(numbers), "signed": sum(number is not None for number in numbers.values())}
