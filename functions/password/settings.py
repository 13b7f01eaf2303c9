"""What passwords read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` unseals the signing key and the tenants' data keys, and seals the tokens of reset messages."""

    refresh_tokens_table: str
    throttles_table: str
    one_time_tokens_table: str
    outbox_table: str
    access_token_seconds: int
