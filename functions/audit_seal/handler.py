"""EventBridge Scheduler -> seal every tenant of the deployment."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from functions.audit_seal.flow import Sealer
from functions.audit_seal.settings import Settings
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment
from shared.store.tenants import serve_each, tenant_ids
from shared.store.wire import Wire


@functools.cache
def _wiring() -> Sealer:
    settings = from_environment(Settings, os.environ)
    vault = LockedBucket(boto3.client("s3"), settings.vault_bucket)
    return Sealer(Wire.from_environment("dynamodb", os.environ), vault, settings)


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    sealer = _wiring()
    tenants = tenant_ids(sealer.dynamodb, sealer.settings.tenants_table)
    segments = serve_each(tenants, sealer.seal)
    return {"tenants": len(segments), "segments": sum(segments.values())}
