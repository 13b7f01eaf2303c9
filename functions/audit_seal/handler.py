"""EventBridge Scheduler -> seal every tenant of the deployment."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import boto3
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.audit_seal.flow import Sealer
from functions.audit_seal.round import Course, Outcome, Round
from functions.audit_seal.settings import Settings
from shared.audit.moment import unix_seconds
from shared.evidence.vault import LockedBucket
from shared.runtime.log import Log
from shared.runtime.settings import from_environment
from shared.store.audit_logs import BrokenLaneError
from shared.store.tenants import tenant_ids
from shared.store.wire import Wire

SPARE_SECONDS = 60.0  # more than one segment takes; no tenant and no segment is begun in them
_TOLD = 2_000  # characters; Lambda logs the message of a group and none of its members

metrics = Metrics(namespace="Muniment", service="audit_seal")
_log = Log(time.time, service="audit_seal")
_round = Round()


@functools.cache
def _wiring() -> Sealer:
    settings = from_environment(Settings, os.environ)
    vault = LockedBucket(boto3.client("s3"), settings.vault_bucket)
    return Sealer(Wire.from_environment("dynamodb", os.environ), vault, settings)


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - what Lambda gives
    sealer = _wiring()
    course = Course(_time_left(context))
    tenants = tenant_ids(sealer.dynamodb, sealer.settings.tenants_table)
    outcome = _round.serve(tenants, lambda tenant: sealer.seal(tenant, course), course.time_left)
    _measure(outcome, course, time.time())
    _tell(outcome)
    return {
        "tenants": len(outcome.segments),
        "segments": sum(outcome.segments.values()),
        "postponed": len(outcome.postponed),
    }


def _time_left(context: Any) -> Callable[[], bool]:  # noqa: ANN401 - as above
    """Ask Lambda how long this run may go on; whoever calls without a context gives all the time there is."""
    if context is None:
        return lambda: True
    return lambda: bool(context.get_remaining_time_in_millis() > SPARE_SECONDS * 1_000)


def _measure(outcome: Outcome, course: Course, now: float) -> None:
    """Say how the sealing of the deployment stands; no metric names a tenant."""
    lag = max(0.0, now - unix_seconds(course.oldest)) if course.oldest else 0.0
    broken = sum(isinstance(fault, BrokenLaneError) for fault in outcome.faults.values())
    metrics.add_metric(name="AuditSealLag", unit=MetricUnit.Seconds, value=lag)
    metrics.add_metric(name="AuditSealFailed", unit=MetricUnit.Count, value=len(outcome.faults))
    metrics.add_metric(name="AuditLaneBroken", unit=MetricUnit.Count, value=broken)
    metrics.add_metric(name="AuditSealPostponed", unit=MetricUnit.Count, value=len(outcome.postponed))
    metrics.flush_metrics()


def _tell(outcome: Outcome) -> None:
    """Write a line for every tenant that could not be sealed; then the run as a whole has failed."""
    for tenant, fault in outcome.faults.items():
        _log.error("a log could not be sealed", fault, tenant=tenant)
    if outcome.postponed:
        _log.warning("the time did not suffice for every log", postponed=len(outcome.postponed))
    if outcome.faults:
        told = "; ".join(f"{tenant}: {type(fault).__name__}: {fault}" for tenant, fault in outcome.faults.items())
        raise ExceptionGroup(f"sealing failed: {told[:_TOLD]}", list(outcome.faults.values()))
