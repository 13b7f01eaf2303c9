"""Bundles that the calendar asks for: one a cadence and period, by the transaction by which a person asks for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.evidence_collection.settings import Settings
from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.domain.evidence_calendar import Cadence, Obligation, Period
from shared.evidence.period import period_of
from shared.store.attribute import Row
from shared.store.evidence_calendar import ask_slot, asked_item, read_slot
from shared.store.exports import BUNDLE, SYSTEM, get_export, new_bundle_items, new_bundle_row, new_export_id
from shared.store.transaction import Ledger
from shared.store.wire import JsonService

ACTOR: Final = Actor(SYSTEM, "evidence_calendar")
ATTEMPTS: Final = 8
RETRY_SECONDS: Final = 6 * 3_600
_REQUESTED_BY: Final = {"actor": ACTOR.id, "type": SYSTEM, "role": None, "step_up": None}


@dataclass(frozen=True, slots=True)
class Bundles:
    dynamodb: JsonService
    ledger: Ledger
    settings: Settings

    def asked(self, tenant: str, cadence: Cadence, period: Period, run_id: str, now: float) -> Row | None:
        """Give the export of a period, asking where nobody has, and again where it was in vain; None of a new one."""
        table, slot = self.settings.evidence_calendar_table, ask_slot(cadence, period)
        ask = read_slot(self.dynamodb, table, tenant, slot)
        if ask is None:
            self._ask(tenant, slot, period, run_id, now, None)
            return None
        export = get_export(self.dynamodb, self.settings.exports_table, tenant, ask["export_id"])
        if _in_vain(export) and ask["attempts"] < ATTEMPTS and now >= ask["asked_at"] + RETRY_SECONDS:
            self._ask(tenant, slot, period, run_id, now, ask)
        return export or {"status": "failed"}

    def _ask(self, tenant: str, slot: str, period: Period, run_id: str, now: float, before: Row | None) -> None:
        export_id, event_id = new_export_id(now), new_event_id(now)
        range_ = period_of(str(period.first), str(period.last), "UTC", now)
        asked = {"requested": {**range_.requested(), "format": "csv"}}
        row = new_bundle_row(tenant, export_id, asked, _REQUESTED_BY, event_id, now)
        started = Draft(
            event_id=event_id,
            action="DATA_EXPORT_STARTED",
            outcome="success",
            actor=ACTOR,
            resource=f"export/{export_id}",
            context=system_context("schedule", run_id),
            meta={"export_id": export_id, "kind": BUNDLE, **asked},
        )
        items = (
            asked_item(self.settings.evidence_calendar_table, tenant, slot, export_id, int(now), before),
            *new_bundle_items(self.settings.exports_table, self.settings.outbox_table, row, now),
        )
        # Refuted: another run has asked, and its bundle serves as well.
        self.ledger.commit(tenant, items, [started])


def _in_vain(export: Row | None) -> bool:
    """Tell whether a bundle failed, or was cut: then it holds only a part of its period."""
    if export is None or export["status"] == "failed":
        return True
    return export["status"] == "completed" and bool(export["result"]["cut"])


def population(result: Mapping[str, Any], obligation: Obligation) -> int:
    """Count the rows of the obligation's section in a completed bundle; of the quarter's bundle, all."""
    prefix = "" if obligation.cadence == "quarterly" else f"{obligation.section}_"
    return sum(file["rows"] for file in result["files"] if file["path"].startswith(prefix))
