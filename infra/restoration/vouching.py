"""How far a sealed log is vouched for, and what it tells, each event with how far that counts.

Rules of this module
- Whoever may put objects under `seg/` can write a segment that chains to the last one: chaining proves nothing.
- A segment is vouched for by a signed digest; behind the last one by a row of `audit_seals` with its hash; or by the
  log's own table, where its lines stand in it. That is what the sealer itself asks for before it adopts a segment.
- What is vouched for begins at the first segment and has no gaps.
- What the table holds behind that counts too. It is not sealed before the restore is applied, and cannot be where a
  segment that nobody vouches for stands in the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.audit_seal.flow import Sealer
from infra.restoration.seal_rows import SealRows
from infra.restoration.sealed_log import SealedLog, Segment, Vault
from shared.domain.restoration import Trust
from shared.store.audit_logs import BrokenLaneError, log_tail
from shared.store.audit_seals import SealHead


@dataclass(frozen=True, slots=True)
class Past:
    """A sealed log; up to the segment with the number `reach` it is vouched for."""

    log: SealedLog
    reach: int

    @property
    def doubted(self) -> tuple[Segment, ...]:
        return self.log.segments[self.reach :]


@dataclass(frozen=True, slots=True)
class Vouchers:
    """Of one tenant's epoch; `sealer` reads that epoch's table, None where it is lost."""

    vault: Vault
    rows: SealRows
    sealer: Sealer | None

    def past(self) -> Past:
        """Read the log and say how far it is vouched for; raises `VaultDisagrees`."""
        log = self.vault.log_of(self.rows.tenant, self.rows.epoch)
        reach = max(log.signed, self.rows.known(log))
        while reach < len(log.segments) and self._stands(log.up_to(reach).head, log.segments[reach]):
            reach += 1
        return Past(log, reach)

    def told(self, past: Past, since: str) -> Iterator[tuple[Mapping[str, Any], Trust]]:
        """Read the events at or behind `since`: vouched segments, what the table has behind them, and the rest."""
        yield from self._events(past.log.segments[: past.reach], Trust.VOUCHED, since)
        yield from self._unsealed(past)
        yield from self._events(past.doubted, Trust.DOUBTED, since)

    def _events(
        self, segments: Iterable[Segment], trust: Trust, since: str
    ) -> Iterator[tuple[Mapping[str, Any], Trust]]:
        for segment in segments:
            if segment.row["time"]["max"] >= since:
                yield from ((event.members, trust) for event in self.vault.events(segment))

    def _stands(self, head: SealHead, segment: Segment) -> bool:
        if self.sealer is None:
            return False
        try:
            return self.sealer.holds(self.rows.tenant, head, list(self.vault.events(segment)))
        except BrokenLaneError:
            return False

    def _unsealed(self, past: Past) -> Iterator[tuple[Mapping[str, Any], Trust]]:
        """Read what the table holds behind all that is vouched for, up to the first row that is not ours."""
        if self.sealer is None:
            return
        table, head = self.sealer.settings.audit_logs_table, past.log.up_to(past.reach).head
        try:
            for entry in log_tail(self.rows.dynamodb, table, self.rows.tenant, self.rows.epoch, head.lanes):
                yield json.loads(entry.line), Trust.VOUCHED
        except BrokenLaneError:
            return
