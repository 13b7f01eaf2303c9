"""Which keys may have signed: the ledger key of KMS, and before it those that a statement signed by both names.

Nothing is trusted because it lies in the bucket: `keys/<kid>.pem` is compared with the key, never taken from there
before its name was signed by a key that is trusted already.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.audit_verify.findings import Report
from functions.audit_verify.ports import Vault
from shared.audit.canonical import canonical
from shared.evidence.vault import public_key_key

_MOST_KEYS = 1_000
_STATEMENT = {"type", "v", "log", "previous", "next", "at"}


@dataclass(frozen=True, slots=True)
class Trust:
    """`keys` by kid; `order` are their kids, oldest first.

    `stated` are the changes (previous, next) that both keys signed, `laid` the kids whose PEM lies in the vault.
    """

    keys: Mapping[str, bytes]
    order: tuple[str, ...]
    stated: frozenset[tuple[str, str]]
    laid: frozenset[str]

    def verifies(self, kid: str, signature: bytes | None, body: bytes) -> bool:
        """Verify DER ECDSA P-256 with SHA-256; `False` for a key that is not trusted."""
        return kid in self.keys and signature is not None and _verifies(self.keys[kid], signature, body)

    def may_follow(self, previous: str, following: str) -> bool:
        """Tell whether the key may change like this from one digest to the next."""
        return previous == following or (previous, following) in self.stated


def kid_of(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


def der_of(pem: bytes | None) -> bytes:
    """Read a PEM of one public key; empty bytes for anything else."""
    lines = (pem or b"").strip().splitlines()
    try:
        return base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except binascii.Error:
        return b""


def read_trust(vault: Vault, log: str, pinned: Sequence[bytes], report: Report) -> Trust:
    """Follow the rotation statements back from the `pinned` keys (DER SPKI, oldest first); faults are findings.

    A key that waits for its turn has neither a statement nor a PEM in the vault yet, and signs nothing.
    """
    keys = {kid_of(der): der for der in pinned}
    waiting, stated = list(keys), set[tuple[str, str]]()
    while waiting and len(keys) < _MOST_KEYS:
        kid = waiting.pop()
        previous = _predecessor(vault, log, kid, keys[kid], report)
        if previous is None:
            continue
        stated.add((kid_of(previous), kid))
        if kid_of(previous) not in keys:
            keys = {kid_of(previous): previous} | keys
            waiting.append(kid_of(previous))
    laid = {kid for kid, der in keys.items() if _laid(vault, kid, der, report)}
    return Trust(keys, tuple(keys), frozenset(stated), frozenset(laid))


def check_key_files(vault: Vault, trust: Trust, report: Report) -> None:
    """Find versions, markers and strangers in the folder of the keys."""
    ours = {public_key_key(kid) for kid in trust.order}
    for kid in trust.order:
        statement = f"keys/{kid}.rotation.json"
        ours |= {statement, f"{statement}.previous.sig", f"{statement}.next.sig"}
    seen: set[str] = set()
    for version in vault.versions("keys/"):
        if version.marker:
            report.add("delete_marker", version.key, None, version.version_id)
        elif version.key in seen:
            report.add("object_version", version.key, 1, 2)
        elif version.key not in ours:
            report.add("foreign_object", version.key)
        if not version.marker:
            seen.add(version.key)


def _laid(vault: Vault, kid: str, der: bytes, report: Report) -> bool:
    key = public_key_key(kid)
    pem = vault.read(key)
    if pem is not None and der_of(pem) != der:
        report.add("key_file_differs", key, kid, kid_of(der_of(pem)))
    return pem is not None


def _predecessor(vault: Vault, log: str, kid: str, der: bytes, report: Report) -> bytes | None:
    """Give the key before `kid`, if a statement that `kid` signed names it and it signed as well."""
    name = f"keys/{kid}.rotation.json"
    body = vault.read(name)
    if body is None:
        return None
    previous = _named_predecessor(body, log, kid)
    found = der_of(vault.read(public_key_key(previous))) if previous else b""
    by_next, by_previous = vault.read(f"{name}.next.sig"), vault.read(f"{name}.previous.sig")
    if not found or kid_of(found) != previous or not _verifies(der, by_next, body):
        report.add("rotation_invalid", name, previous, kid_of(found) if found else None)
        return None
    if not _verifies(found, by_previous, body):
        report.add("rotation_invalid", name, previous, "not signed by it")
        return None
    return found


def _named_predecessor(body: bytes, log: str, kid: str) -> str | None:
    try:
        stated = json.loads(body)
        exact = isinstance(stated, dict) and set(stated) >= _STATEMENT and canonical(stated) == body
    except ValueError:
        return None
    if not exact or (stated["type"], stated["log"], stated["next"]) != ("key-rotation", log, kid):
        return None
    return str(stated["previous"])


def _verifies(der: bytes, signature: bytes | None, body: bytes) -> bool:
    try:
        public = serialization.load_der_public_key(der)
        if not isinstance(public, ec.EllipticCurvePublicKey) or signature is None:
            return False
        public.verify(signature, body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
