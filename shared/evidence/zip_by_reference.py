"""Builds an archive in object storage out of fragments that are there already, by server copies.

Rules
- The object appears whole or not at all: every failure aborts the upload, and completion demands
  that the key is free.
- A key that is taken is an answer, not an error: the step that assembles may run twice, and its
  caller decides what to adopt.
- An archive of one glue part is put in one request; only then is its SHA-256 known here.
- Memory is bounded by `workers` glue parts, at any size of the archive.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.evidence.multipart_packing import CopyPart, GluePart, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.evidence.zip_layout import Chunk, ObjectRange


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

    def put(self, key: str, body: bytes) -> Stored | KeyTaken: ...

    def read(self, source: ObjectRange) -> bytes:
        """Return exactly `source.length` bytes of that version."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """`sha256` is lower-case hex of the archive, None when its bytes never passed through here."""

    stored: Stored
    total_bytes: int
    sha256: str | None


def assemble(store: ArchiveStore, key: str, parts: Sequence[Part], *, workers: int = 4) -> Assembled | KeyTaken:
    """Execute a packing. What the store raises is raised again, after the upload was aborted."""
    if len(parts) == 1 and isinstance(parts[0], GluePart):
        return _put(store, key, parts[0])
    upload_id = store.create(key)
    try:
        outcome = store.complete(key, upload_id, _send(store, key, upload_id, parts, workers))
    except BaseException as error:
        _abort_after(error, store, key, upload_id)
        raise
    if isinstance(outcome, KeyTaken):
        store.abort(key, upload_id)
        return outcome
    return Assembled(outcome, sum(part.size for part in parts), None)


def _put(store: ArchiveStore, key: str, part: GluePart) -> Assembled | KeyTaken:
    body = _glued(store, part)
    outcome = store.put(key, body)
    if isinstance(outcome, KeyTaken):
        return outcome
    return Assembled(outcome, len(body), hashlib.sha256(body).hexdigest())


def _send(store: ArchiveStore, key: str, upload_id: str, parts: Sequence[Part], workers: int) -> list[PartReceipt]:
    """Send every part, and return the receipts in order.

    Returns or raises only when no request is under way any more, so that an abort is final.
    """

    def send(number: int, part: Part) -> PartReceipt:
        if isinstance(part, CopyPart):
            return store.copy_part(key, upload_id, number, part.source)
        return store.upload_part(key, upload_id, number, _glued(store, part))

    with ThreadPoolExecutor(workers) as pool:
        # At the first failure `map` cancels what has not started; leaving waits for what has.
        return list(pool.map(send, range(1, len(parts) + 1), parts))


def _glued(store: ArchiveStore, part: GluePart) -> bytes:
    return b"".join(_bytes_of(store, chunk) for chunk in part.chunks)


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
