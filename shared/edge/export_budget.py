"""How many exports a person and a tenant may begin in an hour: each costs reading, and events that stay for years.

Rules of this module
- It is asked once an export: further pages of a report cost nothing of it. What the system collects by itself does not
  come through here.
- The person's budget is the smaller one, and asked first: whoever stole one session cannot use up the tenant's.
- Counting is conditional (shared/store/throttles.py): of any number at once, no more begin than the budget says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.edge.problem import rate_limited
from shared.store.exports import BUNDLE, REPORT, SAMPLE
from shared.store.throttles import digest, reserve_budget
from shared.store.transaction import Acting
from shared.store.wire import JsonService

WINDOW_SECONDS: Final = 3_600


class Limits(NamedTuple):
    person: int
    tenant: int


LIMITS: Final = {REPORT: Limits(300, 1_000), SAMPLE: Limits(60, 200), BUNDLE: Limits(20, 60)}


@dataclass(frozen=True, slots=True)
class ExportBudget:
    dynamodb: JsonService
    throttles_table: str

    def take(self, acting: Acting, kind: str, now: float) -> None:
        """Take one export of `kind`; raises `Refused` (429, with the seconds to wait) where none is left."""
        limits = LIMITS[kind]
        buckets = (
            (f"export_{kind}#{digest(acting.tenant, acting.staff_id)}", limits.person),
            (f"export_{kind}#{digest(acting.tenant)}", limits.tenant),
        )
        for bucket, limit in buckets:
            wait = reserve_budget(self.dynamodb, self.throttles_table, bucket, limit, WINDOW_SECONDS, now)
            if wait is not None:
                raise rate_limited(wait.retry_after_seconds)
