"""The exports bucket: working pieces of an export, and the finished archive, locked from its first moment.

Retention is set when an upload begins, never later: a bucket's default does not reach every multipart upload, and a
finished archive without a lock would be evidence that somebody could still remove.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from shared.evidence.vault import KEY_TAKEN
from shared.evidence.zip_by_reference import KeyTaken, PartReceipt, Stored
from shared.evidence.zip_layout import ObjectRange

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

ARCHIVE_TYPE = "application/zip"
PART_BYTES = 5 << 20  # the least that S3 takes for a part which is not the last: several pieces grow at a time


@dataclass(frozen=True, slots=True)
class Retention:
    mode: Literal["COMPLIANCE", "GOVERNANCE"]
    days: int

    @classmethod
    def of(cls, mode: str, days: int) -> Retention:
        """Read a mode from settings: whatever does not say GOVERNANCE is the strict one."""
        return cls("GOVERNANCE" if mode == "GOVERNANCE" else "COMPLIANCE", days)

    def until(self, now: float) -> datetime:
        return datetime.fromtimestamp(now, UTC) + timedelta(days=self.days)


class S3Archive:
    """`ArchiveStore` over S3. Calls may come from several threads: boto3 clients are safe to share."""

    def __init__(
        self, s3: S3Client, bucket: str, retention: Retention, now: float, metadata: Mapping[str, str] | None = None
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._retention, self._now = retention, now
        self._mode = retention.mode
        self._until = retention.until(now)
        self._metadata = dict(metadata or {})

    def marked(self, metadata: Mapping[str, str]) -> S3Archive:
        """Give a store whose archives carry `metadata` from their first moment, and for good."""
        return S3Archive(self._s3, self._bucket, self._retention, self._now, metadata)

    def create(self, key: str) -> str:
        answer = self._s3.create_multipart_upload(
            Bucket=self._bucket,
            Key=key,
            ContentType=ARCHIVE_TYPE,
            ContentDisposition=_attachment(key),
            Metadata=self._metadata,
            ChecksumAlgorithm="SHA256",
            ObjectLockMode=self._mode,
            ObjectLockRetainUntilDate=self._until,
        )
        return answer["UploadId"]

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> PartReceipt:
        return _uploaded(self._s3, self._bucket, key, upload_id, number, body, _checksum(body))

    def copy_part(self, key: str, upload_id: str, number: int, source: ObjectRange) -> PartReceipt:
        last = source.offset + source.length - 1
        version = f"?versionId={source.version_id}" if source.version_id else ""
        answer = self._s3.upload_part_copy(
            Bucket=self._bucket,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            CopySource=f"{source.bucket}/{source.key}{version}",
            CopySourceRange=f"bytes={source.offset}-{last}",
        )["CopyPartResult"]
        return PartReceipt(number, answer["ETag"], answer.get("ChecksumSHA256"))

    def complete(self, key: str, upload_id: str, receipts: Sequence[PartReceipt]) -> Stored | KeyTaken:
        try:
            answer = self._s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": _parts(receipts)},
                IfNoneMatch="*",
            )
        except ClientError as refusal:
            return _taken(refusal, key)
        return Stored(answer.get("VersionId"), answer["ETag"])

    def abort(self, key: str, upload_id: str) -> None:
        self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)

    def abort_earlier(self, key: str) -> None:
        found = self._s3.list_multipart_uploads(Bucket=self._bucket, Prefix=key)
        for upload in found.get("Uploads", ()):
            if upload["Key"] == key:
                self.abort(key, upload["UploadId"])

    def put(self, key: str, body: bytes) -> Stored | KeyTaken:
        try:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=ARCHIVE_TYPE,
                ContentDisposition=_attachment(key),
                Metadata=self._metadata,
                ChecksumSHA256=_checksum(body),
                IfNoneMatch="*",
                ObjectLockMode=self._mode,
                ObjectLockRetainUntilDate=self._until,
            )
        except ClientError as refusal:
            return _taken(refusal, key)
        return Stored(answer.get("VersionId"), answer["ETag"])

    def read(self, source: ObjectRange) -> bytes:
        last = source.offset + source.length - 1
        byte_range = f"bytes={source.offset}-{last}"
        if source.version_id is None:
            answer = self._s3.get_object(Bucket=source.bucket, Key=source.key, Range=byte_range)
        else:
            answer = self._s3.get_object(
                Bucket=source.bucket, Key=source.key, Range=byte_range, VersionId=source.version_id
            )
        return answer["Body"].read()


class Workbench:
    """The working pieces of one export: unlocked, overwritten by a repeated step, expired by the bucket's lifecycle."""

    def __init__(self, s3: S3Client, bucket: str, tenant: str, export_id: str) -> None:
        self._s3 = s3
        self.bucket = bucket
        self._prefix = f"rendering/{tenant}/{export_id}"

    def key(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def write(self, name: str, body: bytes) -> str | None:
        """Put a piece; gives its version, so that a repeated step cannot swap what a later one refers to."""
        answer = self._s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=body, ChecksumSHA256=_checksum(body))
        return answer.get("VersionId")

    def growing(self, name: str) -> GrowingPiece:
        """Begin a piece that is written bit by bit."""
        return GrowingPiece(self._s3, self.bucket, self.key(name))

    def read(self, name: str) -> bytes:
        return self._s3.get_object(Bucket=self.bucket, Key=self.key(name))["Body"].read()


class GrowingPiece:
    """A working piece of any size, put in one request or in parts.

    What makes no whole part yet lies in a file that has no name, and S3 reads it from there: several pieces grow at a
    time, and held in memory their parts would be most of a worker.
    """

    def __init__(self, s3: S3Client, bucket: str, key: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._key = key
        self.size = 0
        self._upload_id: str | None = None
        self._receipts: list[PartReceipt] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the piece grows
        self._in_file = 0
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self._in_file += len(data)
        self._file.write(data)
        self._digest.update(data)
        if self._in_file >= PART_BYTES:
            self._send()

    def close(self) -> str | None:
        """Let the piece appear, whole; gives its version."""
        with self._file:
            if self._upload_id is None:
                body, checksum = self._body()
                answer = self._s3.put_object(Bucket=self._bucket, Key=self._key, Body=body, ChecksumSHA256=checksum)
                return answer.get("VersionId")
            if self._in_file:
                self._send()
        completed = self._s3.complete_multipart_upload(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": _parts(self._receipts)},
        )
        return completed.get("VersionId")

    def abort(self) -> None:
        """Give the parts up; what cannot be aborted now, the bucket's lifecycle ends."""
        self._file.close()
        if self._upload_id is not None:
            with contextlib.suppress(ClientError):
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)

    def _send(self) -> None:
        if self._upload_id is None:
            begun = self._s3.create_multipart_upload(Bucket=self._bucket, Key=self._key, ChecksumAlgorithm="SHA256")
            self._upload_id = begun["UploadId"]
        number, (body, checksum) = len(self._receipts) + 1, self._body()
        self._receipts.append(_uploaded(self._s3, self._bucket, self._key, self._upload_id, number, body, checksum))
        self._file.seek(0)
        self._file.truncate()
        self._in_file, self._digest = 0, hashlib.sha256()

    def _body(self) -> tuple[IO[bytes], str]:
        """Give what lies in the file, from its beginning, and its checksum as S3 wants to hear it."""
        self._file.seek(0)
        return self._file, base64.b64encode(self._digest.digest()).decode()


def _uploaded(
    s3: S3Client, bucket: str, key: str, upload_id: str, number: int, body: bytes | IO[bytes], checksum: str
) -> PartReceipt:
    answer = s3.upload_part(
        Bucket=bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=body, ChecksumSHA256=checksum
    )
    return PartReceipt(number, answer["ETag"], checksum)


def _parts(receipts: Sequence[PartReceipt]) -> list[CompletedPartTypeDef]:
    """Name the parts again; a copied part may have no checksum to repeat."""
    return [
        {"PartNumber": each.number, "ETag": each.etag, "ChecksumSHA256": each.checksum_sha256}
        if each.checksum_sha256
        else {"PartNumber": each.number, "ETag": each.etag}
        for each in receipts
    ]


def _checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _attachment(key: str) -> str:
    return f'attachment; filename="{key.rpartition("/")[2]}"'


def _taken(refusal: ClientError, key: str) -> KeyTaken:
    if refusal.response["Error"]["Code"] in KEY_TAKEN:
        return KeyTaken(key)
    raise refusal
