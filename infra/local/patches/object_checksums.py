"""S3 tells the checksums that it computed.

Vanilla verifies and stores the checksum of PutObject without returning it, and computes none for a
part that was copied, so an upload with such a part has no composite checksum. On AWS PutObject
returns it, UploadPartCopy computes the upload's algorithm over the copied bytes and returns it in
CopyPartResult, and the completed object has the checksum of its parts' checksums ("Checking object
integrity", S3 user guide).
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ministack.services import s3

from infra.local.seams import Seam

_S3 = "ministack.services.s3"
SEAMS = (
    Seam(_S3, "_put_object", ("bucket_name", "key", "body", "headers")),
    Seam(_S3, "_upload_part_copy", ("bucket_name", "dest_key", "query_params", "headers")),
    Seam(_S3, "_multipart_uploads"),
    Seam(_S3, "_compute_s3_checksum", ("algorithm", "body")),
)

Answer = tuple[int, dict[str, str], bytes]


def _putting(put: Callable[..., Answer]) -> Callable[..., Answer]:
    def tell_checksum(bucket_name: str, key: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer = put(bucket_name, key, body, headers)
        if answer[0] == HTTPStatus.OK:
            stored = s3._ensure_bucket(bucket_name)["objects"][key].get("checksums") or {}
            answer[1].update({f"x-amz-checksum-{name.lower()}": value for name, value in stored.items()})
        return answer

    return tell_checksum


def _copying(copy: Callable[..., Answer]) -> Callable[..., Answer]:
    def compute_checksum(
        bucket_name: str, dest_key: str, query_params: dict[str, Any], headers: dict[str, str]
    ) -> Answer:
        status, answered, body = copy(bucket_name, dest_key, query_params, headers)
        upload = s3._multipart_uploads.get(s3._qp(query_params, "uploadId"), {})
        algorithm = upload.get("checksum_algorithm")
        if status != HTTPStatus.OK or not algorithm:
            return status, answered, body
        part = upload["parts"][int(s3._qp(query_params, "partNumber", "1"))]
        checksum = s3._compute_s3_checksum(algorithm, part["body"])
        part["checksums"] = {algorithm: checksum}
        told = f"<Checksum{algorithm}>{checksum}</Checksum{algorithm}></CopyPartResult>"
        return status, answered, body.replace(b"</CopyPartResult>", told.encode())

    return compute_checksum


def apply() -> None:
    """Compute the checksum of copied parts and return the one of a put."""
    s3._put_object = _putting(s3._put_object)
    s3._upload_part_copy = _copying(s3._upload_part_copy)
