"""EventBridge Scheduler -> sign the digest of every tenant that is due."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import replace
from typing import Any

import boto3

from functions.audit_digest.flow import Digester
from functions.audit_digest.rotation import KeyRotation
from functions.audit_digest.settings import Settings
from shared.evidence.signer import Signer
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment
from shared.store.tenants import serve_each, tenant_ids
from shared.store.transaction import Ledger
from shared.store.wire import Wire


@functools.cache
def _wiring() -> tuple[Digester, KeyRotation]:
    settings = from_environment(Settings, os.environ)
    dynamodb = Wire.from_environment("dynamodb", os.environ)
    vault, kms = LockedBucket(boto3.client("s3"), settings.vault_bucket), boto3.client("kms")
    signers = tuple(Signer(kms, key_id) for key_id in settings.ledger_key_ids.split(","))
    digester = Digester(
        dynamodb=dynamodb,
        vault=vault,
        signer=signers[0],
        ledger=Ledger(dynamodb, settings, time.time),
        settings=settings,
        clock=time.time,
    )
    return digester, KeyRotation(vault, signers, settings.log_name, time.time)


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    digester, rotation = _wiring()
    tenants = list(tenant_ids(digester.dynamodb, digester.settings.tenants_table))
    # 1. Which key signs today?
    keys = rotation.keys(lambda kid: all(digester.signed_under(kid, tenant) for tenant in tenants))
    digester = replace(digester, signer=keys.in_force, replaced=keys.replaced)
    # 2. A digest for each log that is due.
    numbers = serve_each(tenants, digester.sign)
    return {"tenants": len(numbers), "signed": sum(number is not None for number in numbers.values())}
