"""One look at one calendar: whose, when, and what its table held."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from shared.store.attribute import Row
from shared.store.evidence_calendar import instant

_ATTESTED_KEPT: Final = 40  # attestations; more than two quarters have


@dataclass(slots=True)
class Run:
    """`rows` are those of the periods that are looked at, `since` is the first whole day of the calendar.

    `spent` are the attestations that this run has found an answer with.
    """

    tenant: str
    run_id: str
    now: float
    since: date
    progress: Row
    rows: dict[str, Row] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)

    @property
    def at(self) -> datetime:
        return instant(self.now)

    @property
    def today(self) -> date:
        return self.at.date()

    def attested(self) -> list[Mapping[str, Any]]:
        """List the attested reviews, the oldest first: those that are noted, and those of the days at hand."""
        found = {each["event_id"]: each for each in self.progress.get("attested", ())}
        for slot, row in self.rows.items():
            seen = {"day": slot.partition("#")[0], "digests": row.get("digests")}
            found |= {each["event_id"]: {**each, **seen} for each in row.get("attested", ())}
        return sorted(found.values(), key=lambda each: (each["day"], each["event_id"]))[-_ATTESTED_KEPT:]
