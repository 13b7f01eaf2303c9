"""What the address rules read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    audit_seals_table: str
    outbox_table: str
