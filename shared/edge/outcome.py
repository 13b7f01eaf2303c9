"""What becomes of a sign-in whose first factor was right: the events of its admission, a challenge, or a block."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Outcome, Target, new_event_id
from shared.domain.passkey import RelyingParty
from shared.domain.risk import ALLOW, BLOCK
from shared.domain.session import AAL1
from shared.edge.blocking import NOBODY, Blocking, Suspect, session_blocked
from shared.edge.cookies import device_cookie
from shared.edge.provenance import auth_of, context_of
from shared.edge.reply import Reply
from shared.edge.risk_challenge import SIGN_IN, Asked, challenged, new_risk_challenge, no_factor
from shared.edge.risk_challenge import told as told_id
from shared.edge.sign_in import SignIn, Verified
from shared.edge.token_response import token_reply
from shared.edge.weighing import Weighed
from shared.store.item import Item
from shared.store.outbox import mail
from shared.store.step_up_challenges import put_challenge
from shared.store.tenant_staff import unchanged_gate
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
    sign_in: SignIn

    def beyond_the_limit(self, weighed: Weighed) -> bool:
        """Tell whether nothing opens because of the sessions that the person has already."""
        return weighed.assessment.action == ALLOW and self.sign_in.refuses(_verified(weighed))

    def conclude(
        self, weighed: Weighed, proved: list[Item], event_id: str, personal: Personal, new_device: str | None
    ) -> Reply | None:
        """Commit what the risk decided, and answer with tokens or raise `Refused`; None: the rows changed, decide anew.

        `proved` are the items of the proof: they commit whatever becomes of it. `event_id` and `personal` are of the
        first event. `new_device` is handed to a browser that has none yet.
        """
        if weighed.assessment.action == BLOCK:
            self.block(weighed, proved, event_id, personal)
        elif weighed.assessment.action != ALLOW:
            self.challenge(weighed, proved, event_id, personal, new_device)
        else:
            return self._admit(weighed, proved, event_id, personal, new_device)
        return None

    def _admit(
        self, weighed: Weighed, proved: list[Item], event_id: str, personal: Personal, new_device: str | None
    ) -> Reply | None:
        proven = weighed.proven
        opened = self.sign_in.open(proven.request, _verified(weighed))
        events = self.admission(weighed, opened.session_id, event_id, personal)
        items = [*opened.items, *proved, *self.notice(weighed)]
        if isinstance(self.ledger.commit(proven.tenant_id, items, [*events, *opened.events]), Refuted):
            return None
        return token_reply(opened.tokens, proven.now, device_id=new_device)

    def admission(self, weighed: Weighed, session_id: str, event_id: str, personal: Personal) -> list[Draft]:
        """Write the events of a session that opens; `event_id` and `personal` are of the first."""
        proven = weighed.proven
        actor = Actor("user", proven.staff_id, proven.gate.role, session_id, auth_of(proven.amr))
        context = context_of(proven.request, weighed.binding.device_hash)
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
                event_id=new_event_id(proven.request.now),
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

    def notice(self, weighed: Weighed) -> list[Item]:
        """Tell the person of a sign-in from a place that is new; nothing for a place that is known."""
        if _TOLD.isdisjoint(weighed.assessment.reasons):
            return []
        values = {
            "country": weighed.binding.country,
            "network": weighed.binding.network,
            "agent": weighed.binding.agent,
        }
        proven, table = weighed.proven, self.tables.outbox
        return [mail(table, proven.tenant_id, proven.staff_id, "new_device", proven.now, values=values)]

    def challenge(
        self,
        weighed: Weighed,
        proved: list[Item],
        event_id: str,
        personal: Personal,
        new_device: str | None,
    ) -> None:
        """Ask for a second factor before a session opens; returns when the rows changed, to be decided anew.

        Raises `Refused`: 401 insufficient_user_authentication, or mfa_enrollment_required where no factor can answer.
        """
        proven = weighed.proven
        owner = (proven.tenant_id, proven.staff_id)
        methods = weighed.factors.open_methods(proven.request.now)
        incident = new_event_id(proven.request.now)
        waiting = _waiting(weighed) | {"incident_id": incident}
        asked = Asked(owner_of(*owner), "", SIGN_IN)
        stored = new_risk_challenge(asked, waiting, proven.now)
        challenge_id = told_id(stored.challenge.challenge_id) if methods else None
        meta: dict[str, Json] = {"purpose": SIGN_IN, "challenge_id": challenge_id, "incident_id": incident}
        told = _Told(weighed, incident, meta)
        events = [
            told.event("STEP_UP_REQUIRED", "success", "STEP_UP" if methods else "NO_FACTOR", event_id, personal),
            told.event("SUSPICIOUS_LOGIN_DETECTED", "denied", "LOGIN"),
            told.event("ANOMALY_SCORED", "denied", "LOGIN"),
        ]
        items = [
            unchanged_gate(self.tables.tenant_staff, *owner, proven.gate),
            *proved,
            *([put_challenge(self.tables.step_up_challenges, stored)] if methods else []),
        ]
        if isinstance(self.ledger.commit(proven.tenant_id, items, events), Refuted):
            return
        refused = challenged(stored, methods, weighed.factors, self.party) if methods else no_factor()
        if new_device is not None:
            refused.cookies = (device_cookie(new_device),)
        raise refused

    def block(self, weighed: Weighed, proved: list[Item], event_id: str, personal: Personal) -> None:
        """End every session of the person and refuse; returns when the rows changed, to be decided anew."""
        proven = weighed.proven
        suspect = Suspect(
            tenant=proven.tenant_id,
            staff_id=proven.staff_id,
            session_version=proven.gate.session_version,
            session_id=None,
            clauses=(),
            device_hash=weighed.binding.device_hash,
            occasion="LOGIN",
            event_id=event_id,
            personal=personal,
        )
        items, events = self.blocking.block(proven.request, suspect, weighed.assessment)
        if not isinstance(self.ledger.commit(proven.tenant_id, [*items, *proved], events), Refuted):
            raise session_blocked()


def _verified(weighed: Weighed) -> Verified:
    proven = weighed.proven
    return Verified(
        tenant=proven.tenant_id,
        staff_id=proven.staff_id,
        gate=proven.gate,
        acr=AAL1,  # one factor, whatever others the person has
        amr=proven.amr,
        cookie=proven.cookie,
        binding=weighed.binding,
        policy=weighed.policy,
        history=weighed.history,
        facts=weighed.facts,
        live=weighed.live,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """Writes the events of one incident: whoever has the first factor need not be its owner."""

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
        proven = self.weighed.proven
        return Draft(
            event_id=event_id or new_event_id(proven.request.now),
            action=action,
            outcome=outcome,
            actor=NOBODY,
            resource=proven.resource,
            context=context_of(proven.request, self.weighed.binding.device_hash, self.incident),
            reason=reason,
            targets=(Target("user", proven.staff_id),),
            risk=self.weighed.assessment.record() if action != "SUSPICIOUS_LOGIN_DETECTED" else None,
            personal=personal,
            meta=self.meta,
        )


def _waiting(weighed: Weighed) -> dict[str, Json]:
    """Give what the answer opens the session with; nothing of it is asked of the client again."""
    binding, facts, proven = weighed.binding, weighed.facts, weighed.proven
    return {
        "session_version": proven.gate.session_version,
        "cookie": proven.cookie,
        "amr": list(proven.amr),
        "device_hash": binding.device_hash,
        "country": binding.country,
        "network": binding.network,
        "agent": binding.agent,
        "asn": facts.asn,
        "latitude": binding.latitude,
        "longitude": binding.longitude,
        "score": weighed.assessment.score,
    }
