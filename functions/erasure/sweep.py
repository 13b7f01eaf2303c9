"""Every five minutes: what the tables still hold of people who were erased goes.

One person
1. Take away what there is (shared/store/remnants.py); a write whose condition does not hold had nothing to take.
2. Nothing waits, and whatever was under way when the person was erased has long been committed or refuted: take away
   what only a scan finds, and note that it is done. A run that ends anywhere before is repeated from the start by the
   next one; an erasure that waits, for hours perhaps, costs no scan meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.store.erasures import Erasure, finished, open_erasures
from shared.store.item import Item, write
from shared.store.remnants import RemnantTables, challenges_of, remnants
from shared.store.wire import JsonService

RUN_SECONDS: Final = 240  # below the function's time-out, with room for what was begun
SETTLED_SECONDS: Final = 300  # longer than any request, and than a writer's give-up


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    dynamodb: JsonService
    tables: RemnantTables
    erasures_table: str
    clock: Callable[[], float]

    def run(self) -> dict[str, int]:
        """Serve every erasure that time allows; one that fails is raised only after the others were served."""
        began_at, done, faults = self.clock(), {"looked_at": 0, "finished": 0}, list[Exception]()
        for erasure in open_erasures(self.dynamodb, self.erasures_table):
            if self.clock() >= began_at + RUN_SECONDS:
                break
            done["looked_at"] += 1
            try:
                done["finished"] += self.finish(erasure)
            except Exception as fault:  # noqa: BLE001 - collected and raised below
                fault.add_note(f"erasure {erasure.event_id}")
                faults.append(fault)
        if faults:
            raise ExceptionGroup("erasures could not be finished", faults)
        return done

    def finish(self, erasure: Erasure) -> bool:
        """Take away what is left of a person; False where that was not the end of it."""
        began_at, waits = self.clock(), False
        # 1. What there is.
        for one in remnants(self.dynamodb, self.tables, erasure):
            if isinstance(one, Item):
                write(self.dynamodb, one)
            else:
                waits = True
        # 2. The end.
        if waits or began_at < erasure.erased_at + SETTLED_SECONDS:
            return False
        for one in challenges_of(self.dynamodb, self.tables, erasure):
            write(self.dynamodb, one)
        return write(self.dynamodb, finished(self.erasures_table, erasure, int(self.clock())))
