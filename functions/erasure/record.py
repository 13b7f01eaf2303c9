"""The event of an erasure, and the word of it on the bus.

Rules of this module
- Nothing of whoever is erased stands in the event but ids and counts: it is written when his salt is gone.
- Why it was done is the owner's word, and sealed under the owner's own salt. Whoever erases the owner one day takes it
  away as well.
- Who replays a log against older tables (an epoch after a restore) finds in `meta.subjects` all that must go again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from functions.erasure.subject import Subject
from shared.audit.canonical import Json
from shared.audit.event import Draft, Target
from shared.edge.guard import Principal
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.item import Item
from shared.store.outbox import bus_event
from shared.store.tenant_staff import ERASED

PURPOSE = "rbac_admin"


class Told(NamedTuple):
    """An erasure about to be committed; `reason` is what the owner wrote, `actor_salt` is the owner's."""

    request: Request
    principal: Principal
    subject: Subject
    actor_salt: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class Chronicler:
    data_keys: DataKeys

    def erased(self, told: Told, event_id: str, salts: tuple[str, ...], *, last: bool) -> Draft:
        """Write PII_ERASED of those whose `salts` go; only the `last` commit of a person makes the tombstone."""
        request, principal, subject = told.request, told.principal, told.subject
        before = None if subject.gate is None else subject.gate.status
        subjects: list[Json] = list(salts)
        rows: dict[str, Json] = dict(subject.counts) if last else {}
        return Draft(
            event_id=event_id,
            action="PII_ERASED",
            outcome="success",
            actor=principal.actor(principal.grant(PURPOSE).challenge_id),
            resource=f"tenant_staff/{subject.staff_id}",
            context=context_of(request, principal.session.binding.device_hash),
            targets=(Target("user", subject.staff_id),),
            change={"before": {"status": before}, "after": {"status": ERASED if last else before}},
            personal=self._personal(told, event_id),
            meta={"subjects": subjects, "erased": {"salts": len(salts), **rows}},
        )

    def _personal(self, told: Told, event_id: str) -> tuple[Mapping[str, Json], ...]:
        """Seal whence the owner asked, and why; `of` says whom a text is about, `sub` under whose salt it is."""
        acting, salt = told.principal.acting, told.actor_salt
        if salt is None:
            return ()
        sealer = self.data_keys.personal_data(acting.tenant, told.principal.tenant["data_key_sealed"])
        whence = sealed_unless_erased(sealer, salt, acting.staff_id, event_id, told.request)
        values = {"reason": told.reason}
        return (*whence, sealer.entry(salt, subject=acting.staff_id, of="target", event_id=event_id, values=values))


def erased_effect(outbox_table: str, told: Told, event_id: str) -> Item:
    """Tell the adopter's own services, which may hold something under the same id."""
    principal, subject, request = told.principal, told.subject, told.request
    detail: dict[str, Json] = {"by": principal.acting.staff_id, "event": event_id}
    return bus_event(
        outbox_table,
        subject.tenant,
        "user_erased",
        request.now,
        staff_id=subject.staff_id,
        correlation=request.request_id,
        detail=detail,
    )
