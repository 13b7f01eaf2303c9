"""One digest: read, shaped, signed by a trusted key, in its place; and the note of its tree head."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.audit_verify.findings import Report
from functions.audit_verify.listing import Listing, about
from functions.audit_verify.ports import Scope, Vault
from functions.audit_verify.sealed_segment import check_lock
from functions.audit_verify.trust import Trust, kid_of
from shared.audit.canonical import canonical
from shared.audit.checkpoint import Checkpoint
from shared.audit.moment import unix_seconds
from shared.evidence.vault import checkpoint_key, public_key_key

_KEY_ID_BYTES: Final = 4
_SHAPE: Final[Mapping[str, type | tuple[type, ...]]] = {
    "type": str,
    "log": str,
    "tenant": str,
    "epoch": int,
    "no": int,
    "period": dict,
    "prev": (dict, type(None)),
    "segments": list,
    "lanes": dict,
    "source": dict,
    "counts": dict,
    "time_max": (str, type(None)),
    "watermark": str,
    "tree": dict,
    "checkpoint": str,
    "kid": str,
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A digest's members, the SHA-256 (hex) of its file, and the version that was read."""

    members: Mapping[str, Any]
    sha256: str
    version_id: str

    @property
    def number(self) -> int:
        return int(self.members["no"])

    @property
    def root(self) -> bytes:
        return base64.b64decode(self.members["tree"]["root"])


@dataclass(frozen=True, slots=True)
class Statements:
    """Reads the digests of one log, each in the version that was locked first."""

    vault: Vault
    scope: Scope
    trust: Trust
    listing: Listing
    report: Report

    def read(self, number: int) -> Statement | None:
        """Read a digest and verify its signature; `None`, with a finding, for what is missing or of another form."""
        key = about(self.scope.prefix, "digest", number)
        version = self.listing.first_put.get(("digest", number))
        body = self.vault.read(key, version) if version else None
        if body is None or version is None:
            self.report.add("digest_missing", key)
            return None
        members = _members(body)
        if members is None:
            self.report.add("digest_malformed", key, None, hashlib.sha256(body).hexdigest())
            return None
        scope = self.scope
        if [members[name] for name in ("log", "tenant", "epoch", "no")] != [
            scope.log,
            scope.tenant,
            scope.epoch,
            number,
        ]:
            self.report.add("digest_misplaced", key, number, members["no"])
            return None
        statement = Statement(members, hashlib.sha256(body).hexdigest(), version)
        self._check_signature(key, statement, body)
        self._check_locks(key, statement)
        return statement

    def _check_signature(self, key: str, statement: Statement, body: bytes) -> None:
        kid = statement.members["kid"]
        version = self.listing.first_put.get(("signature", statement.number))
        signature = self.vault.read(f"{key}.sig", version) if version else None
        if kid not in self.trust.keys:
            self.report.add("digest_key_unknown", key, self.trust.order[-1], kid)
        elif kid not in self.trust.laid:
            self.report.add("key_file_differs", public_key_key(kid), kid)
        if kid in self.trust.keys and signature is None:
            self.report.add("signature_missing", f"{key}.sig")
        elif kid in self.trust.keys and not self.trust.verifies(kid, signature, body):
            self.report.add("digest_signature", key, kid)

    def _check_locks(self, key: str, statement: Statement) -> None:
        """Compare the locks: a digest is put after its segments, so its own lasts at least as long as theirs."""
        members = statement.members
        floor = max([str(entry["retain_until"]) for entry in members["segments"]], default=members["period"]["to"])
        size = members["tree"]["size"]
        names = {
            key: statement.version_id,
            f"{key}.sig": self.listing.first_put.get(("signature", statement.number)),
            checkpoint_key(self.scope.prefix, size): self.listing.first_put.get(("checkpoint", size)),
        }
        for name, version in names.items():
            lock = self.vault.lock(name, version) if version else None
            if lock is not None:
                # The note of an empty period is that of the period before.
                check_lock(self.scope, name, lock, "" if "/checkpoint/" in name else floor, self.report)

    def check_note(self, statement: Statement) -> None:
        """Compare the checkpoint note with the digest's tree, and verify its signature over the three lines."""
        tree, scope = statement.members["tree"], self.scope
        key = checkpoint_key(scope.prefix, tree["size"])
        expected = Checkpoint(scope.origin, tree["size"], statement.root).body()
        if statement.members["checkpoint"].encode() != expected:
            self.report.add("checkpoint_differs", about(scope.prefix, "digest", statement.number))
        version = self.listing.first_put.get(("checkpoint", tree["size"]))
        note = self.vault.read(key, version) if version else None
        if note is None:
            self.report.add("checkpoint_missing", key)
            return
        body, _, line = note.partition(b"\n\n")
        if body + b"\n" != expected:
            self.report.add("checkpoint_differs", key)
        elif not self._note_verifies(line, expected):
            self.report.add("checkpoint_signature", key)

    def _note_verifies(self, line: bytes, body: bytes) -> bool:
        start = f"\u2014 {self.scope.origin} ".encode()
        try:
            stamp = base64.b64decode(line.removeprefix(start).removesuffix(b"\n"), validate=True)
        except binascii.Error:
            return False
        signers = [
            kid for kid, der in self.trust.keys.items() if bytes.fromhex(kid_of(der))[:_KEY_ID_BYTES] == stamp[:4]
        ]
        return line.startswith(start) and any(self.trust.verifies(kid, stamp[_KEY_ID_BYTES:], body) for kid in signers)


def _members(body: bytes) -> Mapping[str, Any] | None:
    """Read a digest file; `None` unless it is canonical and every member that is relied on has its form."""
    try:
        members = json.loads(body)
        exact = isinstance(members, dict) and canonical(members) == body
        exact = exact and all(isinstance(members.get(name), kind) for name, kind in _SHAPE.items())
        if not exact or members["type"] != "digest":
            return None
        unix_seconds(members["period"]["from"])
        unix_seconds(members["period"]["to"])
        unix_seconds(members["watermark"])
        base64.b64decode(members["tree"]["root"], validate=True)
        entries = all(entry_shaped(entry) for entry in members["segments"])
        stated = all(type(head["seq"]) is int and isinstance(head["hash"], str) for head in members["lanes"].values())
        last = all(type(number) is int for number in members["source"]["last"].values())
        counted = type(members["tree"]["size"]) is int and type(members["source"]["unsealed"]) is int
        named = members["prev"] is None or {"no", "sha256"} <= set(members["prev"])
        known = {"total", "by_action"} <= set(members["counts"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    return members if entries and stated and last and counted and named and known else None


def entry_shaped(entry: Mapping[str, Any]) -> bool:
    """Tell whether a digest's entry of a segment, or a seal row, has the members that are relied on."""
    try:
        numbers = (*(entry[name] for name in ("no", "bytes", "events")), entry["index"]["from"])
        texts = [entry[name] for name in ("key", "version_id", "sha256_gz", "sha256_raw", "retain_until")]
        maps = (
            isinstance(entry["lanes"], dict) and isinstance(entry["counts"], dict) and isinstance(entry["time"], dict)
        )
        bytes.fromhex(entry["sha256_gz"])
    except (KeyError, TypeError, ValueError):
        return False
    return maps and all(type(number) is int for number in numbers) and all(isinstance(text, str) for text in texts)
