"""The risk of a login whose password was right, and the sessions that the person has at that moment."""

from dataclasses import dataclass

from functions.login.credentials import Attempt, Named
from shared.domain.familiarity import Facts, History, LiveSession, facts_of, live_sessions, signals_at_sign_in
from shared.domain.risk import Assessment, assess
from shared.domain.security_policy import SecurityPolicy
from shared.domain.session import UNKNOWN_COUNTRY, Binding, device_hash_of
from shared.edge.provenance import binding_of
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.attribute import Row
from shared.store.histories import history_key, history_of
from shared.store.live_sessions import alive
from shared.store.second_factors import Factors, factors_of
from shared.store.tenants import geography_observed
from shared.store.throttles import failures, spraying
from shared.store.wire import JsonService

PASSWORD = ("pwd",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A login as it was judged, with all that its outcome needs. `live` are the person's sessions, oldest first."""

    tenant: Row
    staff_id: str
    binding: Binding
    policy: SecurityPolicy
    history: History
    facts: Facts
    live: tuple[LiveSession, ...]
    factors: Factors
    assessment: Assessment


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    dynamodb: JsonService
    user_sessions_table: str
    policies: TenantPolicies

    def weigh(self, attempt: Attempt, known: Named, tenant: Row, staff_id: str) -> Weighed:
        """Assess; sessions are read where they can matter: at the limit, in another country, of another version."""
        policy = self.policies.from_row(tenant)
        history = history_of(known.rows.get(history_key(attempt.tenant, staff_id)["item"]))
        binding = binding_of(attempt.request, device_hash_of(attempt.device_id))
        remembered, version = live_sessions(history, attempt.now), known.gate.session_version
        live: tuple[LiveSession, ...] = remembered
        elsewhere: tuple[tuple[str, int], ...] = ()
        if len(remembered) >= policy.concurrent_sessions or _uncertain(remembered, binding.country, version):
            owner = (attempt.tenant, staff_id)
            found = alive(self.dynamodb, self.user_sessions_table, owner, remembered, attempt.now, version)
            live = tuple(session for session, _ in found)
            elsewhere = tuple((row.binding.country, row.last_seen_at) for _, row in found)
        throttles = known.addressed.throttles
        facts = facts_of(
            attempt.request.viewer,
            device_hash=binding.device_hash,
            at=attempt.now,
            failures=failures(throttles, attempt.request.now),
            spraying=spraying(throttles, attempt.request.now),
            amr=PASSWORD,
            seen_elsewhere=elsewhere,
            session_limit_reached=len(live) >= policy.concurrent_sessions,
        )
        observed = geography_observed(tenant, attempt.request.now)
        return Weighed(
            tenant=tenant,
            staff_id=staff_id,
            binding=binding,
            policy=policy,
            history=history,
            facts=facts,
            live=live,
            factors=factors_of(known.rows, staff_id, known.salt),
            assessment=assess(signals_at_sign_in(history, facts), policy, geography_observed=observed),
        )


def _uncertain(sessions: tuple[LiveSession, ...], country: str, session_version: int) -> bool:
    """Tell whether the rows must say where sessions are used, or whether they came along to this version."""
    abroad = (session.country for session in sessions if UNKNOWN_COUNTRY not in {session.country, country})
    return any(other != country for other in abroad) or any(
        session.session_version != session_version for session in sessions
    )
