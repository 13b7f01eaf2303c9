"""What the sweep of the address rules reads from its environment."""

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    tenants_table: str
    ip_rules_table: str
    ip_denials_table: str
    outbox_table: str
