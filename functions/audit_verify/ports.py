"""What the checks read: the locked objects, and the rows beside them. All of it is judged, none of it trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from shared.evidence.vault import log_prefix
from shared.store.audit_logs import Entry

Row = Mapping[str, Any]


class Version(NamedTuple):
    key: str
    version_id: str
    marker: bool


class Lock(NamedTuple):
    """What S3 says of a version without handing it out; `checksum` is base64 SHA-256, `retain_until` of the log."""

    version_id: str
    checksum: str | None
    mode: str | None
    retain_until: str | None


class Vault(Protocol):
    """`version_id` None reads the current version; `None` comes back for what is not there."""

    def versions(self, prefix: str) -> Iterator[Version]:
        """List every version and delete marker in the order of the keys, of each key the newest first."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Name the folders directly below `prefix` (which ends with a slash), whatever versions are in them."""
        ...

    def read(self, key: str, version_id: str | None = None) -> bytes | None: ...

    def lock(self, key: str, version_id: str | None = None) -> Lock | None: ...


class Tables(Protocol):
    """The rows of one log."""

    def rows(self, lane: str, first: int, last: int | None = None) -> Iterator[Entry]: ...

    def segment_rows(self, first: int, last: int) -> Mapping[int, Row]: ...

    def digest_rows(self, first: int, last: int) -> Mapping[int, Row]: ...

    def newest_digest_rows(self) -> Iterator[Row]: ...

    def seal_head(self) -> Row | None: ...

    def digest_head(self) -> Row | None: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """One log, and what this deployment expects of it. `now` is Unix seconds; `retention_days` are the bucket's."""

    log: str
    tenant: str
    epoch: int
    origin: str
    now: float
    lock_mode: str
    retention_days: int
    row_ttl_seconds: int

    @property
    def prefix(self) -> str:
        return log_prefix(self.log, self.tenant, self.epoch)
