"""What the scheduled housekeeping reads from its environment."""

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    signing_keys_table: str
    tenants_table: str
    data_key_id: str
    access_token_seconds: int
    signing_key_rotation_seconds: int
    signing_key_publish_seconds: int
