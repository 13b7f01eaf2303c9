"""What a log contributes to the daily anchor (docs/formats.md, "Anchor")."""

from __future__ import annotations

import hashlib

from shared.audit.canonical import canonical
from shared.audit.merkle import leaf_hash


def anchor_leaf(origin: str, size: int, root: str) -> bytes:
    """Give the leaf hash of a tree head, `root` in base64. The origin is hashed: a leaf names nobody."""
    origin_sha256 = hashlib.sha256(origin.encode()).hexdigest()
    return leaf_hash(canonical({"origin_sha256": origin_sha256, "root": root, "size": size}))
