"""What the legal holds read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` also opens the tenants' data keys, for what an owner writes of a hold."""

    legal_holds_table: str
