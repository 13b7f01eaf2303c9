"""Environment of the verifier."""

from __future__ import annotations

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    """`ledger_key_ids`: all ledger keys, oldest first, separated by commas."""

    tenants_table: str
    audit_seals_table: str
    audit_verifications_table: str
    outbox_table: str
    vault_bucket: str
    vault_lock_mode: str
    vault_retention_days: int
    ledger_key_ids: str
    log_origin: str
