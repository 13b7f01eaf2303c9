"""What enrolment and step-up read from their environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """`data_key_id` seals TOTP secrets and unseals the signing key."""

    tenants_table: str
    tenant_staff_table: str
    subject_keys_table: str
    user_sessions_table: str
    step_up_challenges_table: str
    signing_keys_table: str
    audit_logs_table: str
    log_name: str
    log_epoch: int
    writer_give_up_seconds: float
    audit_log_ttl_seconds: int
    data_key_id: str
    origin_secret_arn: str
    edge_required: bool
    issuer: str
    audience: str
    access_token_seconds: int
