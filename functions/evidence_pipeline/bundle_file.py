"""One file of the bundle on its way into the archive: pieces, and what the manifest says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.evidence_pipeline.assemble import piece_document
from shared.evidence.deflate import Method, deflate, store
from shared.evidence.zip_layout import Piece


@dataclass(frozen=True, slots=True)
class BundleFile:
    """`facts` are the manifest members beyond path, bytes, hashes.

    `fragments`, as (bytes, SHA-256), are given where the manifest tells smaller ones apart than the pieces are.
    """

    path: str
    method: Method
    pieces: tuple[Piece, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    fragments: Sequence[tuple[int, str]] | None = None

    def entry(self) -> dict[str, Any]:
        """Describe the archive entry for the assembling step."""
        pieces = [piece_document(piece.fragment, piece.body) for piece in self.pieces]
        return {"name": self.path, "method": self.method, "pieces": pieces}

    def listed(self) -> dict[str, Any]:
        """Give the manifest's member. SHA-256 does not combine: several fragments have no hash of the whole."""
        of_pieces = [(piece.fragment.content_bytes, piece.fragment.content_sha256) for piece in self.pieces]
        fragments = self.fragments or of_pieces
        member: dict[str, Any] = {"path": self.path, "bytes": sum(size for size, _ in fragments)}
        if len(fragments) == 1:
            member["sha256"] = fragments[0][1]
        member["fragments"] = [{"bytes": size, "sha256": sha256} for size, sha256 in fragments]
        return {**member, **self.facts}


def inline_piece(content: bytes) -> Piece:
    stored = bytearray()
    fragment = deflate([content], stored.extend)
    return Piece(fragment, bytes(stored))


def inline_file(path: str, content: bytes, **facts: Any) -> BundleFile:  # noqa: ANN401 - members of the manifest
    return BundleFile(path, "deflate", (inline_piece(content),), {"derivable": False, **facts})


def stored_file(path: str, pieces: Sequence[Piece], **facts: Any) -> BundleFile:  # noqa: ANN401 - as above
    """Make a file whose bytes are compressed already; of no pieces, an empty file."""
    return BundleFile(path, "stored", tuple(pieces) or (Piece(store([], len), b""),), facts)
