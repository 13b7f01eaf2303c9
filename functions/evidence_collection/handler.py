"""EventBridge Scheduler -> collect the evidence that is due, for every tenant of the deployment."""

from __future__ import annotations

import functools
import os
import time

import boto3
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.evidence_collection.flow import Collection, Tally
from functions.evidence_collection.sealed_days import SealedDays
from functions.evidence_collection.settings import Settings
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment
from shared.store.transaction import Ledger
from shared.store.wire import Wire

metrics = Metrics(namespace="Muniment", service="evidence_collection")


@functools.cache
def _wiring() -> Collection:
    settings = from_environment(Settings, os.environ)
    dynamodb = Wire.from_environment("dynamodb", os.environ)
    vault = LockedBucket(boto3.client("s3"), settings.vault_bucket)
    ledger = Ledger(dynamodb, settings, time.time)
    return Collection(dynamodb, ledger, SealedDays(dynamodb, vault, settings), settings, time.time)


def handler(_event: object, _context: object) -> dict[str, int]:
    tally = Tally()
    try:
        _wiring().run(tally)
    finally:  # one tenant's fault silences the others no more than their evidence
        _measured(tally)
    served = tally.served.values()
    return {
        "tenants": len(served),
        "collected": sum(each.collected for each in served),
        "missed": sum(each.missed for each in served),
    }


def _measured(tally: Tally) -> None:
    served = tally.served.values()
    lag = max((each.canary_lag for each in served), default=0.0)
    metrics.add_metric(name="AuditCanaryLag", unit=MetricUnit.Seconds, value=lag)
    metrics.add_metric(name="EvidenceMissed", unit=MetricUnit.Count, value=sum(each.missed for each in served))
    metrics.add_metric(name="EvidenceTenantsWaiting", unit=MetricUnit.Count, value=tally.waiting)
    metrics.flush_metrics()
