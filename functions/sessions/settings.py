"""What sessions read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` unseals the signing key: a session that outlives the others gets new tokens."""

    refresh_tokens_table: str
    throttles_table: str
    access_token_seconds: int
