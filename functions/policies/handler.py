"""API Gateway -> the policies, or the questions."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import boto3

from functions.policies.flow import Policies
from functions.policies.settings import Settings
from shared.audit.catalogue import load
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, _, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


@functools.cache
def _wiring() -> tuple[Door, Policies, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("policies", settings)
    flow = Policies(
        guard=parts.guard,
        dynamodb=parts.dynamodb,
        vault=LockedBucket(boto3.client("s3"), settings.vault_bucket),
        catalogue=load(),
        settings=settings,
    )
    return (
        parts.door,
        flow,
        {
            "GET /api/compliance/policies": flow.policies,
            "GET /api/compliance/questions": flow.questions,
        },
    )
