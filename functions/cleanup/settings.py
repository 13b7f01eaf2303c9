"""What the scheduled cleanup reads from its environment."""

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    tenants_table: str
    refresh_tokens_table: str
    security_retention_seconds: int
