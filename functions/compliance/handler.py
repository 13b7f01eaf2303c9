"""API Gateway -> the report that the route names."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from functions.compliance.flow import Reporter
from functions.compliance.settings import Settings
from shared.audit.catalogue import load
from shared.edge.door import Door
from shared.edge.export_budget import ExportBudget
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.evidence.vault import LockedBucket
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment


@functools.cache
def _wiring() -> tuple[Door, Reporter]:
    settings = from_environment(Settings, os.environ)
    log = log_of("compliance")
    dynamodb = service("dynamodb")
    ledger = ledger_of(settings, dynamodb)
    reporter = Reporter(
        guard=guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log),
        ledger=ledger,
        dynamodb=dynamodb,
        vault=LockedBucket(boto3.client("s3"), settings.vault_bucket),
        data_keys=DataKeys(SecretSealer(service("kms"), settings.data_key_id)),
        catalogue=load(),
        budget=ExportBudget(dynamodb, settings.throttles_table),
        settings=settings,
    )
    return door_of(settings, log), reporter


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, reporter = _wiring()
    slug = event["routeKey"].rpartition("/")[2]
    return door.answer(event, reporter.flow(slug))
