"""Step 5, finish, and every bad end: the export's row and its last event change together, once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.evidence_pipeline.assemble import ARCHIVE
from shared.audit.event import Actor, Draft, Outcome, new_event_id, system_context
from shared.evidence.s3_archive import Workbench
from shared.store.attribute import Row
from shared.store.exports import COMPLETED, RUNNING, completed_item, failed_item, get_export, overdue_exports
from shared.store.transaction import Committed, Ledger
from shared.store.wire import Clock, JsonService


@dataclass(frozen=True, slots=True)
class Finisher:
    dynamodb: JsonService
    ledger: Ledger
    exports_table: str
    clock: Clock

    def finish(self, tenant: str, export_id: str, workbench: Workbench) -> None:
        """Complete the export, once. One that has failed already (its deadline passed) stays failed."""
        # 1. What was asked, what came out, where it lies.
        export = self._export(tenant, export_id)
        if export["status"] == COMPLETED:  # this step was repeated after its commit
            return
        result = json.loads(workbench.read(ARCHIVE))
        # 2. Completed, and the event that says so, in one transaction.
        meta = {
            "export_id": export_id,
            "name": result["name"],
            "rows": result["rows"],
            "bytes": result["size"],
            "manifest_sha256": result["manifest_sha256"],
            "cut": result["cut"],
            "cut_start": result["cut_start"],
        }
        event = self._event(export, "DATA_EXPORT_COMPLETED", "success", None, meta)
        item = completed_item(self.exports_table, tenant, export_id, result)
        if not isinstance(self.ledger.commit(tenant, [item], [event]), Committed):
            raise RuntimeError(f"export {export_id} ended before it was finished")  # noqa: TRY004 - not about a type

    def fail(self, tenant: str, export_id: str, error: str) -> bool:
        """End the export as failed; says whether this call did. `error` is a name, never a message with content."""
        export = self._export(tenant, export_id)
        if export["status"] != RUNNING:
            return False
        meta = {"export_id": export_id, "error": error}
        event = self._event(export, "DATA_EXPORT_FAILED", "error", error, meta)
        item = failed_item(self.exports_table, tenant, export_id, error)
        return isinstance(self.ledger.commit(tenant, [item], [event]), Committed)

    def overdue(self, tenant: str) -> Iterator[str]:
        """Find exports that still run behind their deadline: abandoned pages, executions that nobody reported."""
        return overdue_exports(self.dynamodb, self.exports_table, tenant, self.clock())

    def _export(self, tenant: str, export_id: str) -> Row:
        export = get_export(self.dynamodb, self.exports_table, tenant, export_id)
        if export is None:
            raise RuntimeError(f"export {export_id} of {tenant} does not exist")
        return export

    def _event(self, export: Row, action: str, outcome: Outcome, reason: str | None, meta: Mapping[str, Any]) -> Draft:
        """Draft an end of the export in the name of the one who asked for it (ASVS 8.3.3), a person or the calendar."""
        by = export["requested_by"]
        return Draft(
            event_id=new_event_id(self.clock()),
            action=action,
            outcome=outcome,
            reason=reason,
            actor=Actor(by.get("type", "user"), by["actor"], role=by["role"], step_up=by["step_up"]),
            resource=f"export/{export['export_id']}",
            context=system_context("evidence_pipeline", export["export_id"]),
            meta={"kind": export["kind"], "requested": export["requested"], **meta},
        )
