"""Builds an archive in object storage out of fragments that are there already, by server copies.

Rules
- The object appears whole or not at all: every failure aborts the upload, and completion demands
  that the key is free.
- A key that is taken is an answer, not an error: the step that assembles may run twice, and its
  caller decides what to adopt.
- An archive of one glue part is put in one request; only then is its SHA-256 known here.
- Memory is bounded by `workers` glue parts, at any size of the archive; what a glue part is made of is read
  `_READERS` pieces at a time.
- What an earlier run left of an upload to the key is given up before a new one begins.
"""

from __future__ import annotations

import functools
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.evidence.multipart_packing import CopyPart, GluePart, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.evidence.zip_layout import Chunk, ObjectRange


_READERS = 16


@dataclass(frozen=True, slots=True)
class PartReceipt:
    """What the store says of a part and wants to hear again at completion; numbers start at 1."""

    number: int
    etag: str
    checksum_sha256: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    """The object as the store has it."""

    version_id: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class KeyTaken:
    """The store refused to complete (412): an object already has this key."""

    key: str


class ArchiveStore(Protocol):
    """One bucket to write to, any bucket to read from. Calls come from several threads.

    `complete` and `put` send `If-None-Match: *`. Failures are exceptions of the adapter's own.
    """

    def create(self, key: str) -> str:
        """Begin a multipart upload and returns its id."""

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> PartReceipt: ...

    def copy_part(self, key: str, upload_id: str, number: int, source: ObjectRange) -> PartReceipt: ...

    def complete(self, key: str, upload_id: str, receipts: Sequence[PartReceipt]) -> Stored | KeyTaken: ...

    def abort(self, key: str, upload_id: str) -> None: ...

    def abort_earlier(self, key: str) -> None:
        """Abort every upload to the key that was never completed."""

    def put(self, key: str, body: bytes) -> Stored | KeyTaken: ...

    def read(self, source: ObjectRange) -> bytes:
        """Return exactly `source.length` bytes of that version."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """`sha256` is lower-case hex of the archive, None when its bytes never passed through here."""

    stored: Stored
    total_bytes: int
    sha256: str | None


def assemble(
    store: ArchiveStore, key: str, parts: Sequence[Part], *, workers: int = 4, told: Callable[[int], None] | None = None
) -> Assembled | KeyTaken:
    """Execute a packing. What the store raises is raised again, after the upload was aborted.

    `told` hears how many parts are sent, for the last time before the object appears; what it raises ends the assembly.
    """
    store.abort_earlier(key)
    with ThreadPoolExecutor(_READERS) as readers:
        bench = _Bench(store, key, readers, told or _untold)
        if len(parts) == 1 and isinstance(parts[0], GluePart):
            return bench.put(parts[0])
        upload_id = store.create(key)
        try:
            outcome = store.complete(key, upload_id, bench.send(upload_id, parts, workers))
        except BaseException as error:
            _abort_after(error, store, key, upload_id)
            raise
    if isinstance(outcome, KeyTaken):
        store.abort(key, upload_id)
        return outcome
    return Assembled(outcome, sum(part.size for part in parts), None)


@dataclass(frozen=True, slots=True)
class _Bench:
    store: ArchiveStore
    key: str
    readers: ThreadPoolExecutor
    told: Callable[[int], None]

    def put(self, part: GluePart) -> Assembled | KeyTaken:
        body = self._glued(part)
        self.told(1)
        outcome = self.store.put(self.key, body)
        if isinstance(outcome, KeyTaken):
            return outcome
        return Assembled(outcome, len(body), hashlib.sha256(body).hexdigest())

    def send(self, upload_id: str, parts: Sequence[Part], workers: int) -> list[PartReceipt]:
        """Send every part, and return the receipts in order.

        Returns or raises only when no request is under way any more, so that an abort is final.
        """

        def send(number: int, part: Part) -> PartReceipt:
            if isinstance(part, CopyPart):
                return self.store.copy_part(self.key, upload_id, number, part.source)
            return self.store.upload_part(self.key, upload_id, number, self._glued(part))

        receipts: list[PartReceipt] = []
        pool = ThreadPoolExecutor(workers)
        try:
            for receipt in pool.map(send, range(1, len(parts) + 1), parts):
                receipts.append(receipt)
                self.told(len(receipts))
        finally:
            pool.shutdown(cancel_futures=True)
        return receipts

    def _glued(self, part: GluePart) -> bytes:
        return b"".join(self.readers.map(functools.partial(_bytes_of, self.store), part.chunks))


def _untold(_sent: int) -> None:
    pass


def _bytes_of(store: ArchiveStore, chunk: Chunk) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    body = store.read(chunk)
    if len(body) != chunk.length:
        raise RuntimeError(f"{chunk.key}: read {len(body)} bytes, expected {chunk.length}")
    return body


def _abort_after(error: BaseException, store: ArchiveStore, key: str, upload_id: str) -> None:
    """Abort, keeping the first error as the one that is reported.

    An upload that cannot be aborted is left to the bucket's lifecycle rule.
    """
    try:
        store.abort(key, upload_id)
    except Exception as second:  # noqa: BLE001 - noted on the error that is being raised
        error.add_note(f"upload {upload_id} could not be aborted: {second!r}")
