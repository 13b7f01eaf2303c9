"""A denial of IAM leaves a line in the engine's log.

Vanilla, with IAM enforced, answers a denied request and keeps no trace of it, so a role that lacks an
action shows as a function that fails. On AWS CloudTrail records who was denied which action on what.
"""

import logging
from collections.abc import Callable

from ministack.core import iam_evaluator

from infra.local.seams import Seam

logger = logging.getLogger(__name__)

SEAMS = (
    Seam(
        "ministack.core.iam_evaluator",
        "enforce",
        (
            "access_key_id",
            "iam_action",
            "service",
            "region",
            "resource_arn",
            "service_context",
        ),
    ),
)


def _recording(enforce: Callable[..., object]) -> Callable[..., object]:
    def enforce_and_record(
        access_key_id: str, iam_action: str, service: str, region: str, *rest: object, **more: object
    ) -> object:
        denial = enforce(access_key_id, iam_action, service, region, *rest, **more)
        if denial is not None:
            resource = more.get("resource_arn", rest[0] if rest else "*")
            who = getattr(denial, "principal_arn", access_key_id)
            logger.warning("denied: %s may not %s on %s", who, iam_action, resource)
        return denial

    return enforce_and_record


def apply() -> None:
    """Wrap the one function that decides."""
    iam_evaluator.enforce = _recording(iam_evaluator.enforce)
