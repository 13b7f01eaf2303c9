"""Buckets and objects in the embedded S3: locks, versions, checksums."""

import base64
import hashlib
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.tiny_stack import TinyStack

FIRST_PART = b"p" * (5 * 1024 * 1024)


@pytest.fixture(scope="module")
def s3(tiny_stack: TinyStack) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=tiny_stack.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def vault(tiny_stack: TinyStack) -> str:
    return tiny_stack.outputs["Vault"]


def upload_in_parts(s3: Any, bucket: str, key: str, **begun_with: object) -> dict[str, Any]:
    """Upload one part and copy another by reference."""
    source = f"{key}-source"
    s3.put_object(Bucket=bucket, Key=source, Body=FIRST_PART)
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256", **begun_with)["UploadId"]
    where = {"Bucket": bucket, "Key": key, "UploadId": upload}
    first = s3.upload_part_copy(**where, PartNumber=1, CopySource={"Bucket": bucket, "Key": source})["CopyPartResult"]
    last = s3.upload_part(**where, PartNumber=2, Body=b"end", ChecksumAlgorithm="SHA256")
    parts = [
        {"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
        for number, part in ((1, first), (2, last))
    ]
    return dict(s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}))


def refused(call: Any, **arguments: object) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**arguments)
    return str(refusal.value.response["Error"]["Code"])


def test_the_lock_of_the_template_is_the_lock_of_the_bucket(s3: Any, vault: str) -> None:
    lock = s3.get_object_lock_configuration(Bucket=vault)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 1}
    assert s3.get_bucket_versioning(Bucket=vault)["Status"] == "Enabled"


def test_a_locked_version_cannot_be_deleted(s3: Any, vault: str) -> None:
    version = s3.put_object(Bucket=vault, Key="put", Body=b"1")["VersionId"]
    where = {"Bucket": vault, "Key": "put", "VersionId": version}
    assert refused(s3.delete_object, **where, BypassGovernanceRetention=True) == "AccessDenied"


def test_an_object_uploaded_in_parts_has_the_default_lock(s3: Any, vault: str) -> None:
    version = upload_in_parts(s3, vault, "parts")["VersionId"]
    where = {"Bucket": vault, "Key": "parts", "VersionId": version}
    assert s3.get_object_retention(**where)["Retention"]["Mode"] == "COMPLIANCE"
    assert refused(s3.delete_object, **where) == "AccessDenied"


def test_an_object_uploaded_in_parts_has_the_lock_it_was_begun_with(s3: Any, vault: str) -> None:
    until = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    done = upload_in_parts(s3, vault, "own", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    where = {"Bucket": vault, "Key": "own", "VersionId": done["VersionId"]}
    retention = s3.get_object_retention(**where)["Retention"]
    assert retention["Mode"] == "GOVERNANCE"
    assert abs((retention["RetainUntilDate"] - until).total_seconds()) <= 1


def test_a_copied_part_counts_in_the_checksum_of_the_whole(s3: Any, vault: str) -> None:
    done = upload_in_parts(s3, vault, "checked")
    digests = [hashlib.sha256(part).digest() for part in (FIRST_PART, b"end")]
    whole = base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()
    assert done["ChecksumSHA256"] == f"{whole}-2"


def test_a_put_returns_the_checksum_it_verified(s3: Any, vault: str) -> None:
    digest = base64.b64encode(hashlib.sha256(b"body").digest()).decode()
    put = s3.put_object(Bucket=vault, Key="sum", Body=b"body", ChecksumSHA256=digest)
    assert put["ChecksumSHA256"] == digest


def test_a_put_with_another_bodys_checksum_is_refused(s3: Any, vault: str) -> None:
    digest = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    where = {"Bucket": vault, "Key": "bad", "Body": b"body", "ChecksumSHA256": digest}
    assert refused(s3.put_object, **where) == "BadDigest"


def test_a_key_is_created_once_when_asked_so(s3: Any, vault: str) -> None:
    where = {"Bucket": vault, "Key": f"once-{time.time_ns()}", "IfNoneMatch": "*"}
    s3.put_object(**where, Body=b"first")
    assert refused(s3.put_object, **where, Body=b"second") == "PreconditionFailed"


def test_a_range_of_one_version_is_read(s3: Any, vault: str) -> None:
    version = s3.put_object(Bucket=vault, Key="range", Body=b"0123456789")["VersionId"]
    s3.put_object(Bucket=vault, Key="range", Body=b"another")
    where = {"Bucket": vault, "Key": "range", "VersionId": version}
    read = s3.get_object(**where, Range="bytes=2-4")
    assert read["Body"].read() == b"234"
    assert read["ContentRange"] == "bytes 2-4/10"
    assert refused(s3.get_object, **where, Range="bytes=10-") == "InvalidRange"


def test_a_presigned_link_gives_its_version_under_the_name_it_says(s3: Any, vault: str) -> None:
    version = s3.put_object(Bucket=vault, Key="zip", Body=b"bundle")["VersionId"]
    wanted = {
        "Bucket": vault,
        "Key": "zip",
        "VersionId": version,
        "ResponseContentDisposition": 'attachment; filename="evidence.zip"',
    }
    link = s3.generate_presigned_url("get_object", Params=wanted, ExpiresIn=60)
    with urllib.request.urlopen(link, timeout=5) as answer:  # noqa: S310 -- http, ours
        assert answer.read() == b"bundle"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="evidence.zip"'
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link.replace("zip?", "put?"), timeout=5)  # noqa: S310 -- as above
