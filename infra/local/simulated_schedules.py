"""What the deployment's own schedules do on a simulated day: cleanup, and keeping the evidence calendar.

They are the product's flows themselves, under the simulated clock. Bundles of the calendar are left out: they would be
asked for then and made now, by functions that have no such clock. So the calendar of a simulated quarter owes the daily
evidence and that of the cleanup, and collects it by what is sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from functions.cleanup.flow import RUN_SECONDS, Cleanup
from functions.cleanup.settings import Settings as CleanupSettings
from functions.evidence_collection.flow import Collection
from functions.evidence_collection.sealed_days import SealedDays
from functions.evidence_collection.settings import Settings as CollectionSettings
from shared.domain.evidence_calendar import OBLIGATIONS
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment
from shared.store.condition import present
from shared.store.evidence_calendar import PROGRESS, slot_key
from shared.store.item import delete, write
from shared.store.transaction import Ledger
from shared.store.wire import JsonService

_KEPT: Final = tuple(each for each in OBLIGATIONS if each.proof in {"heartbeat", "cleanup"})


class SimulatedSchedules:
    """Serves one tenant, at whatever moment `clock` says it is."""

    def __init__(
        self,
        dynamodb: JsonService,
        ledger: Ledger,
        vault: LockedBucket,
        variables: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        settings = from_environment(CollectionSettings, variables)
        sealed = SealedDays(dynamodb, vault, settings)
        self._dynamodb, self._clock, self._table = dynamodb, clock, settings.evidence_calendar_table
        self._cleanup = Cleanup(dynamodb, ledger, from_environment(CleanupSettings, variables), clock)
        self._collection = Collection(dynamodb, ledger, sealed, settings, clock, _KEPT)
        self._cleaned_at: int | None = None

    def clean(self, tenant: str) -> None:
        if self._cleanup.clean(tenant, self._cleaned_at, self._clock() + RUN_SECONDS) is None:
            raise RuntimeError("the simulated cleanup did not run")
        self._cleaned_at = int(self._clock())

    def collect(self, tenant: str) -> None:
        self._collection.collect(tenant)

    def end(self, tenant: str) -> None:
        """End the simulated calendar: that of the running stage begins when its schedule first sees the tenant.

        What was collected stays collected. Of the time between, nothing was simulated and nothing is owed: the API says
        so of each period, by the simulated span of the tenant, and that the calendar began with it.
        """
        item = delete(self._table, slot_key(tenant, PROGRESS), present("tenant"))
        write(self._dynamodb, item)
