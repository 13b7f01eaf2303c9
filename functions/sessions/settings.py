"""What logout and `me` read from their environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Public keys verify here: this concern can neither sign nor unseal."""

    tenants_table: str
    tenant_staff_table: str
    user_sessions_table: str
    signing_keys_table: str
    audit_logs_table: str
    log_name: str
    log_epoch: int
    writer_give_up_seconds: float
    audit_log_ttl_seconds: int
    origin_secret_arn: str
    edge_required: bool
    issuer: str
    audience: str
