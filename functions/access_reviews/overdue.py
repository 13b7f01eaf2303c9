"""Every hour: reviews that were not attested in time are told, once each.

One tenant: 1. read its reviews; 2. commit of each that is overdue the note of it with ACCESS_REVIEW_OVERDUE. The note
is put once and on an OPEN review alone, so of two sweeps, or of a sweep and an attestation, one comes first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from functions.access_reviews import record
from shared.store.access_reviews import OPEN, overdue, reviews_of
from shared.store.tenants import serve_each, tenant_ids
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    dynamodb: JsonService
    table: str
    tenants_table: str
    ledger: Ledger
    clock: Callable[[], float]

    def run(self) -> Mapping[str, int]:
        """Serve every tenant; gives how many reviews of each were told."""
        return serve_each(tenant_ids(self.dynamodb, self.tenants_table), self.sweep)

    def sweep(self, tenant: str) -> int:
        now, told = self.clock(), 0
        # 1. The reviews.
        for row in reviews_of(self.dynamodb, self.table, tenant):
            if row["status"] != OPEN or now < row["due_at"] or "overdue_at" in row:
                continue
            # 2. Tell it.
            item = overdue(self.table, tenant, row["review_id"], int(now))
            told += not isinstance(self.ledger.commit(tenant, [item], [record.overdue(row, now)]), Refuted)
        return told
