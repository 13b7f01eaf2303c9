"""What the scheduled collection reads from its environment."""

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    tenants_table: str
    evidence_calendar_table: str
    exports_table: str
    outbox_table: str
    audit_seals_table: str
    vault_bucket: str
