"""API Gateway -> checkpoint, key, proof of one event or sample, as the route says."""

from __future__ import annotations

import functools
import os
from typing import Any

import boto3

from functions.transparency.checkpoint import signed_head
from functions.transparency.event_proof import event_proof
from functions.transparency.ledger_keys import ledger_keys
from functions.transparency.office import Office
from functions.transparency.retention import retention
from functions.transparency.sample import sample
from functions.transparency.settings import Settings
from shared.edge.door import Door
from shared.edge.export_budget import ExportBudget
from shared.edge.guarded import guarded
from shared.evidence.vault import LockedBucket
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment

_FLOWS = {
    "GET /api/compliance/log/checkpoint": signed_head,
    "GET /api/compliance/log/key": ledger_keys,
    "GET /api/compliance/events/{event_id}/proof": event_proof,
    "POST /api/compliance/samples": sample,
    "GET /api/compliance/retention": retention,
}


@functools.cache
def _wiring() -> tuple[Door, Office]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("transparency", settings)
    office = Office(
        guard=parts.guard,
        ledger=parts.ledger,
        dynamodb=parts.dynamodb,
        vault=LockedBucket(boto3.client("s3"), settings.vault_bucket),
        data_keys=DataKeys(parts.sealer),
        budget=ExportBudget(parts.dynamodb, settings.throttles_table),
        settings=settings,
    )
    return parts.door, office


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, office = _wiring()
    return door.answer(event, functools.partial(_FLOWS[event["routeKey"]], office))
