"""A refresh that must prove itself first: nothing is rotated, and the session waits for its owner."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.refresh.presentation import Presentation, presenter_event
from shared.audit.canonical import Json
from shared.audit.event import Draft, new_event_id
from shared.domain.refresh_token import Challenge, Family, Pending
from shared.store.item import Item
from shared.store.step_up_challenges import put_challenge
from shared.store.tenant_staff import GateRow, unchanged_gate
from shared.store.transaction import Ledger, Refuted
from shared.store.user_sessions import made_to_wait, owner_of, session_key

if TYPE_CHECKING:
    from functions.refresh.assessment import Assessed, Assessor
    from shared.domain.passkey import RelyingParty
    from shared.store.attribute import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeDesk:
    tenant_staff_table: str
    user_sessions_table: str
    challenges_table: str
    ledger: Ledger
    assessor: "Assessor"
    party: "RelyingParty"

    def put(
        self,
        presentation: Presentation,
        family: Family,
        row: "Row",
        gate: GateRow,
        decision: Challenge,
        assessed: "Assessed | None",
    ) -> None:
        """Put a challenge, or name the one that is open; returns when the session changed, to be decided anew.

        Raises `Refused`: 401 insufficient_user_authentication, or mfa_enrollment_required where no factor can answer.
        """
        from shared.edge.risk_challenge import still_challenged  # noqa: PLC0415 - off the usual path

        if decision.pending is not None:
            raise still_challenged(decision.pending.challenge_id, row["pending_challenge"]["methods"])
        if assessed is None:
            raise RuntimeError("a challenge without an assessment")
        methods = assessed.factors.open_methods(presentation.request.now)
        if not methods:
            self._refuse_without_factor(presentation, gate, assessed)
            return
        self._put(presentation, family, gate, assessed, methods)

    def _put(
        self, presentation: Presentation, family: Family, gate: GateRow, assessed: "Assessed", methods: list[str]
    ) -> None:
        from shared.edge.risk_challenge import (  # noqa: PLC0415 - as above
            REFRESH,
            Asked,
            challenged,
            new_risk_challenge,
            told,
        )

        token, now = presentation.token, presentation.now
        asked = Asked(owner_of(token.tenant, token.staff_id), token.session_id, REFRESH)
        incident = new_event_id(presentation.request.now)
        stored = new_risk_challenge(asked, _waiting(presentation, assessed) | {"incident_id": incident}, now)
        challenge = stored.challenge
        pending = Pending(challenge.challenge_id, challenge.expires_at)
        key = session_key(token.tenant, token.staff_id, token.session_id)
        items: list[Item] = [
            made_to_wait(self.user_sessions_table, key, family, pending, methods, now),
            unchanged_gate(self.tenant_staff_table, token.tenant, token.staff_id, gate),
            put_challenge(self.challenges_table, stored),
        ]
        events = self._events(presentation, assessed, _reason(assessed), told(challenge.challenge_id), incident)
        if not isinstance(self.ledger.commit(token.tenant, items, events), Refuted):
            raise challenged(stored, methods, assessed.factors, self.party)

    def _refuse_without_factor(self, presentation: Presentation, gate: GateRow, assessed: "Assessed") -> None:
        """Refuse, and leave the session to the place where it is used: there is nothing that it could wait for.

        Returns when the gate has changed, to be decided anew.
        """
        from shared.edge.risk_challenge import no_factor  # noqa: PLC0415 - as above

        incident = new_event_id(presentation.request.now)
        events = self._events(presentation, assessed, "NO_FACTOR", None, incident)
        token = presentation.token
        unchanged = unchanged_gate(self.tenant_staff_table, token.tenant, token.staff_id, gate)
        if not isinstance(self.ledger.commit(token.tenant, [unchanged], events), Refuted):
            raise no_factor()

    def _events(
        self, presentation: Presentation, assessed: "Assessed", reason: str, challenge_id: str | None, incident: str
    ) -> list[Draft]:
        event_id = new_event_id(presentation.request.now)
        risk = assessed.assessment.record()
        meta: dict[str, Json] = {"purpose": "refresh", "challenge_id": challenge_id, "incident_id": incident}
        personal = self.assessor.sealed(presentation, assessed, event_id)
        return [
            presenter_event(
                presentation,
                "STEP_UP_REQUIRED",
                "success",
                reason,
                event_id=event_id,
                correlation_id=incident,
                personal=personal,
                risk=risk,
                meta=meta,
            ),
            presenter_event(
                presentation, "SUSPICIOUS_LOGIN_DETECTED", "denied", "REFRESH", correlation_id=incident, meta=meta
            ),
            presenter_event(
                presentation, "ANOMALY_SCORED", "denied", "REFRESH", correlation_id=incident, risk=risk, meta=meta
            ),
        ]


def _waiting(presentation: Presentation, assessed: "Assessed") -> dict[str, Json]:
    binding = presentation.presented.binding
    return {
        "cookie": presentation.token.standing.cookie,
        "presented_hash": presentation.presented.token_hash,
        "device_hash": binding.device_hash,
        "country": binding.country,
        "network": binding.network,
        "agent": binding.agent,
        "score": assessed.assessment.score,
    }


def _reason(assessed: "Assessed") -> str:
    """Say whether this request asked for the challenge, or one that was put before was not answered."""
    return "UNANSWERED" if assessed.assessment.action == "ALLOW" else "STEP_UP"
