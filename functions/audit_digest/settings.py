"""Environment of the digest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    tenants_table: str
    tenant_staff_table: str
    user_sessions_table: str
    audit_logs_table: str
    audit_seals_table: str
    vault_bucket: str
    ledger_key_id: str
    log_name: str
    log_epoch: int
    log_origin: str
    watermark_lag_seconds: int
    writer_give_up_seconds: int
    audit_log_ttl_seconds: int
    software_version: str
