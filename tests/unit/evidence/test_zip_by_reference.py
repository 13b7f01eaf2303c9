"""Assembly against an in-memory store that enforces S3's rules of multipart uploads."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.evidence.deflate import Fragment, deflate, store
from shared.evidence.multipart_packing import PartLimits, pack
from shared.evidence.zip_by_reference import (
    ArchiveStore,
    Assembled,
    KeyTaken,
    PartReceipt,
    Stored,
    assemble,
)
from shared.evidence.zip_layout import Entry, ObjectRange, Piece, layout

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMITS = PartLimits(least=500, most=4000, parts=10_000, glue=800)
KEY = "t_acme/exp_1/SOC2_Evidence_2026_Q4.zip"


class S3Error(Exception):
    """The store's own exception, as an SDK raises it."""


@dataclass
class MemoryS3:
    """Objects by key, and uploads under way, judged by the same rules as S3 (scaled by LIMITS)."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    fail_at_part: int | None = None
    fail_abort: bool = False
    deny_copy: bool = False
    short_reads: bool = False
    requests: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, key: str) -> str:
        upload_id = f"upload of {key} {len(self.requests)}"
        self.uploads[upload_id] = {}
        return upload_id

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> PartReceipt:
        self.requests.append("upload_part")
        return self._keep(key, upload_id, number, body)

    def copy_part(self, key: str, upload_id: str, number: int, source: ObjectRange) -> PartReceipt:
        self.requests.append("copy_part")
        if self.deny_copy or len(self.objects[source.key]) <= LIMITS.least:
            raise S3Error("InvalidRequest: copy source too small")
        return self._keep(key, upload_id, number, self.read(source))

    def complete(self, key: str, upload_id: str, receipts: Sequence[PartReceipt]) -> Stored | KeyTaken:
        parts = self.uploads[upload_id]
        if [receipt.number for receipt in receipts] != list(range(1, len(parts) + 1)):
            raise S3Error("InvalidPartOrder")
        if any(receipt.etag != _etag(parts[receipt.number]) for receipt in receipts):
            raise S3Error("InvalidPart")
        if any(len(parts[number]) < LIMITS.least for number in range(1, len(parts))):
            raise S3Error("EntityTooSmall")
        outcome = self.put(key, b"".join(parts[receipt.number] for receipt in receipts))
        if isinstance(outcome, Stored):
            del self.uploads[upload_id]
        return outcome

    def abort(self, key: str, upload_id: str) -> None:
        if self.fail_abort:
            raise S3Error(f"SlowDown: {key}")
        del self.uploads[upload_id]

    def abort_earlier(self, key: str) -> None:
        for upload_id in [each for each in self.uploads if each.startswith(f"upload of {key} ")]:
            self.abort(key, upload_id)

    def put(self, key: str, body: bytes) -> Stored | KeyTaken:
        if key in self.objects:
            return KeyTaken(key)
        self.objects[key] = body
        return Stored("v1", _etag(body))

    def read(self, source: ObjectRange) -> bytes:
        body = self.objects[source.key]
        if source.version_id != "v1" or source.offset + source.length > len(body):
            raise S3Error("InvalidRange")
        end = source.offset + source.length - (1 if self.short_reads else 0)
        return body[source.offset : end]

    def _keep(self, key: str, upload_id: str, number: int, body: bytes) -> PartReceipt:
        if number == self.fail_at_part:
            raise S3Error(f"InternalError: {key}")
        if len(body) > LIMITS.most:
            raise S3Error("EntityTooLarge")
        with self.lock:
            self.uploads[upload_id][number] = body
        return PartReceipt(number, _etag(body), None)


def _etag(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def _noise(seed: int, size: int) -> bytes:
    """Half incompressible, half CSV, as evidence is."""
    return random.Random(seed).randbytes(size // 2) + b'"a","b"\r\n' * (size // 18)  # noqa: S311 - test data


def _put_fragment(s3: MemoryS3, key: str, content: bytes, *, stored: bool, lead: int) -> Piece:
    body = bytearray(lead)  # bytes of a neighbour before the fragment
    fragment: Fragment = (store if stored else deflate)([content], body.extend)
    s3.objects[key] = bytes(body)
    source = ObjectRange("exports", key, "v1", lead, fragment.stored_bytes, len(body))
    return Piece(fragment, source)


def bundle(s3: MemoryS3, sizes: list[list[int]]) -> tuple[list[Entry], dict[str, bytes]]:
    """Put fragments of the given content sizes, and say what the entries must inflate to."""
    entries, contents = [], {}
    for number, fragments in enumerate(sizes):
        name, stored = f"CC{number}/file.csv", number % 3 == 2
        parts = [_noise(100 * number + n, size) for n, size in enumerate(fragments)]
        pieces = [
            _put_fragment(s3, f"frag/{number}/{n}", part, stored=stored, lead=7 * (n % 2))
            for n, part in enumerate(parts)
        ]
        entries.append(Entry(name, "stored" if stored else "deflate", tuple(pieces)))
        contents[name] = b"".join(parts)
    return entries, contents


def run(s3: MemoryS3, entries: list[Entry], workers: int = 4) -> Assembled | KeyTaken:
    port: ArchiveStore = s3
    return assemble(port, KEY, pack(layout(entries), LIMITS), workers=workers)


SIZES = st.sampled_from([0, 1, 30, 499, 500, 501, 1000, 1500, 3000, 9000])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(SIZES, max_size=5), max_size=6), st.integers(1, 4))
def test_any_archive_is_accepted_by_the_store_and_reads_back(sizes: list[list[int]], workers: int) -> None:
    s3 = MemoryS3()
    entries, contents = bundle(s3, sizes)
    outcome = run(s3, entries, workers)
    assert isinstance(outcome, Assembled)
    assert outcome.total_bytes == len(s3.objects[KEY])
    with zipfile.ZipFile(io.BytesIO(s3.objects[KEY])) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents


def test_the_same_fragments_make_the_same_archive() -> None:
    archives = []
    for workers in (1, 4):
        s3 = MemoryS3()
        run(s3, bundle(s3, [[3000, 9000], [20]])[0], workers)
        archives.append(s3.objects[KEY])
    assert archives[0] == archives[1]


def test_large_fragments_are_copied_inside_the_store() -> None:
    s3 = MemoryS3()
    run(s3, bundle(s3, [[9000, 9000]])[0])
    assert s3.requests.count("copy_part") >= 2


def test_an_archive_of_one_glue_part_is_put_at_once_and_its_digest_is_known() -> None:
    s3 = MemoryS3()
    outcome = run(s3, bundle(s3, [[20], [30]])[0])
    assert isinstance(outcome, Assembled)
    assert s3.requests == []
    assert outcome.sha256 == hashlib.sha256(s3.objects[KEY]).hexdigest()


def test_the_digest_of_a_copied_archive_is_not_claimed() -> None:
    s3 = MemoryS3()
    outcome = run(s3, bundle(s3, [[9000]])[0])
    assert isinstance(outcome, Assembled)
    assert outcome.sha256 is None


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_part_that_fails_aborts_the_upload_and_completes_nothing(part: int) -> None:
    s3 = MemoryS3(fail_at_part=part)
    entries, _ = bundle(s3, [[9000, 9000], [9000]])
    with pytest.raises(S3Error, match="InternalError"):
        run(s3, entries)
    assert s3.uploads == {}
    assert KEY not in s3.objects


class Slow(MemoryS3):
    """Its first part fails once the second is under way, which takes its time."""

    def __init__(self) -> None:
        super().__init__(fail_at_part=1)
        self.under_way, self.at_the_abort, self.begun = 0, -1, threading.Event()

    def _keep(self, key: str, upload_id: str, number: int, body: bytes) -> PartReceipt:
        if number == self.fail_at_part:
            assert self.begun.wait(5)
            return super()._keep(key, upload_id, number, body)
        self.under_way += 1
        self.begun.set()
        time.sleep(0.05)
        self.under_way -= 1
        return super()._keep(key, upload_id, number, body)

    def abort(self, key: str, upload_id: str) -> None:
        self.at_the_abort = self.under_way
        super().abort(key, upload_id)


def test_an_abort_waits_for_the_parts_that_are_under_way() -> None:
    """What lands behind an abort would be stored, and paid for, for good."""
    s3 = Slow()
    entries, _ = bundle(s3, [[9000, 9000]])
    with pytest.raises(S3Error):
        assemble(s3, KEY, pack(layout(entries), LIMITS), workers=2)
    assert (s3.at_the_abort, s3.uploads) == (0, {})


def test_what_an_earlier_run_left_of_an_upload_is_given_up() -> None:
    s3 = MemoryS3()
    entries, _ = bundle(s3, [[9000, 9000]])
    s3.create(KEY)
    s3.requests.append("died")
    assert isinstance(assemble(s3, KEY, pack(layout(entries), LIMITS)), Assembled)
    assert s3.uploads == {}


def test_a_refused_copy_aborts_the_upload() -> None:
    s3 = MemoryS3(deny_copy=True)
    with pytest.raises(S3Error, match="copy source too small"):
        run(s3, bundle(s3, [[9000]])[0])
    assert s3.uploads == {}
    assert KEY not in s3.objects


@pytest.mark.parametrize("sizes", [[[9000]], [[20]]])
def test_a_fragment_read_short_never_enters_an_archive(sizes: list[list[int]]) -> None:
    s3 = MemoryS3(short_reads=True)
    with pytest.raises(RuntimeError, match=r"read \d+ bytes, expected"):
        run(s3, bundle(s3, sizes)[0])
    assert s3.uploads == {}
    assert KEY not in s3.objects


@pytest.mark.parametrize("sizes", [[[9000, 9000]], [[20]]])
def test_a_key_that_is_taken_is_left_as_it_is(sizes: list[list[int]]) -> None:
    s3 = MemoryS3()
    entries, _ = bundle(s3, sizes)
    s3.objects[KEY] = b"the first assembly"
    assert run(s3, entries) == KeyTaken(KEY)
    assert s3.objects[KEY] == b"the first assembly"
    assert s3.uploads == {}


def test_an_abort_that_fails_does_not_hide_the_first_error() -> None:
    s3 = MemoryS3(fail_at_part=2, fail_abort=True)
    with pytest.raises(S3Error, match="InternalError") as raised:
        run(s3, bundle(s3, [[9000, 9000]])[0])
    assert "could not be aborted" in raised.value.__notes__[0]
