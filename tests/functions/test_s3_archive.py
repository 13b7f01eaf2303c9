"""An archive that is larger than one request: copied inside the store, locked, and whole or not there at all."""

import io
import secrets
import zipfile
import zlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest

from shared.evidence.deflate import Fragment
from shared.evidence.multipart_packing import CopyPart, GluePart, Part, pack
from shared.evidence.s3_archive import Retention, S3Archive, Workbench
from shared.evidence.zip_by_reference import Assembled, KeyTaken, assemble
from shared.evidence.zip_layout import Entry, ObjectRange, Piece, layout
from tests.functions.archive import Archive
from tests.functions.company import archive

__all__ = ["archive"]

NOW = 1_790_000_000.0
BODY = secrets.token_bytes(12 << 20)


@pytest.fixture
def key() -> str:
    return f"bundles/acme/{secrets.token_hex(4)}/x.zip"


@pytest.fixture
def store(archive: Archive) -> S3Archive:
    return S3Archive(archive.s3, archive.exports_name, Retention.of("GOVERNANCE", 1), NOW + 10_000_000)


@pytest.fixture(scope="module")
def parts(archive: Archive) -> Sequence[Part]:
    """Pack a small file and a large one that stands in a versioned object with a newer version in front."""
    put = archive.s3.put_object(Bucket=archive.exports_name, Key="rendering/acme/large", Body=BODY)
    archive.s3.put_object(Bucket=archive.exports_name, Key="rendering/acme/large", Body=b"another")
    size = len(BODY)
    large = Fragment("stored", zlib.crc32(BODY), size, size, sha256(BODY).hexdigest())
    source = ObjectRange(archive.exports_name, "rendering/acme/large", put["VersionId"], 0, size, size)
    small = Fragment("stored", zlib.crc32(b"small"), 5, 5, sha256(b"small").hexdigest())
    entries = [Entry("small", "stored", (Piece(small, b"small"),)), Entry("large", "stored", (Piece(large, source),))]
    return pack(layout(entries))


def uploads(archive: Archive, key: str) -> list[Any]:
    found = archive.s3.list_multipart_uploads(Bucket=archive.exports_name)
    return [upload for upload in found.get("Uploads", []) if upload["Key"] == key]


def test_large_archive_is_copied_inside_the_store_and_locked(
    archive: Archive, store: S3Archive, parts: Sequence[Part], key: str
) -> None:
    assert {type(part) for part in parts} == {CopyPart, GluePart}
    outcome = assemble(store, key, parts)
    assert isinstance(outcome, Assembled)
    assert outcome.sha256 is None
    answer = archive.s3.get_object(Bucket=archive.exports_name, Key=key, VersionId=str(outcome.stored.version_id))
    with zipfile.ZipFile(io.BytesIO(answer["Body"].read())) as opened:
        assert opened.testzip() is None
        assert (opened.read("small"), opened.read("large")) == (b"small", BODY)
    assert answer["ObjectLockMode"] == "GOVERNANCE"
    assert answer["ObjectLockRetainUntilDate"].timestamp() == NOW + 10_000_000 + 86_400
    assert answer["ContentType"] == "application/zip"


def test_taken_key_is_an_answer_and_leaves_no_upload(
    archive: Archive, store: S3Archive, parts: Sequence[Part], key: str
) -> None:
    archive.s3.put_object(Bucket=archive.exports_name, Key=key, Body=b"first")
    assert assemble(store, key, parts) == KeyTaken(key)
    assert archive.s3.get_object(Bucket=archive.exports_name, Key=key)["Body"].read() == b"first"
    assert uploads(archive, key) == []


def test_source_that_is_gone_aborts_the_upload(
    archive: Archive, store: S3Archive, parts: Sequence[Part], key: str
) -> None:
    (copied,) = [part for part in parts if isinstance(part, CopyPart)]
    source = copied.source
    gone = ObjectRange(source.bucket, "rendering/acme/gone", None, 0, source.length, source.object_bytes)
    with pytest.raises(archive.s3.exceptions.ClientError):
        assemble(store, key, [parts[0], CopyPart(gone), *parts[2:]])
    assert uploads(archive, key) == []
    assert "Contents" not in archive.s3.list_objects_v2(Bucket=archive.exports_name, Prefix=key)


@pytest.mark.parametrize(
    ("mode", "expected"), [("GOVERNANCE", "GOVERNANCE"), ("COMPLIANCE", "COMPLIANCE"), ("", "COMPLIANCE")]
)
def test_whatever_does_not_say_governance_is_locked_strictly(mode: str, expected: str) -> None:
    assert Retention.of(mode, 3).mode == expected


def test_a_piece_that_grows_beyond_one_part_appears_whole_and_can_be_copied_from(
    archive: Archive, store: S3Archive, key: str
) -> None:
    bench = Workbench(archive.s3, archive.exports_name, "acme", key.split("/")[2])
    piece = bench.growing("fragment")
    for start in range(0, len(BODY), 1_000_003):
        piece.write(BODY[start : start + 1_000_003])
    assert uploads(archive, bench.key("fragment")), "it grows in parts"
    version, size = piece.close(), len(BODY)
    assert (piece.size, bench.read("fragment")) == (size, BODY)
    described = Fragment("stored", zlib.crc32(BODY), size, size, sha256(BODY).hexdigest())
    source = ObjectRange(archive.exports_name, bench.key("fragment"), version, 0, size, size)
    parts = pack(layout([Entry("one", "stored", (Piece(described, source),))]))
    assert any(isinstance(part, CopyPart) and part.size > 5 << 20 for part in parts)
    assert isinstance(assemble(store, key, parts), Assembled)
    body = archive.s3.get_object(Bucket=archive.exports_name, Key=key)["Body"].read()
    assert zipfile.ZipFile(io.BytesIO(body)).read("one") == BODY


def test_a_piece_that_was_given_up_leaves_no_upload(archive: Archive, key: str) -> None:
    bench = Workbench(archive.s3, archive.exports_name, "acme", key.split("/")[2])
    piece = bench.growing("fragment")
    piece.write(BODY[: 6 << 20])
    piece.abort()
    assert uploads(archive, bench.key("fragment")) == []
    small = bench.growing("small")
    small.write(b"small")
    small.close()
    assert bench.read("small") == b"small"
