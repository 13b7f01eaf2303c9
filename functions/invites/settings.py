"""What invites read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import PolicySettings


@dataclass(frozen=True, slots=True)
class Settings(PolicySettings):
    """`data_key_id` also unseals the signing key, and seals the tokens of invitations."""

    refresh_tokens_table: str
    throttles_table: str
    invites_table: str
    outbox_table: str
    access_token_seconds: int
    allowed_origins: str
