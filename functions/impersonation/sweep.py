"""Every five minutes: what is over is told, with its cause and what was asked meanwhile.

One tenant: 1. read what is open, one query, which is all that an idle tenant costs; 2. judge it by the rows of both
people; 3. end each that is over in a commit of its own. The open row can be taken away once, so of two sweeps at once,
or one after a crash, one tells it; whatever changed since it was read is left to the next.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from secrets import SystemRandom
from typing import Final

from functions.impersonation.standing import Standing
from shared.audit.event import Actor, new_event_id, system_context
from shared.store.impersonation_ends import End, EndTables, ended
from shared.store.impersonations import all_open
from shared.store.tenants import serve_each, tenant_ids
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService

RUN_SECONDS: Final = 240  # below the function's time-out, with room for what was begun
_ACTOR: Final = Actor("system", "impersonation_sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    dynamodb: JsonService
    tables: EndTables
    tenants_table: str
    ledger: Ledger
    standing: Standing
    clock: Callable[[], float]

    def run(self) -> Mapping[str, int]:
        """Serve every tenant that time allows, in no order: none is always last. Gives how many ends of each."""
        end_at = self.clock() + RUN_SECONDS
        tenants = list(tenant_ids(self.dynamodb, self.tenants_table))
        SystemRandom().shuffle(tenants)
        return serve_each(itertools.takewhile(lambda _: self.clock() < end_at, tenants), self.sweep)

    def sweep(self, tenant: str) -> int:
        # 1. What is open.
        rows = all_open(self.dynamodb, self.tables.impersonations, tenant)
        now, told = self.clock(), 0
        # 2. What of it is over.
        for row, session, cause in self.standing.judged(tenant, rows, now):
            if cause is None:
                continue
            # 3. Tell it.
            end = End(cause, _ACTOR, system_context("schedule", new_event_id(now)), now)
            items, event = ended(self.tables, row, session, end)
            told += not isinstance(self.ledger.commit(tenant, items, [event]), Refuted)
        return told
