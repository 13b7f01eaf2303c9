"""EventBridge Scheduler -> verify every log of the deployment, once a day."""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Sequence
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.audit_verify.findings import Report
from functions.audit_verify.flow import Run, Verifier
from functions.audit_verify.s3_vault import S3Vault
from functions.audit_verify.self_test import self_test
from functions.audit_verify.settings import Settings
from shared.audit.moment import rfc3339
from shared.evidence.signer import Signer
from shared.runtime.settings import from_environment
from shared.store.tenants import serve_each, tenant_ids
from shared.store.transaction import Ledger
from shared.store.wire import Wire

logger = Logger(service="audit_verify")
metrics = Metrics(namespace="Muniment", service="audit_verify")
_INSTANT = re.compile(r"[0-9TZ:.+-]{10,40}")


@functools.cache
def _wiring() -> Verifier:
    settings = from_environment(Settings, os.environ)
    dynamodb = Wire.from_environment("dynamodb", os.environ)
    kms = boto3.client("kms")
    return Verifier(
        dynamodb=dynamodb,
        vault=S3Vault(boto3.client("s3"), settings.vault_bucket),
        pinned=lambda: [Signer(kms, key_id).public_der for key_id in settings.ledger_key_ids.split(",")],
        self_test=self_test,
        ledger=Ledger(dynamodb, settings, time.time),
        settings=settings,
        clock=time.time,
    )


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    verifier = _wiring()
    run = verifier.begin(_run_name(event))
    if run.fault is not None:
        _alarm("self test", run.fault, {})
    tenants = list(tenant_ids(verifier.dynamodb, verifier.settings.tenants_table))
    strangers = verifier.strangers(run, tenants)
    if strangers.counts:
        places = [finding.about for finding in strangers.findings]
        _alarm("vault", "findings", dict(strangers.counts), places)
    reports = serve_each(tenants, lambda tenant: _verify(verifier, run, tenant))
    if run.fault is not None:
        raise RuntimeError(f"the verifier failed its self-test: {run.fault}")
    found = {tenant: report.counts.total() for tenant, report in reports.items() if report is not None}
    return {
        "run": run.name,
        "verified": sum(not count for count in found.values()),
        "failed": sum(map(bool, found.values())),
        "strangers": strangers.counts.total(),
    }


def _verify(verifier: Verifier, run: Run, tenant: str) -> Report | None:
    report = verifier.verify(run, tenant)
    if report is not None and report.counts:
        _alarm(tenant, "findings", dict(report.counts))
    return report


def _alarm(about: str, reason: str, codes: dict[str, int], places: Sequence[str] = ()) -> None:
    metrics.add_metric(name="AuditIntegrityFailed", unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()  # at once: the alarm must not hang on what comes next
    logger.critical(
        "AUDIT_INTEGRITY_FAILED", extra={"about": about, "reason": reason, "codes": codes, "places": places}
    )


def _run_name(event: dict[str, Any]) -> str:
    """Name the run by the instant that it was scheduled for: a repeated start of it is the same run."""
    scheduled = str(event.get("run", ""))
    return scheduled if _INSTANT.fullmatch(scheduled) else rfc3339(time.time())
