"""Tree heads as C2SP notes (c2sp.org/tlog-checkpoint, c2sp.org/signed-note), signed with ECDSA P-256.

Three lines are signed: origin, size, base64 root. The origin names one log; a restart of it (an epoch above 1) is
another log and gets another origin, because two inconsistent trees must never be signed under one name.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes

    def body(self) -> bytes:
        """Give the signed bytes: three lines, the last newline included."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n".encode()

    def note(self, key_name: str, public_key_der: bytes, signature_der: bytes) -> bytes:
        """Append the signature line; `public_key_der` is the SPKI whose SHA-256 begins with the key id."""
        key_id = hashlib.sha256(public_key_der).digest()[:4]
        stamp = base64.b64encode(key_id + signature_der).decode()
        return self.body() + f"\n\u2014 {key_name} {stamp}\n".encode()


def origin_of(log_origin: str, tenant: str, epoch: int) -> str:
    """Name the log of `tenant`: `<log origin>/<tenant>`, and `/e<epoch>` from the second epoch on."""
    restart = f"/e{epoch}" if epoch > 1 else ""
    return f"{log_origin}/{tenant}{restart}"
