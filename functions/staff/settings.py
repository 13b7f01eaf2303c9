"""What the administration of people reads from its environment."""

from dataclasses import dataclass

from shared.edge.measure_wiring import MeasureSettings


@dataclass(frozen=True, slots=True)
class Settings(MeasureSettings):
    """All that measures take, and nothing else."""
