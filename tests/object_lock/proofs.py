"""What the lock of S3 is relied on for: each proof fails where an engine lets it be got around.

A proof has the sentence that docs/operations.md says of it. `ENGINES` names where each is tried.
"""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.evidence.zip_by_reference import KeyTaken, assemble
from tests.object_lock.locked_store import LARGE, Locked, LockedStore

Proof = Callable[[LockedStore], None]
ProofOfOne = Callable[[LockedStore, Locked], None]
Write = Callable[[LockedStore], Locked]
SEAWEEDFS: Final = "SeaweedFS"
EMBEDDED: Final = "embedded AWS"
BOTH: Final = (SEAWEEDFS, EMBEDDED)
_DENIED: Final = {"AccessDenied", "InvalidRequest", "InvalidArgument"}
_RIVALS: Final = 8

PROOFS: dict[str, Proof] = {}
ENGINES: dict[str, tuple[str, ...]] = {}


def proof(says: str, engines: tuple[str, ...] = BOTH) -> Callable[[Proof], Proof]:
    def registered(function: Proof) -> Proof:
        PROOFS[says], ENGINES[says] = function, engines
        return function

    return registered


def for_each_write(says: str) -> Callable[[ProofOfOne], ProofOfOne]:
    """Try the same on what each of the three ways of writing has written."""

    def registered(function: ProofOfOne) -> ProofOfOne:
        for written, write in WRITES.items():
            proof(f"{written}: {says}")(_applied(function, write))
        return function

    return registered


def _applied(function: ProofOfOne, write: Write) -> Proof:
    return lambda store: function(store, write(store))


WRITES: dict[str, Write] = {
    "segment": lambda store: store.sealed(),
    "archive in one put": lambda store: store.bundled(store.small_parts),
    "archive in parts, copied": lambda store: store.bundled(store.parts),
}


@for_each_write("locked as COMPLIANCE for the stated time from its first moment")
def _locked(store: LockedStore, version: Locked) -> None:
    retention = store.s3.get_object_retention(**version.place)["Retention"]
    assert retention["Mode"] == "COMPLIANCE"
    left = retention["RetainUntilDate"] - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1, seconds=5)


@for_each_write("the version cannot be deleted, with the bypass of GOVERNANCE or without, alone or in a batch")
def _not_deleted(store: LockedStore, version: Locked) -> None:
    assert store.refused(store.s3.delete_object, **version.place) in _DENIED
    assert store.refused(store.s3.delete_object, **version.place, BypassGovernanceRetention=True) in _DENIED
    batch = {"Objects": [{"Key": version.key, "VersionId": version.version_id}]}
    for bypass in ({}, {"BypassGovernanceRetention": True}):
        answer = store.s3.delete_objects(Bucket=version.bucket, Delete=batch, **bypass)
        assert [fault["Code"] for fault in answer["Errors"]] == ["AccessDenied"]
        assert not answer.get("Deleted")
    assert store.read(version) == version.body


@for_each_write("its time cannot be shortened, nor its mode lowered to GOVERNANCE or taken away")
def _not_weakened(store: LockedStore, version: Locked) -> None:
    before = store.s3.get_object_retention(**version.place)["Retention"]
    until = before["RetainUntilDate"]
    sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": until - timedelta(hours=12)}
    lower = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    longer_but_lower = {"Mode": "GOVERNANCE", "RetainUntilDate": until + timedelta(days=1)}
    for weaker in (sooner, lower, longer_but_lower, {}):
        for bypass in ({}, {"BypassGovernanceRetention": True}):
            code = store.refused(store.s3.put_object_retention, **version.place, Retention=weaker, **bypass)
            assert code in {*_DENIED, "MalformedXML"}
    assert store.s3.get_object_retention(**version.place)["Retention"] == before


@for_each_write("its time can be extended")
def _extended(store: LockedStore, version: Locked) -> None:
    until = store.s3.get_object_retention(**version.place)["Retention"]["RetainUntilDate"] + timedelta(days=1)
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    store.s3.put_object_retention(**version.place, Retention=longer)
    assert store.s3.get_object_retention(**version.place)["Retention"] == longer


@for_each_write("a put over it makes another version; this one stays, readable by its id and locked")
def _overlaid(store: LockedStore, version: Locked) -> None:
    over = store.s3.put_object(
        Bucket=version.bucket, Key=version.key, Body=b"another story", ChecksumSHA256=checksum(b"another story")
    )
    assert over["VersionId"] != version.version_id
    newest = store.s3.get_object(Bucket=version.bucket, Key=version.key)["Body"].read()
    assert newest == b"another story"
    assert store.read(version) == version.body
    assert store.refused(store.s3.delete_object, **version.place) in _DENIED


@for_each_write("a delete marker hides it; the version stays, readable by its id and locked")
def _hidden(store: LockedStore, version: Locked) -> None:
    marker = store.s3.delete_object(Bucket=version.bucket, Key=version.key)
    assert marker["DeleteMarker"] is True
    code = store.refused(store.s3.get_object, Bucket=version.bucket, Key=version.key)
    assert code in {"NoSuchKey", "404"}
    assert store.read(version) == version.body
    assert store.refused(store.s3.delete_object, **version.place) in _DENIED


@for_each_write("a bucket that holds it cannot be deleted")
def _bucket_stays(store: LockedStore, version: Locked) -> None:
    assert store.refused(store.s3.delete_bucket, Bucket=version.bucket) == "BucketNotEmpty"
    assert store.read(version) == version.body


@proof("segment: a second put under its key is refused (If-None-Match), and the first stays the only version")
def _second_put(store: LockedStore) -> None:
    version = store.sealed()
    assert not store.vault.put_once(version.key, b"another", "application/x-ndjson")
    assert store.vault.read(version.key) == version.body
    assert versions(store, version) == [version.version_id]


@proof("segment: of eight puts at once under one key exactly one succeeds")
def _race(store: LockedStore) -> None:
    key = f"log/v1/prod/acme/1/seg/{secrets.token_hex(6)}.ndjson.gz"
    bodies = [secrets.token_bytes(64) for _ in range(_RIVALS)]
    with ThreadPoolExecutor(_RIVALS) as rivals:
        won = list(rivals.map(lambda body: store.vault.put_once(key, body, "application/x-ndjson"), bodies))
    assert won.count(True) == 1
    assert store.vault.read(key) == bodies[won.index(True)]


@proof("segment: a body that does not have the stated SHA-256 is refused, and nothing lies there")
def _damaged(store: LockedStore) -> None:
    key = f"log/v1/prod/acme/1/seg/{secrets.token_hex(6)}.ndjson.gz"
    asked: dict[str, Any] = {"Bucket": store.vault_name, "Key": key, "Body": b"damaged", "IfNoneMatch": "*"}
    code = store.refused(store.s3.put_object, **asked, ChecksumSHA256=checksum(b"whole"))
    assert code in {"BadDigest", "InvalidRequest", "XAmzContentChecksumMismatch", "InvalidDigest"}
    assert store.refused(store.s3.head_object, Bucket=store.vault_name, Key=key) == "404"


@proof("archive in parts, copied: holds the very version that it was copied from, and opens")
def _whole(store: LockedStore) -> None:
    version = store.bundled(store.parts)
    with zipfile.ZipFile(io.BytesIO(version.body)) as opened:
        assert opened.testzip() is None
        assert (opened.read("small"), opened.read("large")) == (b"small", LARGE)


@proof("archive in parts, copied: its completion is refused where the key is taken, and no upload is left")
def _completion_refused(store: LockedStore) -> None:
    version = store.bundled(store.small_parts)
    assert assemble(store.archive(), version.key, store.parts) == KeyTaken(version.key)
    assert store.read(version) == version.body
    assert versions(store, version) == [version.version_id]
    left = store.s3.list_multipart_uploads(Bucket=version.bucket).get("Uploads", [])
    assert [upload for upload in left if upload["Key"] == version.key] == []


@proof("bucket: versioning cannot be suspended", (SEAWEEDFS,))
def _versioned(store: LockedStore) -> None:
    for bucket in (store.vault_name, store.exports_name):
        suspended = {"Status": "Suspended"}
        code = store.refused(store.s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=suspended)
        assert code in {"InvalidBucketState", *_DENIED}
        assert store.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def versions(store: LockedStore, version: Locked) -> list[str]:
    found = store.s3.list_object_versions(Bucket=version.bucket, Prefix=version.key)
    return [each["VersionId"] for each in found.get("Versions", [])]


def checksum(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def rows() -> Iterator[tuple[str, ...]]:
    """Give the rows of the table in docs/operations.md: what was tried, on what, and on which engine it held."""
    written_by: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for says, engines in ENGINES.items():
        written, tried = says.split(": ", 1)
        written_by.setdefault((tried, engines), []).append(written)
    for (tried, engines), on_what in written_by.items():
        marks = ("held" if engine in engines else "not enforced by it" for engine in BOTH)
        yield tried, "; ".join(on_what), *marks
