"""What the login reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import PolicySettings


@dataclass(frozen=True, slots=True)
class Settings(PolicySettings):
    """`data_key_id` is the symmetric KMS key behind every sealed value; `allowed_origins` are separated by commas."""

    refresh_tokens_table: str
    step_up_challenges_table: str
    throttles_table: str
    outbox_table: str
    access_token_seconds: int
    allowed_origins: str
    security_retention_seconds: int
