"""An object that was uploaded in parts is locked like any other.

Vanilla takes the lock headers of CreateMultipartUpload without storing them and gives the completed
object neither these nor the bucket's default retention: it can be deleted at once. On AWS the
headers of CreateMultipartUpload, or else the bucket's default, lock the version that
CompleteMultipartUpload makes ("Object Lock considerations", S3 user guide).
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ministack.services import s3

from infra.local.seams import Seam

_S3 = "ministack.services.s3"
SEAMS = (
    Seam(_S3, "_create_multipart_upload", ("bucket_name", "key", "headers")),
    Seam(_S3, "_complete_multipart_upload", ("bucket_name", "key", "body", "query_params", "headers")),
    Seam(_S3, "_multipart_uploads"),
    Seam(_S3, "_apply_object_lock_from_headers", ("bucket_name", "key", "headers", "version_id")),
    Seam(_S3, "_persist_version_state", ("bucket_name", "key", "bucket")),
)

Answer = tuple[int, dict[str, str], bytes]
_LOCK_HEADERS = "lock_headers"
_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")


def _creating(create: Callable[..., Answer]) -> Callable[..., Answer]:
    def remember_lock(bucket_name: str, key: str, headers: dict[str, str]) -> Answer:
        answer = create(bucket_name, key, headers)
        upload_id = _UPLOAD_ID.search(answer[2])
        if answer[0] == HTTPStatus.OK and upload_id:
            upload = s3._multipart_uploads[upload_id.group(1).decode()]
            upload[_LOCK_HEADERS] = {
                name: value for name, value in headers.items() if name.startswith("x-amz-object-lock-")
            }
        return answer

    return remember_lock


def _completing(complete: Callable[..., Answer]) -> Callable[..., Answer]:
    def lock(
        bucket_name: str,
        key: str,
        body: bytes,
        query_params: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> Answer:
        # Absent when the completion is repeated: the first one has locked the object.
        upload = s3._multipart_uploads.get(s3._qp(query_params, "uploadId"))
        answer = complete(bucket_name, key, body, query_params, headers)
        if answer[0] == HTTPStatus.OK and upload is not None:
            bucket = s3._ensure_bucket(bucket_name)
            version_id = bucket["objects"][key].get("version_id")
            s3._apply_object_lock_from_headers(bucket_name, key, upload.get(_LOCK_HEADERS, {}), version_id)
            if s3.S3_PERSIST:
                s3._persist_version_state(bucket_name, key, bucket)
        return answer

    return lock


def apply() -> None:
    """Carry the lock from the beginning of an upload to its completion."""
    s3._create_multipart_upload = _creating(s3._create_multipart_upload)
    s3._complete_multipart_upload = _completing(s3._complete_multipart_upload)
