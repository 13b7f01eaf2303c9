"""Where a planted log lies: a vault, tables and keys in memory, that anything can be done to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.audit_verify.ports import Lock, Row, Version
from functions.audit_verify.trust import kid_of
from shared.audit.moment import rfc3339
from shared.store.audit_logs import Entry

START: Final = 1_790_021_600  # Unix seconds, four hours before midnight: the next day's anchor is over some digests
YEAR: Final = 365 * 86_400


@dataclass(slots=True)
class Stored:
    """One version; `body` None is a delete marker, `checksum` None that of the body."""

    version_id: str
    body: bytes | None
    mode: str | None = "COMPLIANCE"
    retain_until: str | None = rfc3339(START + YEAR)
    checksum: str | None = None


class Key:
    """A P-256 key that lives as long as one self-test."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        self.der = self._private.public_key().public_bytes(*form)
        self.pem = self._private.public_key().public_bytes(serialization.Encoding.PEM, form[1])
        self.kid = kid_of(self.der)

    def sign(self, body: bytes) -> bytes:
        return self._private.sign(body, ec.ECDSA(hashes.SHA256()))


@dataclass(slots=True)
class PlantedVault:
    """`Vault` in memory; of each key the versions, oldest first."""

    objects: dict[str, list[Stored]] = field(default_factory=dict)

    def put(self, key: str, body: bytes | None) -> Stored:
        versions = self.objects.setdefault(key, [])
        versions.append(Stored(f"{key}@{len(versions)}", body))
        return versions[-1]

    def versions(self, prefix: str) -> Iterator[Version]:
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            for stored in reversed(self.objects[key]):
                yield Version(key, stored.version_id, stored.body is None)

    def folders(self, prefix: str) -> Iterator[str]:
        yield from sorted({key[len(prefix) :].split("/")[0] for key in self.objects if key.startswith(prefix)})

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        stored = self.find(key, version_id)
        return stored.body if stored else None

    def lock(self, key: str, version_id: str | None = None) -> Lock | None:
        stored = self.find(key, version_id)
        if stored is None or stored.body is None:
            return None
        checksum = stored.checksum or base64.b64encode(hashlib.sha256(stored.body).digest()).decode()
        return Lock(stored.version_id, checksum, stored.mode, stored.retain_until)

    def find(self, key: str, version_id: str | None = None) -> Stored | None:
        versions = self.objects.get(key, [])
        named = [each for each in versions if version_id in (None, each.version_id)]
        return named[-1] if named else None


@dataclass(slots=True)
class PlantedRows:
    """`Tables` in memory."""

    lanes: dict[str, dict[int, Entry]] = field(default_factory=dict)
    segments: dict[int, dict[str, Any]] = field(default_factory=dict)
    digests: dict[int, dict[str, Any]] = field(default_factory=dict)
    head: dict[str, Any] | None = None

    def rows(self, lane: str, first: int, last: int | None = None) -> Iterator[Entry]:
        kept = self.lanes.get(lane, {})
        yield from (kept[seq] for seq in sorted(kept) if first <= seq and (last is None or seq <= last))

    def segment_rows(self, first: int, last: int) -> Mapping[int, Row]:
        return {number: row for number, row in self.segments.items() if first <= number <= last}

    def digest_rows(self, first: int, last: int) -> Mapping[int, Row]:
        return {number: row for number, row in self.digests.items() if first <= number <= last}

    def newest_digest_rows(self) -> Iterator[Row]:
        yield from (self.digests[number] for number in sorted(self.digests, reverse=True))

    def seal_head(self) -> Row | None:
        return self.head

    def digest_head(self) -> Row | None:
        return self.digests[max(self.digests)] if self.digests else None
