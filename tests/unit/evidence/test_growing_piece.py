"""A piece that grows in the working folder: what of it is in memory, and what S3 hears."""

import hashlib
import tracemalloc
from base64 import b64encode
from typing import IO, Any, cast

from shared.evidence.s3_archive import PART_BYTES, GrowingPiece

BLOCK = bytes(range(256)) * 256  # 64 KiB


class S3:
    """Reads bodies to their ends, as S3 does, and keeps their hashes."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, str, int]] = []
        self.aborted: list[str] = []

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"UploadId": "u_1"}

    def upload_part(self, *, PartNumber: int, Body: IO[bytes], ChecksumSHA256: str, **_: Any) -> dict[str, str]:  # noqa: N803 - as boto3
        self._take(PartNumber, Body, ChecksumSHA256)
        return {"ETag": f"e_{PartNumber}"}

    def put_object(self, *, Body: IO[bytes], ChecksumSHA256: str, **_: Any) -> dict[str, str]:  # noqa: N803 - as boto3
        self._take(0, Body, ChecksumSHA256)
        return {"VersionId": "v_1"}

    def complete_multipart_upload(self, *, MultipartUpload: Any, **_: Any) -> dict[str, str]:  # noqa: N803 - as boto3
        assert [part["PartNumber"] for part in MultipartUpload["Parts"]] == [number for number, *_ in self.parts]
        return {"VersionId": "v_2"}

    def abort_multipart_upload(self, *, UploadId: str, **_: Any) -> None:  # noqa: N803 - as boto3
        self.aborted.append(UploadId)

    def _take(self, number: int, body: IO[bytes], checksum: str) -> None:
        digest, size = hashlib.sha256(), 0
        while block := body.read(8_192):
            digest.update(block)
            size += len(block)
        assert checksum == b64encode(digest.digest()).decode()
        self.parts.append((number, digest.hexdigest(), size))


def grown(s3: S3, blocks: int) -> GrowingPiece:
    piece = GrowingPiece(cast("Any", s3), "exports", "work/piece")
    for _ in range(blocks):
        piece.write(BLOCK)
    return piece


def test_a_small_piece_is_put_in_one_request() -> None:
    s3 = S3()
    assert grown(s3, 3).close() == "v_1"
    assert s3.parts == [(0, hashlib.sha256(BLOCK * 3).hexdigest(), 3 * len(BLOCK))]


def test_a_piece_of_several_parts_is_its_bytes_in_order_and_no_part_is_too_small() -> None:
    s3, of_a_part = S3(), PART_BYTES // len(BLOCK)
    assert grown(s3, 2 * of_a_part + 1).close() == "v_2"
    sizes = [size for _, _, size in s3.parts]
    assert sizes == [PART_BYTES, PART_BYTES, len(BLOCK)]
    assert [digest for _, digest, _ in s3.parts] == [
        hashlib.sha256(BLOCK * count).hexdigest() for count in (of_a_part, of_a_part, 1)
    ]


def test_a_piece_that_ends_with_a_part_sends_no_empty_one() -> None:
    s3 = S3()
    assert grown(s3, PART_BYTES // len(BLOCK)).close() == "v_2"
    assert len(s3.parts) == 1


def test_what_waits_to_be_sent_and_what_is_sent_is_not_in_memory() -> None:
    tracemalloc.start()
    pieces = [grown(S3(), PART_BYTES // len(BLOCK) * 2 - 1) for _ in range(4)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(piece.size for piece in pieces) > 8 * PART_BYTES - 5 * len(BLOCK)
    assert peak < PART_BYTES // 4
    for piece in pieces:
        piece.abort()


def test_a_piece_that_was_given_up_has_no_upload_left() -> None:
    s3 = S3()
    grown(s3, PART_BYTES // len(BLOCK)).abort()
    grown(s3, 1).abort()
    assert s3.aborted == ["u_1"]
