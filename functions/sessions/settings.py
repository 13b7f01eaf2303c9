"""What logout and `me` read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """Public keys verify here: this concern can neither sign nor unseal."""
