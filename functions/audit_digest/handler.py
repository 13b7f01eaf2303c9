"""EventBridge Scheduler -> sign the digest of every tenant that is due, and once a day an anchor over all of them."""

from __future__ import annotations

import functools
import os
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.audit_digest.anchor import Anchorer
from functions.audit_digest.clock_check import check_clock
from functions.audit_digest.flow import Digester
from functions.audit_digest.rotation import KeyRotation, SigningKeys
from functions.audit_digest.settings import Settings
from shared.evidence.signer import Signer
from shared.evidence.vault import LockedBucket
from shared.runtime.outbound import Outbound
from shared.runtime.settings import from_environment
from shared.store.tenants import serve_each, tenant_ids
from shared.store.transaction import Ledger
from shared.store.wire import Wire

NO_AUTHORITY: Final = "none"
_STAMP_SECONDS: Final = 10.0

logger = Logger(service="audit_digest")
metrics = Metrics(namespace="Muniment", service="audit_digest")


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
    check_clock(digester.vault, digester.clock, digester.settings.watermark_lag_seconds / 2)
    tenants = list(tenant_ids(digester.dynamodb, digester.settings.tenants_table))
    # 1. Which key signs today?
    keys = rotation.keys(lambda kid: all(digester.signed_under(kid, tenant) for tenant in tenants))
    digester = replace(digester, signer=keys.in_force, replaced=keys.replaced)
    # 2. A digest for each log that is due, and behind them the anchor of the day: whichever fails stops no other.
    try:
        numbers = serve_each(tenants, digester.sign)
    finally:
        anchored = _anchor(digester, keys, tenants)
    signed = sum(number is not None for number in numbers.values())
    return {"tenants": len(numbers), "signed": signed, "anchored": anchored}


def _anchor(digester: Digester, keys: SigningKeys, tenants: Sequence[str]) -> str | None:
    settings, clock = digester.settings, digester.clock
    anchored = Anchorer(digester.dynamodb, digester.vault, keys, settings, clock).anchor(tenants)
    if settings.tsa_url != NO_AUTHORITY:
        _stamp(digester, settings)
    return anchored


def _stamp(digester: Digester, settings: Settings) -> None:
    """Fetch the tokens that are lacking; an authority that gives none is told of and holds nothing up."""
    # Imported where an authority is configured: nobody else pays for it.
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415 - see above

    from functions.audit_digest.time_stamp import Authority, TimeStamps, Untrusted  # noqa: PLC0415 - see above

    outbound = Outbound(loopback=False, seconds=_STAMP_SECONDS, context=ssl.create_default_context())
    roots = load_pem_x509_certificates(settings.tsa_roots.encode())
    authority = Authority(settings.tsa_url, roots, outbound, digester.clock)
    try:
        TimeStamps(digester.vault, settings.log_name, authority).complete(digester.clock())
    except Untrusted as fault:
        metrics.add_metric(name="AnchorTimeStampMissing", unit=MetricUnit.Count, value=1)
        metrics.flush_metrics()
        logger.warning("an anchor has no time stamp yet", extra={"why": str(fault)})
