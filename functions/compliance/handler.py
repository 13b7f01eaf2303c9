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
from shared.edge.guarded import guarded
from shared.evidence.vault import LockedBucket
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment


@functools.cache
def _wiring() -> tuple[Door, Reporter]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("compliance", settings)
    reporter = Reporter(
        guard=parts.guard,
        ledger=parts.ledger,
        dynamodb=parts.dynamodb,
        vault=LockedBucket(boto3.client("s3"), settings.vault_bucket),
        data_keys=DataKeys(parts.sealer),
        catalogue=load(),
        budget=ExportBudget(parts.dynamodb, settings.throttles_table),
        settings=settings,
    )
    return parts.door, reporter


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, reporter = _wiring()
    slug = event["routeKey"].rpartition("/")[2]
    return door.answer(event, reporter.flow(slug))
