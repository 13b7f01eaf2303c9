"""An S3 client over a folder: what the evidence pipeline calls, with real bytes on disk and no server beside it.

Objects are files, named by bucket and key; a key has one version, the last one put. Parts of an upload are files too,
and a copied part is copied by the kernel, so that no byte of it passes through the process that is measured.
"""

import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import ClientError

_VERSION = "v1"


class FolderS3:
    """Takes and gives what boto3's client does, as far as the pipeline asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marks: dict[Path, Mapping[str, str]] = {}  # of what this process has put: one step puts and looks

    def path(self, bucket: str, key: str) -> Path:
        return self._folder / bucket / key

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803 - as boto3
        Key: str,  # noqa: N803 - as boto3
        Body: bytes | IO[bytes],  # noqa: N803 - as boto3
        IfNoneMatch: str = "",  # noqa: N803 - as boto3
        Metadata: Mapping[str, str] | None = None,  # noqa: N803 - as boto3
        **_: Any,
    ) -> dict[str, Any]:
        path = self._free(Bucket, Key) if IfNoneMatch else self._made(Bucket, Key)
        _write(path, Body)
        self._marks[path] = Metadata or {}
        return {"VersionId": _VERSION, "ETag": "etag"}

    def get_object(self, *, Bucket: str, Key: str, Range: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3
        path = self.path(Bucket, Key)
        if not path.is_file():
            raise _refusal("NoSuchKey")
        first, last = _range(Range, path.stat().st_size)
        with path.open("rb") as file:
            file.seek(first)
            return {"Body": io.BytesIO(file.read(last + 1 - first))}

    def head_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3
        path = self.path(Bucket, Key)
        return {
            "VersionId": _VERSION,
            "ContentLength": path.stat().st_size,
            "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(days=1),
            "Metadata": self._marks.get(path, {}),
        }

    def list_objects_v2(self, *, Bucket: str, Prefix: str, StartAfter: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3
        found = sorted(self._keys(Bucket, Prefix))
        return {"Contents": [{"Key": key} for key in found if key > StartAfter], "IsTruncated": False}

    def create_multipart_upload(
        self,
        *,
        Bucket: str,  # noqa: N803 - as boto3
        Key: str,  # noqa: N803 - as boto3
        Metadata: Mapping[str, str] | None = None,  # noqa: N803 - as boto3
        **_: Any,
    ) -> dict[str, Any]:
        upload = f"{Bucket}-{Key}".replace("/", "-")
        self._marks[self.path(Bucket, Key)] = Metadata or {}
        (self._folder / "uploads" / upload).mkdir(parents=True)
        return {"UploadId": upload}

    def upload_part(
        self,
        *,
        UploadId: str,  # noqa: N803 - as boto3
        PartNumber: int,  # noqa: N803 - as boto3
        Body: bytes | IO[bytes],  # noqa: N803 - as boto3
        **_: Any,
    ) -> dict[str, Any]:
        _write(self._part(UploadId, PartNumber), Body)
        return {"ETag": f"etag-{PartNumber}"}

    def upload_part_copy(
        self,
        *,
        UploadId: str,  # noqa: N803 - as boto3
        PartNumber: int,  # noqa: N803 - as boto3
        CopySource: str,  # noqa: N803 - as boto3
        CopySourceRange: str = "",  # noqa: N803 - as boto3
        **_: Any,
    ) -> dict[str, Any]:
        bucket, _slash, key = CopySource.partition("?")[0].partition("/")
        source = self.path(bucket, key)
        first, last = _range(CopySourceRange, source.stat().st_size)
        with source.open("rb") as file, self._part(UploadId, PartNumber).open("wb") as part:
            while first <= last:
                copied = os.copy_file_range(file.fileno(), part.fileno(), last + 1 - first, offset_src=first)
                assert copied
                first += copied
        return {"CopyPartResult": {"ETag": f"etag-{PartNumber}"}}

    def complete_multipart_upload(
        self,
        *,
        Bucket: str,  # noqa: N803 - as boto3
        Key: str,  # noqa: N803 - as boto3
        UploadId: str,  # noqa: N803 - as boto3
        MultipartUpload: Mapping[str, Sequence[Mapping[str, Any]]],  # noqa: N803 - as boto3
        IfNoneMatch: str = "",  # noqa: N803 - as boto3
        **_: Any,
    ) -> dict[str, Any]:
        path = self._free(Bucket, Key) if IfNoneMatch else self._made(Bucket, Key)
        with path.open("wb") as whole:
            for part in MultipartUpload["Parts"]:
                with self._part(UploadId, part["PartNumber"]).open("rb") as file:
                    shutil.copyfileobj(file, whole)
        self.abort_multipart_upload(UploadId=UploadId)
        return {"VersionId": _VERSION, "ETag": "etag"}

    def abort_multipart_upload(self, *, UploadId: str, **_: Any) -> None:  # noqa: N803 - as boto3
        shutil.rmtree(self._folder / "uploads" / UploadId)

    def list_multipart_uploads(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803 - as boto3
        del Bucket, Prefix
        return {"Uploads": [], "IsTruncated": False}  # no step is repeated here

    def _part(self, upload: str, number: int) -> Path:
        return self._folder / "uploads" / upload / f"{number:05d}"

    def _made(self, bucket: str, key: str) -> Path:
        path = self.path(bucket, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _free(self, bucket: str, key: str) -> Path:
        path = self._made(bucket, key)
        if path.exists():
            raise _refusal("PreconditionFailed")
        return path

    def _keys(self, bucket: str, prefix: str) -> Iterator[str]:
        root = self._folder / bucket
        for path in (root / prefix).parent.rglob("*"):
            if path.is_file() and (key := str(path.relative_to(root))).startswith(prefix):
                yield key


def _write(path: Path, body: bytes | IO[bytes]) -> None:
    with path.open("wb") as file:
        if isinstance(body, bytes):
            file.write(body)
        else:
            shutil.copyfileobj(body, file)


def _range(asked: str, size: int) -> tuple[int, int]:
    if not asked:
        return 0, size - 1
    first, last = asked.removeprefix("bytes=").split("-")
    return int(first), min(int(last), size - 1)


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "FolderS3")
