"""What the login reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """Durations are seconds; `data_key_id` is the symmetric KMS key behind every sealed value."""

    subject_keys_table: str
    refresh_tokens_table: str
    data_key_id: str
    access_token_seconds: int
    refresh_idle_seconds: int
    refresh_absolute_seconds: int
