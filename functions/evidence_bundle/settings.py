"""Environment of the bundle's HTTP side."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    tenants_table: str
    tenant_staff_table: str
    user_sessions_table: str
    signing_keys_table: str
    subject_keys_table: str
    audit_logs_table: str
    exports_table: str
    outbox_table: str
    exports_bucket: str
    data_key_id: str
    log_name: str
    log_epoch: int
    writer_give_up_seconds: float
    audit_log_ttl_seconds: int
    origin_secret_arn: str
    edge_required: bool
    issuer: str
    audience: str
