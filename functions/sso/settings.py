"""What single sign-on reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import PolicySettings


@dataclass(frozen=True, slots=True)
class Settings(PolicySettings):
    """`public_origin` is where browsers find this service; `loopback_issuers`: providers on 127.0.0.1 are allowed."""

    refresh_tokens_table: str
    step_up_challenges_table: str
    throttles_table: str
    outbox_table: str
    one_time_tokens_table: str
    sso_connections_table: str
    access_token_seconds: int
    allowed_origins: str
    security_retention_seconds: int
    public_origin: str
    loopback_issuers: bool
