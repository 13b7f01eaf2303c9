"""A write to S3 carries the condition keys that bucket policies ask for.

Vanilla, with IAM enforced, knows of a PutObject only its ACL and `s3:x-amz-server-side-encryption`. A
policy that denies a write without If-None-Match then denies every write, and one about customer keys
or locks denies none. On AWS PutObject, CreateMultipartUpload, UploadPart and CompleteMultipartUpload
are all authorized as s3:PutObject with the keys below ("Actions, resources, and condition keys for
Amazon S3"; "Enforce conditional writes on Amazon S3 buckets" for s3:ObjectCreationOperation).
"""

import datetime as dt
from collections.abc import Callable, Mapping

from ministack.core import iam_actions

from infra.local.seams import Seam

SEAMS = (
    Seam(
        "ministack.core.iam_actions",
        "s3_service_context",
        ("iam_action", "query_params", "path", "headers"),
    ),
)

# Condition keys that are named as their header.
_LIKE_HEADERS = (
    "if-match",
    "if-none-match",
    "x-amz-copy-source",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
)
_LOCK_HEADERS = {
    "s3:object-lock-mode": "x-amz-object-lock-mode",
    "s3:object-lock-legal-hold": "x-amz-object-lock-legal-hold",
    "s3:object-lock-retain-until-date": "x-amz-object-lock-retain-until-date",
}
_REMAINING_DAYS = "s3:object-lock-remaining-retention-days"

Keys = dict[str, object]


def _with_keys_of_writes(vanilla: Callable[..., Keys]) -> Callable[..., Keys]:
    def keys(
        iam_action: str,
        query_params: Mapping[str, object] | None,
        path: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Keys:
        known = vanilla(iam_action, query_params, path, headers)
        if iam_action != "s3:PutObject":
            return known
        return known | _of_headers(headers or {}) | _of_operation(query_params or {})

    return keys


def _of_headers(headers: Mapping[str, str]) -> Keys:
    found: Keys = {f"s3:{name}": headers[name] for name in _LIKE_HEADERS if name in headers}
    found |= {key: headers[name] for key, name in _LOCK_HEADERS.items() if name in headers}
    until = headers.get("x-amz-object-lock-retain-until-date")
    if until:
        remaining = dt.datetime.fromisoformat(until) - dt.datetime.now(dt.UTC)
        found[_REMAINING_DAYS] = str(remaining.total_seconds() / 86_400)
    return found


def _of_operation(query_params: Mapping[str, object]) -> Keys:
    """Tell whether the request makes an object appear: not so the beginning or a part of an upload."""
    creates = not {"uploads", "partNumber"} & query_params.keys()
    return {"s3:ObjectCreationOperation": str(creates).lower()}


def apply() -> None:
    """Wrap what collects the condition keys of an S3 request."""
    iam_actions.s3_service_context = _with_keys_of_writes(iam_actions.s3_service_context)
