"""One look at one calendar: whose, when, and what its table held."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from shared.domain.evidence_calendar import ATTESTED
from shared.store.attribute import Row
from shared.store.evidence_calendar import instant

_ATTESTED_KEPT: Final = 40  # days; more than two quarters have reviews


@dataclass(slots=True)
class Run:
    """`rows` are those of the periods that are looked at, `since` is the first whole day of the calendar."""

    tenant: str
    run_id: str
    now: float
    since: date
    progress: Row
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        return instant(self.now)

    @property
    def today(self) -> date:
        return self.at.date()

    def attested(self) -> list[str]:
        """Name the days on which a review was attested: those that are noted, and those of the rows at hand."""
        days = {slot.partition("#")[0] for slot, row in self.rows.items() if row.get("counts", {}).get(ATTESTED)}
        return sorted({*self.progress.get("attested", ()), *days})[-_ATTESTED_KEPT:]
