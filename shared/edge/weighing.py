"""The risk of a sign-in whose first factor was right, and the sessions that the person has at that moment.

Every door that opens sessions weighs here: a password, and the word of an identity provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.familiarity import Facts, History, LiveSession, facts_of, live_sessions, signals_at_sign_in
from shared.domain.risk import Assessment, assess
from shared.domain.security_policy import SecurityPolicy
from shared.domain.session import UNKNOWN_COUNTRY, Binding, device_hash_of
from shared.edge.provenance import binding_of
from shared.edge.request import Request
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.attribute import Row
from shared.store.histories import history_key, history_of
from shared.store.live_sessions import alive
from shared.store.second_factors import Factors, factors_of
from shared.store.tenant_staff import GateRow
from shared.store.tenants import geography_observed
from shared.store.throttles import failures, spraying
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Somebody whose first factor was right, with what the store holds of him.

    `rows` are the person's, by their `item`. `salt` None: the person was erased. `throttles` are the counters of the
    attempt, none where nothing is guessed. `device_id` None: the client names no device. `resource` is what was asked,
    in the words of events: "login", "sso".
    """

    request: Request
    tenant: Row
    staff_id: str
    gate: GateRow
    rows: Mapping[str, Row]
    salt: bytes | None
    throttles: Sequence[Row]
    device_id: str | None
    amr: tuple[str, ...]
    cookie: bool
    resource: str

    @property
    def tenant_id(self) -> str:
        return str(self.tenant["tenant"])

    @property
    def now(self) -> int:
        return int(self.request.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A sign-in as it was judged, with all that its outcome needs. `live` are the person's sessions, oldest first."""

    proven: Proven
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

    def weigh(self, proven: Proven) -> Weighed:
        """Assess; sessions are read where they can matter: at the limit, in another country, of another version."""
        request, owner = proven.request, (proven.tenant_id, proven.staff_id)
        policy = self.policies.from_row(proven.tenant)
        history = history_of(proven.rows.get(history_key(*owner)["item"]))
        binding = binding_of(request, device_hash_of(proven.device_id))
        remembered, version = live_sessions(history, proven.now), proven.gate.session_version
        live: tuple[LiveSession, ...] = remembered
        elsewhere: tuple[tuple[str, int], ...] = ()
        if len(remembered) >= policy.concurrent_sessions or _uncertain(remembered, binding.country, version):
            found = alive(self.dynamodb, self.user_sessions_table, owner, remembered, proven.now, version)
            live = tuple(session for session, _ in found)
            elsewhere = tuple((row.binding.country, row.last_seen_at) for _, row in found)
        facts = facts_of(
            request.viewer,
            device_hash=binding.device_hash,
            at=proven.now,
            failures=failures(proven.throttles, request.now),
            spraying=spraying(proven.throttles, request.now),
            amr=proven.amr,
            seen_elsewhere=elsewhere,
            session_limit_reached=len(live) >= policy.concurrent_sessions,
        )
        observed = geography_observed(proven.tenant, request.now)
        return Weighed(
            proven=proven,
            binding=binding,
            policy=policy,
            history=history,
            facts=facts,
            live=live,
            factors=factors_of(proven.rows, proven.staff_id, proven.salt),
            assessment=assess(signals_at_sign_in(history, facts), policy, geography_observed=observed),
        )


def _uncertain(sessions: tuple[LiveSession, ...], country: str, session_version: int) -> bool:
    """Tell whether the rows must say where sessions are used, or whether they came along to this version."""
    abroad = (session.country for session in sessions if UNKNOWN_COUNTRY not in {session.country, country})
    return any(other != country for other in abroad) or any(
        session.session_version != session_version for session in sessions
    )
