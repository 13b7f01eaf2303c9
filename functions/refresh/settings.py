"""What the refresh reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """The two windows and `max_replays` are the retry policy of a spent token."""

    subject_keys_table: str
    refresh_tokens_table: str
    data_key_id: str
    access_token_seconds: int
    refresh_idle_seconds: int
    concurrency_window_seconds: int
    lost_response_window_seconds: int
    max_replays: int
