"""What the scheduled housekeeping reads from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.retention import FIGURES
from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    signing_keys_table: str
    tenants_table: str
    data_key_id: str
    access_token_seconds: int
    signing_key_rotation_seconds: int
    signing_key_publish_seconds: int
    vault_lock_mode: str
    vault_retention_days: int
    exports_lock_mode: str
    exports_retention_days: int
    security_retention_seconds: int

    def retention(self) -> Mapping[str, str | int]:
        """Give how long what is kept, as the log tells it."""
        return {name: getattr(self, name) for name in FIGURES}
