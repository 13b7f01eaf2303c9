"""API Gateway -> request, list, watch or fetch a bundle, as the route says."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3
from botocore.config import Config

from functions.evidence_bundle.flow import Bundles
from functions.evidence_bundle.settings import Settings
from shared.edge.door import Door
from shared.edge.export_budget import ExportBudget
from shared.edge.guarded import guarded
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment


@functools.cache
def _wiring() -> tuple[Door, Bundles]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("evidence_bundle", settings)
    bundles = Bundles(
        guard=parts.guard,
        ledger=parts.ledger,
        dynamodb=parts.dynamodb,
        s3=boto3.client("s3", config=Config(signature_version="s3v4")),  # presigned addresses without it are SigV2
        data_keys=DataKeys(parts.sealer),
        budget=ExportBudget(parts.dynamodb, settings.throttles_table),
        settings=settings,
    )
    return parts.door, bundles


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, bundles = _wiring()
    flows = {
        "POST /api/compliance/export/bundle": bundles.request,
        "GET /api/compliance/exports": bundles.listed,
        "GET /api/compliance/exports/{export_id}": bundles.status,
        "GET /api/compliance/exports/{export_id}/download": bundles.download,
    }
    return door.answer(event, flows[event["routeKey"]])
