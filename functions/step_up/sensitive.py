"""Before everything sensitive stands a step-up, so that is where a session is judged once more (ASVS 8.2.4).

A request shows its country and its kind of client, and a browser its device: what is unlike the session is scored like
a refresh from elsewhere. A score that asks for a second factor asks for nothing more here, since one is asked for
anyway; a score that blocks ends every session of the person. A proof that was given earns its device some trust.
"""

from dataclasses import dataclass

from functions.step_up.factors import Desk
from shared.audit.event import Draft, Target, new_event_id
from shared.domain.familiarity import History, InSession, facts_of, signals_in_session, stepped_up
from shared.domain.risk import BLOCK, Assessment, assess
from shared.domain.session import Binding, device_hash_of
from shared.edge.blocking import Blocking, Suspect, session_blocked
from shared.edge.cookies import device_of
from shared.edge.guard import Principal
from shared.edge.problem import invalid_token
from shared.edge.provenance import binding_of, context_of
from shared.edge.request import Request
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.histories import history_key, history_of, remembered
from shared.store.item import Item, batch_get
from shared.store.second_factors import Factors
from shared.store.tenants import geography_observed
from shared.store.transaction import Ledger, Refuted

_OCCASION = "STEP_UP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitive:
    desk: Desk
    policies: TenantPolicies
    blocking: Blocking
    ledger: Ledger

    def judged(self, request: Request, principal: Principal, factors: Factors) -> list[Draft]:
        """Give the record of the judgement for the commit of the challenge; empty where the place is the session's.

        Raises `Refused` (401 session_blocked) once every session of the person has ended, and `Unavailable`.
        """
        binding = _binding(request, principal)
        if not principal.session.binding.elsewhere(binding):
            return []
        assessment = self._assessed(request, principal, binding)
        if assessment.action == BLOCK:
            self._block(request, principal, factors, assessment)
        return [
            Draft(
                event_id=new_event_id(request.now),
                action="ANOMALY_SCORED",
                outcome="success",
                actor=principal.actor(),
                resource=f"user_sessions/{principal.session.session_id}",
                context=context_of(request, binding.device_hash),
                reason=_OCCASION,
                targets=(Target("session", principal.session.session_id),),
                risk=assessment.record(),
            )
        ]

    def remembered(self, principal: Principal, now: int) -> list[Item]:
        """Remember on which device a factor was verified; nothing for a client that names none, or has no history."""
        acting = principal.acting
        before = self._history(principal)
        after = stepped_up(before, principal.session.binding.device_hash, now)
        if before.empty or after == before:
            return []
        return [remembered(self.desk.tables.tenant_staff, acting.tenant, acting.staff_id, before, after)]

    def _history(self, principal: Principal) -> History:
        acting = principal.acting
        table, key = self.desk.tables.tenant_staff, history_key(acting.tenant, acting.staff_id)
        rows = batch_get(self.desk.dynamodb, {table: [key]})[table]
        return history_of(rows[0] if rows else None)

    def _assessed(self, request: Request, principal: Principal, binding: Binding) -> Assessment:
        session = principal.session
        signals = signals_in_session(
            InSession(
                binding=session.binding,
                seen_at=session.last_seen_at,
                generation=session.generation,
                latitude=session.binding.latitude,
                longitude=session.binding.longitude,
            ),
            self._history(principal),
            facts_of(request.viewer, device_hash=binding.device_hash, at=int(request.now)),
        )
        policy = self.policies.from_row(principal.tenant)
        return assess(signals, policy, geography_observed=geography_observed(principal.tenant, request.now))

    def _block(self, request: Request, principal: Principal, factors: Factors, assessment: Assessment) -> None:
        acting, event_id = principal.acting, new_event_id(request.now)
        suspect = Suspect(
            tenant=acting.tenant,
            staff_id=acting.staff_id,
            session_version=acting.session_version,
            session_id=acting.session_id,
            clauses=(),
            device_hash=principal.session.binding.device_hash,
            occasion=_OCCASION,
            event_id=event_id,
            personal=self.desk.sealed(request, principal.tenant, acting.staff_id, factors.salt, event_id),
        )
        items, events = self.blocking.block(request, suspect, assessment)
        if isinstance(self.ledger.commit(acting.tenant, items, events), Refuted):
            raise invalid_token()  # it has ended otherwise, or its owner's version has moved on
        raise session_blocked()


def _binding(request: Request, principal: Principal) -> Binding:
    """Give the place of the request; a native client names its device only to sign in and to refresh."""
    session = principal.session
    shown = device_of(request) if session.cookie else None
    return binding_of(request, session.binding.device_hash if shown is None else device_hash_of(shown))
