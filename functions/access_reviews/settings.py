"""What the access reviews read from their environment."""

from dataclasses import dataclass

from shared.edge.measure_wiring import MeasureSettings
from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(MeasureSettings):
    """All that measures take: a review carries them out."""

    access_reviews_table: str


@dataclass(frozen=True, slots=True)
class SweepSettings(LedgerSettings):
    tenants_table: str
    access_reviews_table: str
