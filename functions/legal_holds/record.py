"""The events of legal holds, and a hold as it is told.

Rules of this module
- Why somebody is held is what an owner wrote of that person: it is sealed under the salt of that person, who cannot be
  erased meanwhile, and goes with him. Of a hold of everybody it is sealed under the owner's own.
- A case is an id: it stands in the log in the clear, and stays. Name nobody in it.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from shared.audit.event import Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.edge.guard import Principal
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.edge.sealed_words import SealedWords
from shared.store.attribute import Row
from shared.store.legal_holds import ACTIVE, RELEASED, STAFF, TENANT

PURPOSE: Final = "rbac_admin"


class Told(NamedTuple):
    """A hold of `staff_id`, or of everybody, that is about to be placed or released because of `reason`."""

    request: Request
    principal: Principal
    hold_id: str
    staff_id: str | None
    case: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Chronicler:
    words: SealedWords

    def placed(self, told: Told) -> Draft:
        return self._event(told, "LEGAL_HOLD_PLACED", None, ACTIVE)

    def released(self, told: Told) -> Draft:
        return self._event(told, "LEGAL_HOLD_RELEASED", ACTIVE, RELEASED)

    def _event(self, told: Told, action: str, before: str | None, after: str) -> Draft:
        request, principal = told.request, told.principal
        person = () if told.staff_id is None else (Target("user", told.staff_id),)
        scope = TENANT if told.staff_id is None else STAFF
        event_id = new_event_id(request.now)
        return Draft(
            event_id=event_id,
            action=action,
            outcome="success",
            actor=principal.actor(principal.grant(PURPOSE).challenge_id),
            resource=f"legal_holds/{told.hold_id}",
            context=context_of(request, principal.session.binding.device_hash),
            targets=(*person, Target("legal_hold", told.hold_id)),
            change={"before": None if before is None else {"status": before}, "after": {"status": after}},
            personal=self.words.personal(request, principal, event_id, told.staff_id, told.reason),
            meta={"hold_id": told.hold_id, "scope": scope, "case": told.case},
        )


def hold_document(row: Row) -> dict[str, Any]:
    released = row.get("released_at")
    return {
        "hold_id": row["hold_id"],
        "status": row["status"],
        "scope": STAFF if "staff_id" in row else TENANT,
        "staff_id": row.get("staff_id"),
        "reason": row["reason"],
        "case": row.get("case"),
        "placed_by": row["placed_by"],
        "placed_at": rfc3339(row["placed_at"]),
        "released_by": row.get("released_by"),
        "released_at": None if released is None else rfc3339(released),
        "release_reason": row.get("release_reason"),
    }
