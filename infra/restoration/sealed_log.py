"""One tenant's log of one epoch as the vault holds it, believed only as far as keys, hashes and chains bear it out.

Rules of this module
- Of an object the oldest version counts: nobody can put one under it, and whoever puts one over it gains nothing.
- A digest counts if it is signed by one of the ledger keys that the deployment is configured with.
- Segments, digests, lanes and tree heads must agree, or `VaultDisagrees` is raised: nothing is rebuilt from less.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from shared.audit.moment import rfc3339
from shared.evidence.seal_row import seal_row
from shared.evidence.segment import Event, unpack
from shared.evidence.signer import genuine
from shared.evidence.vault import checkpoint_key, digest_key, log_prefix, segment_key
from shared.store.attribute import Row
from shared.store.audit_seals import ROW_ONLY, SealHead, state_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LOCKED_ONLY: Final = "ObjectLockRetainUntilDate"
# What comes of reading as a segment what is none.
_MALFORMED: Final = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error)


class VaultDisagrees(RuntimeError):
    """What the vault holds does not bear itself out; the message is one line that names the object."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed segment: its seal row, and where the log stood behind it."""

    row: Row
    head: SealHead


@dataclass(frozen=True, slots=True)
class SealedLog:
    """`segments` and `digests` in their order; a digest is its seal row."""

    segments: tuple[Segment, ...]
    digests: tuple[Row, ...]

    @property
    def head(self) -> SealHead:
        return self.segments[-1].head if self.segments else SealHead()

    @property
    def signed(self) -> int:
        """Give the number of the last segment that a digest signs."""
        return int(self.digests[-1]["segment"]) if self.digests else 0

    def up_to(self, number: int) -> SealedLog:
        """Leave out the segments behind `number`, of which no digest speaks."""
        return replace(self, segments=self.segments[: max(number, self.signed)])


class Vault:
    """Reads the vault of a deployment; `ledger_keys` maps the fingerprint of each of its ledger keys to the SPKI."""

    def __init__(self, s3: S3Client, bucket: str, log: str, ledger_keys: Mapping[str, bytes]) -> None:
        self._s3, self._bucket, self._log = s3, bucket, log
        self._ledger_keys = ledger_keys

    def tenants(self) -> list[str]:
        """Name whoever has a sealed log, in any epoch."""
        prefix = f"log/v1/{self._log}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/")
        found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
        return sorted(name.removeprefix(prefix).rstrip("/") for name in found)

    def log_of(self, tenant: str, epoch: int) -> SealedLog:
        """Read a whole log; raises `VaultDisagrees`."""
        prefix = log_prefix(self._log, tenant, epoch)
        versions = self._oldest(f"{prefix}/")
        segments = tuple(self._segments(prefix, versions))
        return SealedLog(segments, tuple(self._digests(prefix, versions, segments)))

    def events(self, segment: Segment) -> Iterator[Event]:
        """Read the events of a segment, in sealing order."""
        yield from unpack(self._read(segment.row["key"], segment.row["version_id"]))

    def _segments(self, prefix: str, versions: Mapping[str, str]) -> Iterator[Segment]:
        head, number = SealHead(), 1
        while (key := segment_key(prefix, number)) in versions:
            packed = self._read(key, versions[key])
            try:
                events = list(unpack(packed))
                row, head = seal_row(head, key, versions[key], self._retained(key, versions[key]), events, packed)
            except _MALFORMED as fault:
                raise VaultDisagrees(f"{key} does not continue the log: {fault!r}") from fault
            yield Segment(row, head)
            number += 1

    def _digests(self, prefix: str, versions: Mapping[str, str], segments: tuple[Segment, ...]) -> Iterator[Row]:
        number, covered, previous = 1, 0, None
        while (key := digest_key(prefix, number)) in versions and f"{key}.sig" in versions:
            body = self._read(key, versions[key])
            digest = json.loads(body)
            sig = versions[f"{key}.sig"]
            self._verify(digest["kid"], body, self._read(f"{key}.sig", sig), key)
            note = versions.get(checkpoint_key(prefix, digest["tree"]["size"]))
            if note is None:
                return  # it broke off before its tree head was laid: it was never finished
            covered += len(digest["segments"])
            if covered > len(segments):
                raise VaultDisagrees(f"{key} speaks of segments that are not there")
            head = segments[covered - 1].head if covered else SealHead()
            covering = segments[covered - len(digest["segments"]) : covered]
            _compare(key, digest, number, previous, covering, head)
            for segment, stated in zip(covering, digest["segments"], strict=True):
                segment.row["retain_until"] = stated["retain_until"]  # as it was when it was sealed
            previous = {"no": number, "sha256": hashlib.sha256(body).hexdigest()}
            yield {
                "no": number,
                "key": key,
                "version_id": versions[key],
                "sha256": previous["sha256"],
                "tree_size": digest["tree"]["size"],
                "root": digest["tree"]["root"],
                "watermark": digest["watermark"],
                "time_max": digest["time_max"],
                "to": digest["period"]["to"],
                "unsealed": digest["source"]["unsealed"],
                "kid": digest["kid"],
                "sig_version_id": sig,
                "checkpoint_version_id": note,
                "segment": covered,
            }
            number += 1

    def _verify(self, kid: str, body: bytes, signature: bytes, key: str) -> None:
        public_der = self._ledger_keys.get(kid)
        if public_der is None:
            raise VaultDisagrees(f"{key} is signed by {kid}, which is no ledger key of this deployment")
        if not genuine(public_der, body, signature):
            raise VaultDisagrees(f"{key} does not bear the signature of {kid}")

    def _oldest(self, prefix: str) -> dict[str, str]:
        """List every key under `prefix` with its oldest version, whatever lies over it now."""
        oldest: dict[str, Any] = {}
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix):
            for version in page.get("Versions", ()):
                known = oldest.get(version["Key"])
                # S3 lists the newest first: of one second, the later one in the list is the older one.
                if known is None or version["LastModified"] <= known["LastModified"]:
                    oldest[version["Key"]] = version
        return {key: str(version["VersionId"]) for key, version in oldest.items()}

    def _read(self, key: str, version: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key, VersionId=version)["Body"].read()

    def _retained(self, key: str, version: str) -> str:
        head = self._s3.head_object(Bucket=self._bucket, Key=key, VersionId=version)
        if _LOCKED_ONLY not in head:
            raise VaultDisagrees(f"{key} is not locked: that is no segment of ours")
        return rfc3339(head["ObjectLockRetainUntilDate"].timestamp())


def _compare(
    key: str,
    digest: Mapping[str, Any],
    number: int,
    previous: Mapping[str, Any] | None,
    segments: tuple[Segment, ...],
    head: SealHead,
) -> None:
    """Hold a signed digest against the segments; raises `VaultDisagrees`."""
    entries = [{name: value for name, value in segment.row.items() if name not in ROW_ONLY} for segment in segments]
    told = {
        "its number": (digest["no"], number),
        "the digest before": (digest["prev"], previous),
        "its segments": (_locked(digest["segments"]), _locked(entries)),
        "its lanes": (digest["lanes"], state_of(head)["lanes"]),
        "its tree": (
            digest["tree"],
            {"size": head.frontier.size, "root": base64.b64encode(head.frontier.root()).decode()},
        ),
    }
    for what, (stated, found) in told.items():
        if stated != found:
            raise VaultDisagrees(f"{key}: {what} is not what the vault holds")


def _locked(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out until when the objects are locked: that may have been extended since."""
    return [{name: value for name, value in entry.items() if name != "retain_until"} for entry in entries]
