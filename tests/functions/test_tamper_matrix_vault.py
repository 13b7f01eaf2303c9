"""An intruder with every right at S3 and DynamoDB: what he does to a log is found, by name, and nothing else is.

The whole matrix, with what even such an intruder cannot do, is tests/unit/audit_verify; this is its part that the
embedded AWS lets somebody do: governance is bypassed, locks are shortened, markers and versions are put.
"""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.store.attribute import marshal
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive
from tests.functions.verifying import verified, without_anchors

__all__ = ["archive"]

START = 1_790_000_000.0
HOUR = 3_600
NOW = START + 3 * HOUR + 120


class Intruder:
    """Has every right, and no signing key."""

    def __init__(self, archive: Archive, tenant: str) -> None:
        self.archive, self.tenant = archive, tenant
        self.s3: Any = archive.s3
        self.bucket = archive.vault_name

    def key(self, kind: str, number: int, ending: str = "") -> str:
        named = {"seg": ".ndjson.gz", "digest": ".json", "checkpoint": ""}[kind]
        return f"log/v1/local/{self.tenant}/1/{kind}/{number:012d}{named}{ending}"

    def read(self, key: str) -> bytes:
        return self.archive.vault.read(key)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def hide(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def destroy(self, key: str) -> bytes:
        """Delete every version for good, past the governance lock; gives what was there."""
        body = self.read(key)
        for version in self.s3.list_object_versions(Bucket=self.bucket, Prefix=key)["Versions"]:
            if version["Key"] == key:
                named = {"Bucket": self.bucket, "Key": key, "VersionId": version["VersionId"]}
                self.s3.delete_object(**named, BypassGovernanceRetention=True)
        return body

    def shorten(self, key: str) -> None:
        until = datetime.now(UTC) + timedelta(minutes=5)
        lock = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
        self.s3.put_object_retention(Bucket=self.bucket, Key=key, Retention=lock, BypassGovernanceRetention=True)

    def replace(self, key: str, change: Callable[[bytes], bytes]) -> None:
        self.put(key, change(self.destroy(key)))

    def row(self, seq: int) -> dict[str, Any]:
        asked = {"TableName": self.archive.environ["AUDIT_LOGS_TABLE"], "Key": self._named(seq), "ConsistentRead": True}
        item: dict[str, Any] = self.archive.estate.dynamodb.call("GetItem", asked)["Item"]
        return item

    def put_row(self, item: dict[str, Any]) -> None:
        self.archive.estate._dynamodb.put_item(TableName=self.archive.environ["AUDIT_LOGS_TABLE"], Item=item)

    def delete_row(self, seq: int) -> None:
        table = self.archive.environ["AUDIT_LOGS_TABLE"]
        self.archive.estate._dynamodb.delete_item(TableName=table, Key=self._named(seq))

    def delete_seal(self, seal: str) -> None:
        key = marshal({"tenant": self.tenant, "seal": seal})
        self.archive.estate._dynamodb.delete_item(TableName=self.archive.environ["AUDIT_SEALS_TABLE"], Key=key)

    def change_seal(self, seal: str, values: dict[str, Any]) -> None:
        self.archive.estate.change_row("audit_seals", {"tenant": self.tenant, "seal": seal}, values)

    def resign(self, number: int) -> None:
        """Sign a digest with a key of his own, and say so in it."""
        mine = ec.generate_private_key(ec.SECP256R1())
        form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        digest = hashes.Hash(hashes.SHA256())
        digest.update(mine.public_key().public_bytes(*form))
        kid = digest.finalize().hex()
        key = self.key("digest", number)
        theirs = self.archive.document(key)["kid"]
        self.replace(key, lambda body: body.replace(theirs.encode(), kid.encode()))
        self.replace(f"{key}.sig", lambda _: mine.sign(self.read(key), ec.ECDSA(hashes.SHA256())))

    def _named(self, seq: int) -> dict[str, dict[str, str]]:
        return {"log_lane": {"S": f"{self.tenant}#1#0"}, "seq": {"N": str(seq)}}


@pytest.fixture
def intruder(archive: Archive) -> Intruder:
    """Let him at a log with three digests, a segment behind them, and a row behind that."""
    without_anchors(archive)
    tenant = fresh_tenant("broken-into")
    for number in range(3):
        for second in range(2):
            archive.write(tenant, START + number * HOUR + second)
        archive.sealer().seal(tenant)
        archive.digester(SetClock(START + number * HOUR + 60)).sign(tenant)
    archive.write(tenant, START + 3 * HOUR)
    archive.sealer().seal(tenant)
    archive.write(tenant, START + 3 * HOUR + 1)
    archive.write(tenant, START + 3 * HOUR + 2)
    return Intruder(archive, tenant)


def move(one: Intruder) -> None:
    one.put(one.key("seg", 2).replace("000000000002", "moved"), one.destroy(one.key("seg", 2)))


def edit(packed: bytes) -> bytes:
    return gzip.compress(gzip.decompress(packed).replace(b"AUTH_LOGOUT", b"AUTH_LOGIN0"), mtime=0)


def recompress(packed: bytes) -> bytes:
    return gzip.compress(gzip.decompress(packed), compresslevel=1, mtime=1)


SPOILED: dict[str, tuple[Callable[[Intruder], object], str]] = {
    "new version": (lambda one: one.put(one.key("seg", 1), b"x"), "object_version"),
    "new version of a digest": (lambda one: one.put(one.key("digest", 2), b"{}"), "object_version"),
    "delete marker": (lambda one: one.hide(one.key("digest", 1)), "delete_marker"),
    "segment destroyed": (lambda one: one.destroy(one.key("seg", 2)), "segment_missing"),
    "last segment destroyed": (lambda one: one.destroy(one.key("seg", 4)), "segment_missing"),
    "segment edited": (lambda one: one.replace(one.key("seg", 2), edit), "segment_version_differs"),
    "segment recompressed": (lambda one: one.replace(one.key("seg", 2), recompress), "segment_version_differs"),
    "segment moved": (move, "foreign_object"),
    "object planted": (lambda one: one.put(one.key("seg", 99), b"x"), "foreign_object"),
    "two digests destroyed": (lambda one: [one.destroy(one.key("digest", no)) for no in (1, 2)], "digest_missing"),
    "last digest destroyed": (lambda one: one.destroy(one.key("digest", 3)), "digest_missing"),
    "signature destroyed": (lambda one: one.destroy(one.key("digest", 2, ".sig")), "signature_missing"),
    "digest edited": (
        lambda one: one.replace(one.key("digest", 2), lambda body: body.replace(b'"v":1', b'"v":2')),
        "digest_signature",
    ),
    "signed by another key": (lambda one: one.resign(2), "digest_key_unknown"),
    "lock shortened": (lambda one: one.shorten(one.key("seg", 1)), "lock_shortened"),
    "sealed row deleted": (lambda one: one.delete_row(2), "row_missing"),
    "unsealed row deleted": (lambda one: one.delete_row(11), "row_missing"),
    "sealed row edited": (lambda one: one.put_row(one.row(2) | {"line": {"S": "{}"}}), "row_changed"),
    "unsealed row edited": (lambda one: one.put_row(one.row(11) | {"line": {"S": "{}"}}), "row_changed"),
    "row without a line": (lambda one: one.put_row(one._named(2)), "row_changed"),
    "row at zero": (lambda one: one.put_row(one.row(1) | {"seq": {"N": "0"}}), "row_foreign"),
    "row between two numbers": (lambda one: one.put_row(one.row(1) | {"seq": {"N": "1.5"}}), "row_foreign"),
    "row far ahead": (lambda one: one.put_row(one.row(1) | {"seq": {"N": "99"}}), "row_missing"),
    "seal row deleted": (lambda one: one.delete_seal("segment#1#000000000002"), "seal_row_missing"),
    "seal row edited": (
        lambda one: one.change_seal("segment#1#000000000002", {"sha256_raw": "00"}),
        "seal_row_differs",
    ),
    "seal head edited": (lambda one: one.change_seal("head#1", {"tree_size": 3}), "seal_row_differs"),
    "digest row edited": (lambda one: one.change_seal("digest#1#000000000002", {"sha256": "00"}), "seal_row_differs"),
}


@pytest.mark.parametrize(("spoil", "finding"), SPOILED.values(), ids=SPOILED)
def test_what_an_intruder_does_is_found_by_its_name(
    archive: Archive, intruder: Intruder, spoil: Callable[[Intruder], object], finding: str
) -> None:
    spoil(intruder)
    report = verified(archive, intruder.tenant, NOW)
    assert report is not None
    assert finding in report.counts


def test_an_untouched_log_has_nothing_to_find(archive: Archive, intruder: Intruder) -> None:
    report = verified(archive, intruder.tenant, NOW)
    assert report is not None
    assert report.findings == []


def test_a_swapped_key_is_found_and_never_used(archive: Archive, intruder: Intruder) -> None:
    kid = archive.document(intruder.key("digest", 1))["kid"]
    key = f"keys/{kid}.pem"
    honest = intruder.destroy(key)
    try:
        mine = ec.generate_private_key(ec.SECP256R1()).public_key()
        form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        intruder.put(key, mine.public_bytes(*form))
        report = verified(archive, intruder.tenant, NOW)
        assert report is not None
        assert dict(report.counts) == {"key_file_differs": 1}
    finally:
        intruder.destroy(key)
        intruder.put(key, honest)
