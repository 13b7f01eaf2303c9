"""The sealed successor: kept beside the session, readable only by whoever presents the parent.

AES-256-GCM under a key derived from the parent token (HKDF-SHA256, RFC 5869) and bound to the session. The store never
holds the parent, only its hash, so a leak of the tables opens nothing and lets nobody mint a token.
"""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12  # NIST SP 800-38D section 8.2.2; each key seals one value once


def seal(parent: str, session_id: str, successor: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(parent, session_id).encrypt(nonce, successor.encode(), None)


def unseal(parent: str, session_id: str, sealed: bytes) -> str:
    """Open what `seal` made with the same parent and session; raises `ValueError` for anything else."""
    try:
        opened = _cipher(parent, session_id).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
    except InvalidTag as fault:
        raise ValueError(f"the sealed successor of session {session_id} does not open") from fault
    return opened.decode()


def _cipher(parent: str, session_id: str) -> AESGCM:
    info = f"rt-seal|{session_id}".encode()
    return AESGCM(HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(parent.encode()))
