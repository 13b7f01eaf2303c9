"""A risk beyond the threshold: whoever it is, every session of the person ends, and the person is told.

Detection, containment and the order to notify are one commit under one incident id: whoever reads the log finds all of
them or none. The person is told by the delivery of that order, which is recorded under the same id.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Outcome, Target, new_event_id
from shared.domain.risk import Assessment
from shared.edge.problem import Refused
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.store.condition import Clause
from shared.store.item import Item
from shared.store.outbox import security_alert
from shared.store.session_ends import Ending, secured
from shared.store.tenant_staff import bumped_gate
from shared.store.user_sessions import session_key

HIGH_RISK: Final = "high_risk"
NOBODY: Final = Actor("anonymous", None)
SYSTEM: Final = Actor("system", "muniment")


@dataclass(frozen=True, slots=True)
class BlockingTables:
    tenant_staff: str
    user_sessions: str
    outbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Whose sessions end, and how it was noticed.

    `session_id` None: a sign-in, which has no session yet; `clauses` hold the session to what was judged. `occasion` is
    "LOGIN", "REFRESH" or "STEP_UP". `personal` is the sealed presenter, of the event `event_id`.
    """

    tenant: str
    staff_id: str
    session_version: int
    session_id: str | None
    clauses: tuple[Clause, ...]
    device_hash: str
    occasion: str
    event_id: str
    personal: tuple[Mapping[str, Json], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """Writes the items and events of a block; `kept_seconds` is how long its session stays as evidence."""

    tables: BlockingTables
    kept_seconds: int

    def block(self, request: Request, suspect: Suspect, assessment: Assessment) -> tuple[list[Item], list[Draft]]:
        """Give what ends every session of the person; refuted under "gate" or "session" when they have changed."""
        now, incident = int(request.now), new_event_id(request.now)
        detail: dict[str, Json] = {"score": assessment.score, "reasons": list(assessment.reasons)}
        items = [
            bumped_gate(
                self.tables.tenant_staff,
                suspect.tenant,
                suspect.staff_id,
                suspect.session_version,
                {"reason": HIGH_RISK, "incident_id": incident},
            ),
            security_alert(
                self.tables.outbox,
                suspect.tenant,
                suspect.staff_id,
                "session_blocked",
                now,
                incident=incident,
                detected_at=now,
                detail=detail,
            ),
        ]
        if suspect.session_id is not None:
            key = session_key(suspect.tenant, suspect.staff_id, suspect.session_id)
            ending = Ending(HIGH_RISK, incident, now, self.kept_seconds)
            items.append(secured(self.tables.user_sessions, key, ending, *suspect.clauses))
        return items, _events(request, suspect, assessment, incident)


def session_blocked() -> Refused:
    return Refused(401, "session_blocked", "It was blocked, and the owner of the account has been told.")


def _events(request: Request, suspect: Suspect, assessment: Assessment, incident: str) -> list[Draft]:
    told = _Told(request, suspect, incident)
    risk = assessment.record()
    versions: dict[str, Json] = {
        "before": {"session_version": suspect.session_version},
        "after": {"session_version": suspect.session_version + 1},
    }
    return [
        told.event("SESSION_BLOCKED", "denied", "HIGH_RISK", risk=risk, first=True),
        told.event("SUSPICIOUS_LOGIN_DETECTED", "denied", suspect.occasion),
        told.event("ANOMALY_SCORED", "denied", suspect.occasion, risk=risk),
        told.event("SESSION_INVALIDATED", "success", HIGH_RISK, actor=SYSTEM, change=versions),
    ]


@dataclass(frozen=True, slots=True)
class _Told:
    request: Request
    suspect: Suspect
    incident: str

    def event(
        self,
        action: str,
        outcome: Outcome,
        reason: str,
        *,
        actor: Actor = NOBODY,
        first: bool = False,
        risk: Mapping[str, Json] | None = None,
        change: Mapping[str, Json] | None = None,
    ) -> Draft:
        """Write one event of the incident; the `first` carries the presenter. Who that was is not proven."""
        suspect = self.suspect
        session = () if suspect.session_id is None else (Target("session", suspect.session_id),)
        where = "login" if suspect.session_id is None else f"user_sessions/{suspect.session_id}"
        meta: dict[str, Json] = {"incident_id": self.incident}
        return Draft(
            event_id=suspect.event_id if first else new_event_id(self.request.now),
            action=action,
            outcome=outcome,
            actor=actor,
            resource=f"tenant_staff/{suspect.staff_id}" if change else where,
            context=context_of(self.request, suspect.device_hash, self.incident),
            reason=reason,
            targets=(Target("user", suspect.staff_id), *session),
            change=change,
            risk=risk,
            personal=suspect.personal if first else (),
            meta=meta | {"scope": "user"} if change else meta,
        )
