"""The address of a finished bundle, for the one who was let in and told of in the log before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ADDRESS_SECONDS = 300


def bundle_address(s3: S3Client, bucket: str, result: Mapping[str, Any]) -> str:
    """Presign the download of exactly this version for `ADDRESS_SECONDS`; `result` is that of a completed export."""
    return s3.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": bucket,
            "Key": result["key"],
            "VersionId": result["version_id"],
            "ResponseContentType": "application/zip",
            "ResponseContentDisposition": f'attachment; filename="{result["name"]}.zip"',
        },
        ExpiresIn=ADDRESS_SECONDS,
    )
