"""The keys that sign access tokens, after `signing_keys` may have been restored: none from before signs or verifies.

A key that somebody revoked stands in no log of the tenants unless it was the one that signed. A restored table would
have it verify again, and whoever has it could write tokens for any session. Every session ends with a restore anyhow,
so nothing is lost by ending every key that the restored table may have brought back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.signing_key import CURRENT, NEXT, PREVIOUS
from shared.store.signing_keys import changed, read_ring, revoked
from shared.store.transaction import Contended
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class TokenKeys:
    dynamodb: JsonService
    table: str

    def suspect(self, until: float) -> list[str]:
        """Name the keys from before `until` (Unix seconds) that sign, will sign or verify."""
        keys = read_ring(self.dynamodb, self.table).keys
        return sorted(key.kid for key in keys if key.status in {CURRENT, NEXT, PREVIOUS} and key.created_at <= until)

    def revoke(self, kids: Sequence[str], now: float) -> None:
        """End keys for good; the housekeeping makes new ones. Raises `Contended` where somebody changes them."""
        if not kids:
            return
        ring = read_ring(self.dynamodb, self.table)
        items = [revoked(self.table, kid, int(now)) for kid in kids]
        if not changed(self.dynamodb, self.table, ring.revision, items):
            raise Contended("signing_keys changed meanwhile; stop the functions first")
