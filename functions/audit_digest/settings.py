"""Environment of the digest."""

from __future__ import annotations

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    """`ledger_key_ids`: all ledger keys, oldest first, separated by commas; the last one is to sign.

    `tsa_url` and `tsa_roots` (PEM) are `none` where no time-stamping authority is configured.
    """

    tenants_table: str
    audit_seals_table: str
    vault_bucket: str
    ledger_key_ids: str
    log_origin: str
    watermark_lag_seconds: int
    software_version: str
    tsa_url: str
    tsa_roots: str
