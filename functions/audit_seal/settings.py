"""Environment of the sealer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    tenants_table: str
    audit_logs_table: str
    audit_seals_table: str
    vault_bucket: str
    log_name: str
    log_epoch: int
