"""The vault as the verifier reads it: versions, markers, checksums and locks, none of which it can change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from functions.audit_verify.ports import Lock, Version
from shared.audit.moment import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# 405 is what S3 answers where the version that is asked for, or the current one, is a delete marker.
_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchVersion", "404", "405", "MethodNotAllowed"})


@dataclass(frozen=True, slots=True)
class S3Vault:
    """`Vault` over S3."""

    s3: S3Client
    bucket: str

    def versions(self, prefix: str) -> Iterator[Version]:
        asked: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix}
        truncated = True
        while truncated:
            page = self.s3.list_object_versions(**asked)
            truncated = page["IsTruncated"]
            if truncated:
                asked |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
            found = [Version(each["Key"], each["VersionId"], marker=False) for each in page.get("Versions", [])]
            found += [Version(each["Key"], each["VersionId"], marker=True) for each in page.get("DeleteMarkers", [])]
            yield from sorted(found, key=lambda version: version.key)  # stable: of a key the newest stays first

    def folders(self, prefix: str) -> Iterator[str]:
        asked: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix, "Delimiter": "/"}
        truncated = True
        while truncated:
            page = self.s3.list_object_versions(**asked)
            yield from (each["Prefix"][len(prefix) : -1] for each in page.get("CommonPrefixes", []))
            truncated = page["IsTruncated"]
            if truncated:
                asked |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker", "")}

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        try:
            return self.s3.get_object(**self._named(key, version_id))["Body"].read()
        except ClientError as refusal:
            _raise_unless_absent(refusal)
            return None

    def lock(self, key: str, version_id: str | None = None) -> Lock | None:
        try:
            head = self.s3.head_object(**self._named(key, version_id), ChecksumMode="ENABLED")
        except ClientError as refusal:
            _raise_unless_absent(refusal)
            return None
        until = head.get("ObjectLockRetainUntilDate")
        return Lock(
            version_id=head["VersionId"],
            checksum=head.get("ChecksumSHA256"),
            mode=head.get("ObjectLockMode"),
            retain_until=rfc3339(until.timestamp()) if until else None,
        )

    def _named(self, key: str, version_id: str | None) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})


def _raise_unless_absent(refusal: ClientError) -> None:
    """Whatever else S3 says is no verdict about the log."""
    if refusal.response["Error"]["Code"] not in _ABSENT:
        raise refusal
