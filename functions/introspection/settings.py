"""What the introspection reads from its environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """It decides nothing and tells no log: unlike other functions behind the guard it has no ledger."""

    tenants_table: str
    tenant_staff_table: str
    user_sessions_table: str
    signing_keys_table: str
    issuer: str
    audience: str
    origin_secret_arn: str
    introspection_secret_arn: str
    edge_required: bool
