"""What the administration of people reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` also opens the tenants' data keys for what administrators write of people."""

    outbox_table: str
    impersonations_table: str
    invites_table: str
