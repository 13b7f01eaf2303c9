"""Which of the configured keys signs the log, and how one takes over from the other.

Rules of this module (docs/formats.md, "Change of the ledger's key")
- A change is a statement `keys/<next kid>.rotation.json`, put once and signed by both keys. From then on the earlier
  key begins nothing more: a digest that it had already put is finished with it, all others are the next key's.
- A key may take over only when every log has been signed by the one before it: a log passes from each key to the next
  and skips none, however long it was idle. Whoever configures two new keys at once gets one change after the other.
- Whatever in the vault does not fit the configuration is refused: a configuration that lost a key signs nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from shared.audit.canonical import canonical
from shared.audit.moment import rfc3339
from shared.evidence.signer import Signer, der_of, genuine
from shared.evidence.vault import (
    KEYS_PREFIX,
    ROTATION_ENDING,
    LockedBucket,
    public_key_key,
    rotation_key,
)
from shared.store.attribute import Row
from shared.store.wire import Clock


@dataclass(frozen=True, slots=True)
class Replaced:
    """A key that another one took over from at `at`; `statement` is the SHA-256 (hex) of the file that says so."""

    signer: Signer
    next_kid: str
    statement: str
    at: str


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key in force, and those before it, oldest first."""

    in_force: Signer
    replaced: tuple[Replaced, ...] = ()

    def by_kid(self, kid: str) -> Signer | None:
        known = (self.in_force, *(each.signer for each in self.replaced))
        return next((signer for signer in known if signer.kid == kid), None)

    def signed_at(self, kid: str, at: str) -> bool:
        """Tell whether this key was in force at an instant up to now; one that another replaced begins nothing."""
        return kid == self.in_force.kid or any(each.signer.kid == kid and at < each.at for each in self.replaced)

    def change_from(self, kid: str) -> Replaced | None:
        """Give the change from `kid` to the key in force; `None` where there is none, at one step."""
        changes = (each for each in self.replaced if each.signer.kid == kid and each.next_kid == self.in_force.kid)
        return next(changes, None)


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """`signers` are all ledger keys of the deployment, oldest first."""

    vault: LockedBucket
    signers: tuple[Signer, ...]
    log: str
    clock: Clock

    def keys(self, settled: Callable[[str], bool]) -> SigningKeys:
        """Give the keys, after the next configured one took over where it may.

        `settled` tells whether the last digest of every log is signed by this kid. Raises `RuntimeError` where the
        vault knows a change that the configuration does not.
        """
        # 1. What changes did both keys state? Each key is replaced by one at most.
        names = frozenset(self.vault.listed(KEYS_PREFIX))
        stated = self._stated(names)
        # 2. Walk along the configured keys, as far as changes are stated, and one further where every log is ready.
        replaced: list[Replaced] = []
        in_force = self.signers[0]
        for current, following in itertools.pairwise(self.signers):
            if stated.get(current.kid, following.kid) != following.kid:
                raise RuntimeError(f"another key than the configured one took over from {current.kid}")
            if current.kid not in stated and not settled(current.kid):
                break
            replaced.append(self._take_over(current, following, names))
            in_force = following
        # 3. Whom another key replaced does not sign.
        if in_force.kid in stated:
            raise RuntimeError(f"the ledger key {in_force.kid} was replaced by {stated[in_force.kid]}: configure that")
        return SigningKeys(in_force, tuple(replaced))

    def _stated(self, names: Collection[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for key in sorted(names):
            if not key.endswith(ROTATION_ENDING) or (change := self._signed_change(key, names)) is None:
                continue
            previous, following = change
            if previous in found:
                raise RuntimeError(f"{key} is a second change from {previous}")
            found[previous] = following
        return found

    def _signed_change(self, key: str, names: Collection[str]) -> tuple[str, str] | None:
        """Read (previous, next) out of a statement; `None` until both keys have signed it.

        Whoever may put into the vault can put a file of any content: by itself it says nothing, and stops nobody.
        `audit_verify` rings for it.
        """
        body = self.vault.read(key)
        try:
            statement = json.loads(body)
            previous, following = str(statement["previous"]), str(statement["next"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        signed = key == rotation_key(following) and all(
            f"{key}.{side}.sig" in names
            and genuine(self._public(kid, names), body, self.vault.read(f"{key}.{side}.sig"))
            for side, kid in (("previous", previous), ("next", following))
        )
        return (previous, following) if signed else None

    def _public(self, kid: str, names: Collection[str]) -> bytes:
        """Give the key of this name (DER), configured or laid; empty bytes where what is laid has another name."""
        known = next((signer.public_der for signer in self.signers if signer.kid == kid), b"")
        if known or public_key_key(kid) not in names:
            return known
        laid = der_of(self.vault.read(public_key_key(kid)))
        return laid if hashlib.sha256(laid).hexdigest() == kid else b""

    def _take_over(self, current: Signer, following: Signer, names: Collection[str]) -> Replaced:
        """State the change, or adopt and check the statement that is there.

        `names` are the keys of the vault: a signature that is there is checked and not made again, for the earlier key
        signs nothing once it was replaced.
        """
        for signer in (current, following):
            lay_public_key(self.vault, signer)
        key, now = rotation_key(following.kid), rfc3339(self.clock())
        body = canonical(self._statement(current, following, now))
        if not self.vault.put_once(key, body, "application/json"):
            body = self.vault.read(key)
            self._check(key, body, self._statement(current, following, now))
        for ending, signer in (("previous", current), ("next", following)):
            beside = f"{key}.{ending}.sig"
            if beside not in names:
                lay_signature(self.vault, beside, body, signer)
            elif not genuine(signer.public_der, body, self.vault.read(beside)):
                raise RuntimeError(f"{beside} lies in the vault and is not ours")
        return Replaced(current, following.kid, hashlib.sha256(body).hexdigest(), str(json.loads(body)["at"]))

    def _statement(self, current: Signer, following: Signer, at: str) -> dict[str, Any]:
        kids = {"previous": current.kid, "next": following.kid}
        return {"type": "key-rotation", "v": 1, "log": self.log, **kids, "at": at}

    @staticmethod
    def _check(key: str, body: bytes, expected: dict[str, Any]) -> None:
        found = json.loads(body)
        at = found.get("at")
        if found != expected | {"at": at} or not isinstance(at, str) or at > expected["at"] or canonical(found) != body:
            raise RuntimeError(f"{key} lies in the vault and is not ours")


def lay_signature(vault: LockedBucket, key: str, message: bytes, signer: Signer) -> str:
    """Sign `message` into `key`, or make sure that what lies there is this key's signature; gives its version."""
    return vault.lay(
        key,
        signer.sign(message),
        "application/octet-stream",
        lambda found: genuine(signer.public_der, message, found),
    )


def lay_public_key(vault: LockedBucket, signer: Signer) -> None:
    pem = signer.public_pem
    vault.lay(public_key_key(signer.kid), pem, "application/x-pem-file", lambda found: found == pem)


def kid_of(vault: LockedBucket, digest: Row) -> str:
    """Name the key that signed a digest; rows of before the first change do not, their digests do."""
    if "kid" in digest:
        return str(digest["kid"])
    return str(json.loads(vault.read(digest["key"], digest["version_id"]))["kid"])
