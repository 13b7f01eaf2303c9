"""What the refresh reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import PolicySettings


@dataclass(frozen=True, slots=True)
class Settings(PolicySettings):
    """`allowed_origins` are separated by commas: pages whose cookies are believed."""

    refresh_tokens_table: str
    step_up_challenges_table: str
    outbox_table: str
    access_token_seconds: int
    allowed_origins: str
    security_retention_seconds: int
