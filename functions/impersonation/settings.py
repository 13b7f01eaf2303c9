"""What impersonation reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings
from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` also unseals the signing key, and what seals the words of a reason."""

    impersonations_table: str
    outbox_table: str
    throttles_table: str


@dataclass(frozen=True, slots=True)
class SweepSettings(LedgerSettings):
    tenants_table: str
    impersonations_table: str
    outbox_table: str
