"""A proof of inclusion as a text that stands for itself (c2sp.org/tlog-proof)."""

from __future__ import annotations

import base64
from collections.abc import Sequence

_HEADER = "c2sp.org/tlog-proof@v1"


def tlog_proof(index: int, path: Sequence[bytes], note: str) -> str:
    """Write the proof; `note` is the signed checkpoint, verbatim. No `extra` line: nothing in it would be proven."""
    hashes = [base64.b64encode(node).decode() for node in path]
    return "\n".join([_HEADER, f"index {index}", *hashes, "", note])
