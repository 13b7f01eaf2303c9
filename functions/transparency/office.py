"""What all transparency routes work with, and the events that they write before anything leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.transparency.sealed_log import SealedLog
from functions.transparency.settings import Settings
from shared.audit.checkpoint import origin_of
from shared.audit.event import Draft, Outcome, new_event_id
from shared.edge.export_budget import ExportBudget
from shared.edge.guard import Guard, Principal
from shared.edge.problem import Refused, invalid_token
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.request import Request
from shared.evidence.vault import LockedBucket, checkpoint_key, log_prefix
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.item import Item
from shared.store.subject_keys import salt_of
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService

PURPOSE = "data_export"


@dataclass(frozen=True, slots=True)
class Office:
    guard: Guard
    ledger: Ledger
    dynamodb: JsonService
    vault: LockedBucket
    data_keys: DataKeys
    budget: ExportBudget
    settings: Settings

    def log_of(self, tenant: str, epoch: int | None = None) -> SealedLog:
        settings = self.settings
        number = settings.log_epoch if epoch is None else epoch
        return SealedLog(self.dynamodb, settings.audit_seals_table, tenant, number, vault=self.vault)

    def origin(self, log: SealedLog) -> str:
        return origin_of(self.settings.log_origin, log.tenant, log.epoch)

    def note(self, log: SealedLog, digest: Row) -> str:
        """Read the signed checkpoint of a digest's tree; raises `RuntimeError` for one that states another tree."""
        prefix = log_prefix(self.settings.log_name, log.tenant, log.epoch)
        key = checkpoint_key(prefix, digest["tree_size"])
        note = self.vault.read(key, digest.get("checkpoint_version_id")).decode()
        origin, size, root = note.split("\n", 3)[:3]
        if (origin, size, root) != (self.origin(log), str(digest["tree_size"]), digest["root"]):
            raise RuntimeError(f"the checkpoint of digest {digest['no']} of {log.tenant} states another tree")
        return note

    def commit(self, principal: Principal, event: Draft, items: Sequence[Item] = ()) -> None:
        """Commit what is about to happen, or refuse (401) whoever was signed out meanwhile."""
        outcome = self.ledger.commit(principal.acting.tenant, items, [event], acting=principal.acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()

    def event(
        self,
        request: Request,
        principal: Principal,
        action: str,
        resource: str,
        meta: Mapping[str, Any],
        outcome: Outcome = "success",
        *,
        correlation_id: str | None = None,
        reason: str | None = None,
    ) -> Draft:
        event_id, acting = new_event_id(request.now), principal.acting
        personal_data = self.data_keys.personal_data(acting.tenant, principal.tenant["data_key_sealed"])
        salt = salt_of(self.dynamodb, self.settings.subject_keys_table, acting.tenant, acting.staff_id)
        return Draft(
            event_id=event_id,
            action=action,
            outcome=outcome,
            reason=reason,
            actor=principal.actor(principal.grant(PURPOSE).challenge_id),
            resource=resource,
            context=context_of(request, principal.session.binding.device_hash, correlation_id),
            personal=sealed_unless_erased(personal_data, salt, acting.staff_id, event_id, request),
            meta=meta,
        )


def nothing_signed() -> Refused:
    detail = "No digest of this log has been signed yet: one is signed within the hour of the first event."
    return Refused(404, "not_signed_yet", detail)
