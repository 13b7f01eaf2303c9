"""The locks of objects are kept with the objects.

Vanilla persists a bucket's Object Lock and its objects, but neither the retention nor the legal hold
of a version: after a restart with kept state everything can be deleted. On AWS nothing restarts.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

from ministack.services import s3

from infra.local.seams import Seam

_S3 = "ministack.services.s3"
SEAMS = (
    Seam(_S3, "_PERSISTED_BUCKET_DICTS", kind="dict"),
    Seam(_S3, "_object_retention", kind="AccountScopedDict"),
    Seam(_S3, "_object_legal_hold", kind="AccountScopedDict"),
)


def apply() -> None:
    """Add both to what is saved at a stop and read at a start."""
    s3._PERSISTED_BUCKET_DICTS["object_retention"] = s3._object_retention
    s3._PERSISTED_BUCKET_DICTS["object_legal_hold"] = s3._object_legal_hold
