"""The events of share links, and for whom they are.

Rules of this module
- The auditor is a person of the tenant's log with a salt of his own, under the id of the link: his name, address and
  browser are sealed under it. Erasing that id (POST /api/staff/{share_id}/erase) takes them away for good, and the link
  serves nobody from then on.
- The name stands in the column `actor_email` of a use, and in `reason` of what was done with the link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.audit.personal_data import PersonalData
from shared.edge.guard import Principal
from shared.edge.provenance import context_of, sealed_actor, sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.exports import BUNDLE
from shared.store.item import batch_get
from shared.store.share_links import OPEN, REVOKED
from shared.store.subject_keys import subject_key
from shared.store.wire import JsonService

PURPOSE: Final = "data_export"
TARGET: Final = "share_link"


class Told(NamedTuple):
    """What somebody does with a link, for the event; `auditor` None is one who was erased."""

    request: Request
    principal: Principal
    export_id: str
    share_id: str
    expires_at: int
    auditor: str | None


def sealed_auditor(personal: PersonalData, salt: bytes, share_id: str, auditor: str) -> dict[str, Json]:
    """Seal for whom a link is, for its row."""
    return personal.entry(salt, subject=share_id, of="target", event_id=share_id, values={"auditor": auditor})


def auditor_of(personal: PersonalData, salt: bytes | None, row: Row) -> str | None:
    """Open for whom the link of `row` is; None where he was erased."""
    if salt is None:
        return None
    try:
        return personal.disclose(salt, row["auditor"], row["share_id"]).values["auditor"]
    except ValueError:  # sealed under a salt that is gone
        return None


@dataclass(frozen=True, slots=True)
class Chronicler:
    dynamodb: JsonService
    subject_keys_table: str
    data_keys: DataKeys

    def created(self, told: Told, salt: bytes) -> Draft:
        """Tell of a new link; `salt` is that of its auditor, which the same commit puts."""
        step_up = told.principal.grant(PURPOSE).challenge_id
        return self._event(told, "SHARE_LINK_CREATED", step_up, (None, OPEN), {told.share_id: salt})

    def revoked(self, told: Told) -> Draft:
        return self._event(told, "SHARE_LINK_REVOKED", None, (OPEN, REVOKED), {})

    def salts(self, tenant: str, subjects: list[str]) -> dict[str, bytes]:
        """Read the salts of `subjects`, 100 at most; those that were erased are left out."""
        keys = [subject_key(tenant, subject) for subject in sorted({*subjects})]
        found = batch_get(self.dynamodb, {self.subject_keys_table: keys})[self.subject_keys_table] if keys else []
        return {row["subject"]: row["salt"] for row in found}

    def personal(self, tenant: Row) -> PersonalData:
        return self.data_keys.personal_data(tenant["tenant"], tenant["data_key_sealed"])

    def _event(
        self,
        told: Told,
        action: str,
        step_up: str | None,
        status: tuple[str | None, str],
        new_salts: Mapping[str, bytes],
    ) -> Draft:
        request, principal = told.request, told.principal
        before, after = status
        event_id, export_id = new_event_id(request.now), told.export_id
        return Draft(
            event_id=event_id,
            action=action,
            outcome="success",
            actor=principal.actor(step_up),
            resource=f"export/{export_id}",
            context=context_of(request, principal.session.binding.device_hash, export_id),
            targets=(Target(TARGET, told.share_id),),
            change={"before": None if before is None else {"status": before}, "after": {"status": after}},
            personal=self._sealed(told, event_id, new_salts),
            meta={"export_id": export_id, "share_id": told.share_id, "expires_at": rfc3339(told.expires_at)},
        )

    def _sealed(self, told: Told, event_id: str, new_salts: Mapping[str, bytes]) -> tuple[Mapping[str, Json], ...]:
        """Seal whence it was done, and for whom the link is, each under the salt of that person."""
        acting = told.principal.acting
        salts = {**self.salts(acting.tenant, [acting.staff_id, told.share_id]), **new_salts}
        personal = self.personal(told.principal.tenant)
        whence = sealed_unless_erased(personal, salts.get(acting.staff_id), acting.staff_id, event_id, told.request)
        salt = salts.get(told.share_id)
        if salt is None or told.auditor is None:
            return whence
        values = {"reason": f"Shared with {told.auditor}"}
        return (
            *whence,
            personal.entry(salt, subject=told.share_id, of="target", event_id=event_id, values=values),
        )


def auditor_actor(share_id: str) -> Actor:
    return Actor("auditor", share_id)


def downloaded(
    request: Request, export: Row, share_id: str, auditor: str, sealing: tuple[PersonalData, bytes]
) -> Draft:
    """Tell that the holder of a link fetches the bundle; `sealing` is the tenant's key and the auditor's salt."""
    event_id, export_id = new_event_id(request.now), export["export_id"]
    personal, salt = sealing
    meta: dict[str, Any] = {
        "export_id": export_id,
        "kind": BUNDLE,
        "requested": export["requested"],
        "manifest_sha256": export["result"]["manifest_sha256"],
        "share_id": share_id,
    }
    return Draft(
        event_id=event_id,
        action="DATA_EXPORT_DOWNLOADED",
        outcome="success",
        actor=auditor_actor(share_id),
        resource=f"export/{export_id}",
        context=context_of(request, None, export_id),
        targets=(Target(TARGET, share_id),),
        personal=(sealed_actor(personal, salt, subject=share_id, event_id=event_id, request=request, email=auditor),),
        meta=meta,
    )
