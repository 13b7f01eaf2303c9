"""What the authorizer reads from its environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """It changes nothing and tells no log."""

    tenants_table: str
    tenant_staff_table: str
    user_sessions_table: str
    signing_keys_table: str
    ip_rules_table: str
    issuer: str
    audience: str
    origin_secret_arn: str
