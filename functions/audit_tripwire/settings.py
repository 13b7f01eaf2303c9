"""Environment of the tripwire."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    tenant_staff_table: str
    user_sessions_table: str
    audit_logs_table: str
    audit_seals_table: str
    log_name: str
    log_epoch: int
    writer_give_up_seconds: int
    audit_log_ttl_seconds: int
