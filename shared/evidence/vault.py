"""The object-locked bucket. Its objects are the system of record for everything that is sealed.

Keys hold counters, never times: two sealers that race aim at the same key, and `If-None-Match` lets one of them win.
Objects are read by version, because a locked version cannot change while a newer one can be put in front of it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.audit.moment import rfc3339
from shared.store.audit_seals import number_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS_PREFIX = "keys/"
ROTATION_ENDING = ".rotation.json"
KEY_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


@dataclass(frozen=True, slots=True)
class Stored:
    """A locked object; `retain_until` is an instant of the log, before which nobody can delete it.

    `metadata` is what it was put with: no request changes that of a version.
    """

    version_id: str
    retain_until: str
    size: int
    metadata: Mapping[str, str] = field(default_factory=dict)


def log_prefix(log: str, tenant: str, epoch: int) -> str:
    return f"log/v1/{log}/{tenant}/{epoch}"


def segment_key(prefix: str, number: int) -> str:
    return f"{prefix}/seg/{number_of(number)}.ndjson.gz"


def digest_key(prefix: str, number: int) -> str:
    return f"{prefix}/digest/{number_of(number)}.json"


def checkpoint_key(prefix: str, size: int) -> str:
    return f"{prefix}/checkpoint/{number_of(size)}"


def public_key_key(kid: str) -> str:
    return f"{KEYS_PREFIX}{kid}.pem"


def rotation_key(next_kid: str) -> str:
    return f"{KEYS_PREFIX}{next_kid}{ROTATION_ENDING}"


def anchor_prefix(log: str) -> str:
    return f"anchor/v1/{log}/"


def anchor_key(log: str, date: str) -> str:
    return f"{anchor_prefix(log)}{date}.json"


def anchor_leaves_key(log: str, date: str) -> str:
    return f"{anchor_prefix(log)}{date}.leaves.json"


class LockedBucket:
    """Puts objects once and reads them back."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def put_once(self, key: str, body: bytes, content_type: str) -> bool:
        """Put an object unless its key is taken; says whether this call put it."""
        return self.put_version(key, body, content_type) is not None

    def put_version(self, key: str, body: bytes, content_type: str) -> str | None:
        """Put an object unless its key is taken; gives the version that this call made, `None` for a taken key.

        The checksum is explicit: S3 refuses locked uploads without one, and keeps it for later sweeps. A key counts as
        free while its newest version is a delete marker: then this is a further version, and the others stay.
        """
        try:
            answer = self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
                IfNoneMatch="*",
            )
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] in KEY_TAKEN:
                return None
            raise
        return answer["VersionId"]

    def lay(self, key: str, body: bytes, content_type: str, genuine: Callable[[bytes], bool]) -> str:
        """Put an object once, or make sure that the one at its key is `genuine`; gives the version that is there.

        For what is as good in another form, as signatures are. Raises `RuntimeError` for anything else at the key.
        """
        ours = self.put_once(key, body, content_type)
        version = self.stored(key).version_id
        if not ours and not genuine(self.read(key, version)):
            raise RuntimeError(f"{key} lies in the vault and is not ours")
        return version

    def listed(self, prefix: str, after: str = "") -> Iterator[str]:
        """Walk the keys below `prefix` in order, those behind `after` only."""
        after = after or prefix
        while True:
            page = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, StartAfter=after)
            for entry in page.get("Contents", ()):
                after = entry["Key"]
                yield after
            if not page.get("IsTruncated"):
                return

    def present(self) -> float:
        """Give the time (Unix seconds, whole) that S3 says it is."""
        answer = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=KEYS_PREFIX, MaxKeys=1)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()

    def stored(self, key: str, version_id: str | None = None) -> Stored:
        """Look up version and retention of the object at `key`; raises `RuntimeError` for an object without a lock.

        Without `version_id` it is the newest, which whoever may put there can have put in front a moment ago.
        """
        if version_id is None:
            head = self._s3.head_object(Bucket=self.bucket, Key=key)
        else:
            head = self._s3.head_object(Bucket=self.bucket, Key=key, VersionId=version_id)
        if "ObjectLockRetainUntilDate" not in head:
            raise RuntimeError(f"{key} is not locked: the vault has no default retention")
        until = rfc3339(head["ObjectLockRetainUntilDate"].timestamp())
        return Stored(head["VersionId"], until, head["ContentLength"], head["Metadata"])

    def versions(self, key: str) -> list[str]:
        """List the versions of the object at `key`, the oldest first; delete markers are none.

        Raises `RuntimeError` for more than one page of them: nobody of us puts so many.
        """
        found = self._s3.list_object_versions(Bucket=self.bucket, Prefix=key)
        if found["IsTruncated"]:
            raise RuntimeError(f"{key} has more versions than one answer holds")
        return [each["VersionId"] for each in reversed(found.get("Versions", ())) if each["Key"] == key]

    def read(self, key: str, version_id: str | None = None) -> bytes:
        if version_id is None:
            return self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return self._s3.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)["Body"].read()

    def find(self, key: str) -> bytes | None:
        """Read what may not be there; needs the permission to list, without which S3 says 403 for it."""
        try:
            return self.read(key)
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
