"""Environment of the tripwire."""

from __future__ import annotations

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    audit_seals_table: str
    tenants_table: str
    outbox_table: str
