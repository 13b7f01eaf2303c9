"""What becomes of a login whose password was right: the events of its admission, a challenge, or a block."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.login.credentials import Attempt
from functions.login.weighing import PASSWORD, Weighed
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Outcome, Target, new_event_id
from shared.domain.passkey import RelyingParty
from shared.edge.blocking import NOBODY, Blocking, Suspect, session_blocked
from shared.edge.cookies import device_cookie
from shared.edge.provenance import context_of
from shared.edge.risk_challenge import SIGN_IN, Asked, challenged, new_risk_challenge, no_factor
from shared.edge.risk_challenge import told as told_id
from shared.store.item import Item
from shared.store.outbox import mail
from shared.store.step_up_challenges import put_challenge
from shared.store.tenant_staff import GateRow, unchanged_gate
from shared.store.transaction import Ledger, Refuted
from shared.store.user_sessions import owner_of

_TOLD: Final = frozenset({"NEW_DEVICE", "NEW_COUNTRY"})  # what a person hears of although it was let in

Personal = tuple[Mapping[str, Json], ...]


@dataclass(frozen=True, slots=True)
class OutcomeTables:
    tenant_staff: str
    step_up_challenges: str
    outbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    tables: OutcomeTables
    ledger: Ledger
    party: RelyingParty
    blocking: Blocking

    def admission(
        self, attempt: Attempt, gate: GateRow, weighed: Weighed, session_id: str, event_id: str, personal: Personal
    ) -> list[Draft]:
        """Write the events of a session that opens; `event_id` and `personal` are of the first."""
        actor = Actor("user", weighed.staff_id, gate.role, session_id, "password")
        context = context_of(attempt.request, weighed.binding.device_hash)
        resource = f"user_sessions/{session_id}"
        risk = weighed.assessment.record()
        return [
            Draft(
                event_id=event_id,
                action="AUTH_LOGIN_SUCCESS",
                outcome="success",
                actor=actor,
                resource=resource,
                context=context,
                targets=(Target("session", session_id),),
                personal=personal,
            ),
            Draft(
                event_id=new_event_id(attempt.request.now),
                action="ANOMALY_SCORED",
                outcome="success",
                actor=actor,
                resource=resource,
                context=context,
                reason="LOGIN",
                targets=(Target("session", session_id),),
                risk=risk,
            ),
        ]

    def notice(self, attempt: Attempt, weighed: Weighed) -> list[Item]:
        """Tell the person of a sign-in from a place that is new; nothing for a place that is known."""
        if _TOLD.isdisjoint(weighed.assessment.reasons):
            return []
        values = {
            "country": weighed.binding.country,
            "network": weighed.binding.network,
            "agent": weighed.binding.agent,
        }
        return [mail(self.tables.outbox, attempt.tenant, weighed.staff_id, "new_device", attempt.now, values=values)]

    def challenge(
        self,
        attempt: Attempt,
        gate: GateRow,
        weighed: Weighed,
        proved: list[Item],
        event_id: str,
        personal: Personal,
        new_device: str | None,
    ) -> None:
        """Ask for a second factor before a session opens; returns when the rows changed, to be decided anew.

        Raises `Refused`: 401 insufficient_user_authentication, or mfa_enrollment_required where no factor can answer.
        """
        methods = weighed.factors.open_methods(attempt.request.now)
        incident = new_event_id(attempt.request.now)
        waiting = _waiting(attempt, gate, weighed) | {"incident_id": incident}
        asked = Asked(owner_of(attempt.tenant, weighed.staff_id), "", SIGN_IN)
        stored = new_risk_challenge(asked, waiting, attempt.now)
        challenge_id = told_id(stored.challenge.challenge_id) if methods else None
        meta: dict[str, Json] = {"purpose": SIGN_IN, "challenge_id": challenge_id, "incident_id": incident}
        told = _Told(attempt, weighed, incident, meta)
        events = [
            told.event("STEP_UP_REQUIRED", "success", "STEP_UP" if methods else "NO_FACTOR", event_id, personal),
            told.event("SUSPICIOUS_LOGIN_DETECTED", "denied", "LOGIN"),
            told.event("ANOMALY_SCORED", "denied", "LOGIN"),
        ]
        items = [
            unchanged_gate(self.tables.tenant_staff, attempt.tenant, weighed.staff_id, gate),
            *proved,
            *([put_challenge(self.tables.step_up_challenges, stored)] if methods else []),
        ]
        if isinstance(self.ledger.commit(attempt.tenant, items, events), Refuted):
            return
        refused = challenged(stored, methods, weighed.factors, self.party) if methods else no_factor()
        if new_device is not None:
            refused.cookies = (device_cookie(new_device),)
        raise refused

    def block(
        self,
        attempt: Attempt,
        gate: GateRow,
        weighed: Weighed,
        proved: list[Item],
        event_id: str,
        personal: Personal,
    ) -> None:
        """End every session of the person and refuse; returns when the rows changed, to be decided anew."""
        suspect = Suspect(
            tenant=attempt.tenant,
            staff_id=weighed.staff_id,
            session_version=gate.session_version,
            session_id=None,
            clauses=(),
            device_hash=weighed.binding.device_hash,
            occasion="LOGIN",
            event_id=event_id,
            personal=personal,
        )
        items, events = self.blocking.block(attempt.request, suspect, weighed.assessment)
        if not isinstance(self.ledger.commit(attempt.tenant, [*items, *proved], events), Refuted):
            raise session_blocked()


@dataclass(frozen=True, slots=True)
class _Told:
    """Writes the events of one incident: whoever has the password need not be its owner."""

    attempt: Attempt
    weighed: Weighed
    incident: str
    meta: Mapping[str, Json]

    def event(
        self,
        action: str,
        outcome: Outcome,
        reason: str,
        event_id: str | None = None,
        personal: Personal = (),
    ) -> Draft:
        return Draft(
            event_id=event_id or new_event_id(self.attempt.request.now),
            action=action,
            outcome=outcome,
            actor=NOBODY,
            resource="login",
            context=context_of(self.attempt.request, self.weighed.binding.device_hash, self.incident),
            reason=reason,
            targets=(Target("user", self.weighed.staff_id),),
            risk=self.weighed.assessment.record() if action != "SUSPICIOUS_LOGIN_DETECTED" else None,
            personal=personal,
            meta=self.meta,
        )


def _waiting(attempt: Attempt, gate: GateRow, weighed: Weighed) -> dict[str, Json]:
    """Give what the answer opens the session with; nothing of it is asked of the client again."""
    binding, facts = weighed.binding, weighed.facts
    return {
        "session_version": gate.session_version,
        "cookie": attempt.cookie,
        "amr": list(PASSWORD),
        "device_hash": binding.device_hash,
        "country": binding.country,
        "network": binding.network,
        "agent": binding.agent,
        "asn": facts.asn,
        "latitude": binding.latitude,
        "longitude": binding.longitude,
        "score": weighed.assessment.score,
    }
