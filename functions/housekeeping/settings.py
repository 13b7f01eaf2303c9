"""What the scheduled housekeeping reads from its environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """`exports_table` and the ledger's fields serve the sweep of unfinished exports."""

    signing_keys_table: str
    data_key_id: str
    tenants_table: str
    exports_table: str
    tenant_staff_table: str
    user_sessions_table: str
    audit_logs_table: str
    log_name: str
    log_epoch: int
    writer_give_up_seconds: float
    audit_log_ttl_seconds: int
