"""CloudFormation sets a bucket's Object Lock.

Vanilla ignores ObjectLockEnabled and ObjectLockConfiguration of AWS::S3::Bucket: the bucket comes up
without a lock and every locked write fails. On AWS the bucket is created with Object Lock, versioning
is then always enabled, and the default retention holds for each new version.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

from collections.abc import Callable
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from infra.local.seams import Seam

_PROVISIONERS = "ministack.services.cloudformation.provisioners"
_S3 = "ministack.services.s3"
SEAMS = (
    Seam(_PROVISIONERS, "_RESOURCE_HANDLERS", kind="dict"),
    Seam(_PROVISIONERS, "_s3_create", ("logical_id", "props", "stack_name")),
    Seam(_PROVISIONERS, "_s3_update", ("physical_id", "old_props", "new_props", "stack_name")),
    Seam(_S3, "_put_object_lock_configuration", ("bucket_name", "body")),
    Seam(_S3, "_bucket_versioning", kind="AccountScopedDict"),
    Seam(_S3, "_bucket_object_lock", kind="AccountScopedDict"),
)

Provisioned = tuple[str, dict[str, Any]]


def _creating(create: Callable[[str, dict[str, Any], str], Provisioned]) -> Callable[..., Provisioned]:
    def locked_create(logical_id: str, props: dict[str, Any], stack_name: str) -> Provisioned:
        bucket, attributes = create(logical_id, props, stack_name)
        _lock(bucket, props)
        return bucket, attributes

    return locked_create


def _updating(update: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def locked_update(
        physical_id: str, old_props: dict[str, Any], new_props: dict[str, Any], stack_name: str
    ) -> Provisioned:
        bucket, attributes = update(physical_id, old_props, new_props, stack_name)
        _lock(bucket, new_props)
        return bucket, attributes

    return locked_update


def _lock(bucket: str, props: dict[str, Any]) -> None:
    if str(props.get("ObjectLockEnabled", "")).lower() != "true":
        return
    s3._bucket_versioning[bucket] = "Enabled"
    rule = (props.get("ObjectLockConfiguration") or {}).get("Rule") or {}
    status, _headers, body = s3._put_object_lock_configuration(bucket, _document(rule))
    if status != 200:  # noqa: PLR2004 -- the engine's handlers answer HTTP status codes
        raise ValueError(f"AWS::S3::Bucket ObjectLockConfiguration rejected: {body!r}")


def _document(rule: dict[str, Any]) -> bytes:
    retention = rule.get("DefaultRetention") or {}
    fields = "".join(f"<{name}>{retention[name]}</{name}>" for name in ("Mode", "Days", "Years") if name in retention)
    default = f"<Rule><DefaultRetention>{fields}</DefaultRetention></Rule>" if fields else ""
    return (
        f"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{default}</ObjectLockConfiguration>"
    ).encode()


def apply() -> None:
    """Wrap the provisioner of AWS::S3::Bucket."""
    bucket = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    bucket["create"] = _creating(bucket["create"])
    bucket["update"] = _updating(bucket["update"])
