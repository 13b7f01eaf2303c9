"""An S3 with the two buckets of the product: a vault with a default lock, exports whose locks are set by hand."""

from __future__ import annotations

import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from shared.evidence.deflate import Fragment
from shared.evidence.multipart_packing import Part, pack
from shared.evidence.s3_archive import Retention, S3Archive, Workbench
from shared.evidence.vault import LockedBucket
from shared.evidence.zip_by_reference import Assembled, assemble
from shared.evidence.zip_layout import Entry, ObjectRange, Piece, layout

LARGE = secrets.token_bytes(11 << 20)  # more than one part


@dataclass(frozen=True, slots=True)
class Locked:
    """One locked version and what it holds."""

    bucket: str
    key: str
    version_id: str
    body: bytes

    @property
    def place(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key, "VersionId": self.version_id}


class LockedStore:
    """The product's writes against one engine; every lock is COMPLIANCE."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str) -> None:
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
        name = secrets.token_hex(4)
        self.vault_name, self.exports_name = f"vault-{name}", f"exports-{name}"
        for bucket in (self.vault_name, self.exports_name):
            self.s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        self.s3.put_object_lock_configuration(
            Bucket=self.vault_name,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
            },
        )

    def close(self) -> None:
        self.s3.close()

    @property
    def vault(self) -> LockedBucket:
        return LockedBucket(self.s3, self.vault_name)

    def archive(self) -> S3Archive:
        return S3Archive(self.s3, self.exports_name, Retention.of("COMPLIANCE", 1), time.time())

    def read(self, version: Locked) -> bytes:
        return bytes(self.s3.get_object(**version.place)["Body"].read())

    def refused(self, call: Callable[..., Any], **asked: object) -> str:
        """Give the code of the refusal; fails where there is none."""
        try:
            call(**asked)
        except ClientError as refusal:
            return str(refusal.response["Error"]["Code"])
        raise AssertionError(f"not refused: {asked}")

    def sealed(self) -> Locked:
        """Put a segment as the sealer does."""
        key, body = f"log/v1/prod/acme/1/seg/{secrets.token_hex(6)}.ndjson.gz", secrets.token_bytes(64)
        assert self.vault.put_once(key, body, "application/x-ndjson")
        return Locked(self.vault_name, key, self.vault.stored(key).version_id, body)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Lay out an archive of a small piece, and of a large one that lies in the store behind a newer version."""
        bench = Workbench(self.s3, self.exports_name, "acme", "exp_1")
        version = bench.write("large", LARGE)
        bench.write("large", b"another")
        size = len(LARGE)
        source = ObjectRange(self.exports_name, bench.key("large"), version, 0, size, size)
        large = Fragment("stored", zlib.crc32(LARGE), size, size, sha256(LARGE).hexdigest())
        small = Fragment("stored", zlib.crc32(b"small"), 5, 5, sha256(b"small").hexdigest())
        pieces = {"small": Piece(small, b"small"), "large": Piece(large, source)}
        return pack(layout([Entry(name, "stored", (piece,)) for name, piece in pieces.items()]))

    @cached_property
    def small_parts(self) -> tuple[Part, ...]:
        small = Fragment("stored", zlib.crc32(b"small"), 5, 5, sha256(b"small").hexdigest())
        return pack(layout([Entry("small", "stored", (Piece(small, b"small"),))]))

    def bundled(self, parts: tuple[Part, ...]) -> Locked:
        """Assemble an archive as the pipeline does."""
        key = f"bundles/acme/{secrets.token_hex(6)}/evidence.zip"
        outcome = assemble(self.archive(), key, parts)
        assert isinstance(outcome, Assembled)
        version = str(outcome.stored.version_id)
        body = self.s3.get_object(Bucket=self.exports_name, Key=key, VersionId=version)["Body"].read()
        return Locked(self.exports_name, key, version, bytes(body))
