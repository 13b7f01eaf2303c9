"""The events of access reviews.

Rules of this module
- Why something was decided is the reviewer's word about a person: it is sealed under the salt of that person.
- What a decision changed is told by the events of the change itself; ACCESS_REVIEW_ITEM_DECIDED names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.edge.guard import Principal
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.edge.sealed_words import SealedWords
from shared.store.attribute import Row

PURPOSE: Final = "rbac_admin"
_SWEEP: Final = Actor("system", "access_review_sweep")


@dataclass(frozen=True, slots=True)
class Chronicler:
    words: SealedWords

    def created(
        self, request: Request, principal: Principal, event_id: str, review_id: str, meta: Mapping[str, Json]
    ) -> Draft:
        return self._event(request, principal, "ACCESS_REVIEW_CREATED", event_id, review_id, meta=meta)

    def attested(
        self, request: Request, principal: Principal, event_id: str, review_id: str, meta: Mapping[str, Json]
    ) -> Draft:
        change = {"before": {"status": "OPEN"}, "after": {"status": "ATTESTED"}}
        return self._event(request, principal, "ACCESS_REVIEW_ATTESTED", event_id, review_id, meta=meta, change=change)

    def decided(
        self, request: Request, principal: Principal, review_id: str, staff_id: str, decision: Mapping[str, Any]
    ) -> Draft:
        """Write the event of a `decision` as its row has it; only what takes access relies on a proof."""
        before, after = decision["role_before"], decision["role_after"]
        told = ("decision", "result", "status_after", "late", "seconds", "events")
        return self._event(
            request,
            principal,
            "ACCESS_REVIEW_ITEM_DECIDED",
            decision["event_id"],
            review_id,
            staff_id=staff_id,
            reason=decision.get("reason"),
            proven=bool(decision["events"]),
            change={"before": {"role": before}, "after": {"role": after}},
            meta={name: decision[name] for name in told},
        )

    def _event(
        self,
        request: Request,
        principal: Principal,
        action: str,
        event_id: str,
        review_id: str,
        *,
        meta: Mapping[str, Json],
        change: Mapping[str, Json] | None = None,
        staff_id: str | None = None,
        reason: str | None = None,
        proven: bool = True,
    ) -> Draft:
        person = () if staff_id is None else (Target("user", staff_id),)
        return Draft(
            event_id=event_id,
            action=action,
            outcome="success",
            actor=principal.actor(principal.grant(PURPOSE).challenge_id if proven else None),
            resource=f"access_reviews/{review_id}",
            context=context_of(request, principal.session.binding.device_hash),
            targets=(*person, Target("access_review", review_id)),
            change=change,
            personal=self.words.personal(request, principal, event_id, staff_id, reason),
            meta={"review_id": review_id, **meta},
        )


def overdue(row: Row, now: float) -> Draft:
    """Write that a review was not attested in time."""
    event_id, review_id = new_event_id(now), row["review_id"]
    return Draft(
        event_id=event_id,
        action="ACCESS_REVIEW_OVERDUE",
        outcome="failure",
        actor=_SWEEP,
        resource=f"access_reviews/{review_id}",
        context=system_context("schedule", event_id),
        targets=(Target("access_review", review_id),),
        meta={
            "review_id": review_id,
            "due_at": rfc3339(row["due_at"]),
            "reviewers": row["reviewers"],
            "population": row["population"],
            "decided": row["decided"],
        },
    )
