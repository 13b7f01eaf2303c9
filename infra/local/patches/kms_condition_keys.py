"""A call of KMS carries the condition keys of its encryption context.

Vanilla, with IAM enforced, knows no condition key of KMS, so a role that may decrypt for one purpose only
is denied everything. On AWS an operation with a symmetric key is authorized with
`kms:EncryptionContext:NAME` for each pair of its context, and `kms:EncryptionContextKeys` for the names
("Condition keys for AWS KMS"); a request without a context has none of them.
"""

import json
from collections.abc import Callable, Mapping

from ministack.core import iam_actions

from infra.local.seams import Seam

# What collects the condition keys of every service's request, named for the first that it knew.
SEAMS = (
    Seam(
        "ministack.core.iam_actions",
        "request_tag_context",
        ("service", "iam_action", "body", "params"),
    ),
)

Keys = dict[str, object]


def _with_encryption_context(vanilla: Callable[..., Keys]) -> Callable[..., Keys]:
    def keys(service: str, iam_action: str, body: bytes, params: Mapping[str, object]) -> Keys:
        known = vanilla(service, iam_action, body, params)
        return known | _of_encryption_context(body) if service == "kms" else known

    return keys


def _of_encryption_context(body: bytes) -> Keys:
    try:
        context = json.loads(body)["EncryptionContext"]
        pairs = {str(name): str(value) for name, value in context.items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}  # no context, or a request that KMS itself will refuse
    found: Keys = {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
    return found | {"kms:EncryptionContextKeys": list(pairs)} if pairs else {}


def apply() -> None:
    """Wrap what collects the condition keys of any request."""
    iam_actions.request_tag_context = _with_encryption_context(iam_actions.request_tag_context)
