"""What the scheduled housekeeping reads from its environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    signing_keys_table: str
    data_key_id: str
