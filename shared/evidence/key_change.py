"""How one key of the ledger took over from another: the statement that both have signed, out of the vault.

Whoever may put into `keys/` can lay anything there, and it stays for as long as its lock says. So a statement says
something only under two genuine signatures, by the very keys that it names (docs/formats.md).
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from shared.evidence.signer import der_of, genuine
from shared.evidence.vault import LockedBucket, public_key_key, rotation_key


class KeyChange(NamedTuple):
    """`previous` is the kid of the key that was replaced; the signatures are DER, over `statement`."""

    previous: str
    statement: bytes
    previous_signature: bytes
    next_signature: bytes


def key_change(vault: LockedBucket, kid: str) -> KeyChange | None:
    """Read how `kid` took over; `None` where nothing says so that both keys have signed."""
    name = rotation_key(kid)
    statement = vault.find(name)
    if statement is None:
        return None
    try:
        previous, following = json.loads(statement)["previous"], json.loads(statement)["next"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if following != kid or not isinstance(previous, str):
        return None
    signatures = list[bytes]()
    for side, signer in (("previous", previous), ("next", kid)):
        pem, signature = vault.find(public_key_key(signer)), vault.find(f"{name}.{side}.sig")
        if pem is None or signature is None or not genuine(der_named(pem, signer), statement, signature):
            return None
        signatures.append(signature)
    return KeyChange(previous, statement, *signatures)


def key_chain(vault: LockedBucket, current: str) -> tuple[list[str], list[KeyChange]]:
    """Follow the changes back from `current`: the kids, oldest first, and the change to each but the first.

    Raises `RuntimeError` for changes that go in a circle: no key signs again after another took over.
    """
    kids, changes = [current], list[KeyChange]()
    while (change := key_change(vault, kids[0])) is not None:
        if change.previous in kids:
            raise RuntimeError(f"the statements of the ledger's keys go in a circle at {change.previous}")
        kids.insert(0, change.previous)
        changes.insert(0, change)
    return kids, changes


def der_named(pem: bytes, kid: str) -> bytes:
    """Read the key that `kid` names; empty bytes for another one."""
    der = der_of(pem)
    return der if hashlib.sha256(der).hexdigest() == kid else b""
