"""What the refresh reads from its environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The two windows and `max_replays` are the retry policy of a spent token."""

    tenants_table: str
    tenant_staff_table: str
    subject_keys_table: str
    user_sessions_table: str
    refresh_tokens_table: str
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
    refresh_idle_seconds: int
    concurrency_window_seconds: int
    lost_response_window_seconds: int
    max_replays: int
