"""Who may act: the check in front of every authenticated route.

Rules of this module
- The signature proves what was said, one strongly consistent read of three small rows what is true now: session, staff
  gate, tenant (and the real person's two, where somebody acts in another's name). Nothing is cached and nothing is
  eventually consistent, so that "immediately" is true.
- Every reason to refuse the token gives one body. A role that lacks the permission gives another, and is recorded: the
  refusal commits as ACCESS_DENIED before it is told. What is not signed by us writes nothing to the audit log.
- An administrator without a second factor is served what leads to one, and nothing else.
- In another's name only those routes are served that say so, and in read mode none that changes anything.
- A check is not enough: `Principal.acting` goes into the commit of whatever follows, which checks once more.
- The address rules are checked with the address of the request, which is the real person's.
- Fail closed: rows that cannot be read raise `Unavailable`, and the door says 503.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.domain.impersonation import READ
from shared.domain.permission import covers, holds
from shared.domain.refresh_token import Pending
from shared.domain.step_up import METHODS, PURPOSES, Grant, fresh
from shared.edge.address_rules import AddressRules, Origin
from shared.edge.live_session import Alive, live_session
from shared.edge.problem import (
    Refused,
    enrolment_needed,
    impersonation_forbidden_action,
    invalid_token,
    permission_denied,
    step_up_needed,
)
from shared.edge.provenance import auth_of, context_of
from shared.edge.request import Request, bearer_of
from shared.edge.risk_challenge import still_challenged
from shared.edge.route import Route
from shared.edge.routes import route_of
from shared.runtime.access_token import AccessToken, Invalid, TokenVerifier
from shared.runtime.log import Log
from shared.store.attribute import Row
from shared.store.impersonations import count_request, counted_denial
from shared.store.transaction import Acting, Ledger, Refuted
from shared.store.user_sessions import Session, touch
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class GuardTables:
    tenants: str
    tenant_staff: str
    user_sessions: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is let in, as of this request: `acting` for the commit, the rows for the flow.

    `by` is the real person where somebody acts in the name of `acting`. `must_enrol`: an administrator who has no
    second factor yet.
    """

    acting: Acting
    token: AccessToken
    session: Session
    tenant: Row
    by: Alive | None = None
    must_enrol: bool = False

    @property
    def on_behalf_of(self) -> str | None:
        """In whose name it is done, for an event; None where people act for themselves."""
        return None if self.by is None else self.acting.staff_id

    def actor(self, step_up: str | None = None) -> Actor:
        """Give the actor of an event, always the real person; `step_up` is the challenge behind the grant relied on."""
        if self.by is not None:
            session = self.by.session
            return Actor("user", self.by.staff_id, self.by.role, session.session_id, auth_of(session.amr), step_up)
        acting, factors = self.acting, auth_of(self.session.amr)
        return Actor("user", acting.staff_id, acting.role, acting.session_id, factors, step_up)

    def grant(self, purpose: str) -> Grant:
        """Give the grant that the guard found fresh; KeyError on a route that asks for none."""
        return self.session.grants[purpose]


class Guard:
    def __init__(
        self,
        dynamodb: JsonService,
        tables: GuardTables,
        verifier: TokenVerifier,
        ledger: Ledger,
        addresses: AddressRules,
        log: Log,
    ) -> None:
        self._dynamodb = dynamodb
        self._tables = tables
        self._verifier = verifier
        self._ledger = ledger
        self._addresses = addresses
        self._log = log

    def admit(self, request: Request) -> Principal:
        """Let the bearer of `request` in as its route demands.

        Raises `Refused` (401 invalid_token, 403 ip_denied, permission_denied or impersonation_forbidden_action, 401
        insufficient_user_authentication, with the `challenge_id` of a session that waits for one, 401
        mfa_enrollment_required) and `Unavailable`.
        """
        route = route_of(request.route)
        # 1. The token, on its own.
        token = self._token(request)
        # 2. What is true now.
        principal = self._principal(token, request.now)
        if principal.by is not None:
            request.further_headers["X-Impersonated-By"] = principal.by.staff_id
        # 3. From where: whoever is refused is not seen in use.
        self._addresses.refuse(request, principal.tenant, lambda: _origin(principal))
        # 4. A session whose refresh was met with a challenge waits for it, wherever it is asked from.
        if principal.session.pending is not None:
            raise _still_waiting(principal.session, principal.session.pending, request.now)
        # 5. So does an administrator for a second factor, but for what leads to one.
        if principal.must_enrol and not route.before_enrolment:
            self._log.info("refused", metric="must_enrol", request_id=request.request_id)
            raise enrolment_needed()
        # 6. Seen in use: this also confirms the generation that the token was minted for.
        self._seen(request, principal)
        # 7. What may be done in another's name, 8. permission of the role, 9. freshness of the proof.
        self._require_own_hand(request, principal, route)
        if route.permission is not None and not holds(principal.acting.role, route.permission):
            self.deny(request, principal, "PERMISSION_MISSING", {"permission": route.permission})
            raise permission_denied()
        if route.step_up is not None:
            self.require_step_up(principal, route.step_up, request.now)
        return principal

    def require_step_up(self, principal: Principal, purpose_name: str, now: float) -> None:
        """Refuse (401, RFC 9470) whoever has no fresh grant of a purpose; for a flow whose body decides it."""
        purpose = PURPOSES[purpose_name]
        if not fresh(principal.session.grants.get(purpose.name), purpose, now):
            raise step_up_needed(purpose.name, METHODS, purpose.acr, purpose.max_age_seconds)

    def require_cover(self, request: Request, principal: Principal, role: str) -> None:
        """Refuse (403, on the record) whoever would give or act on a `role` that holds more than his own."""
        if not covers(principal.acting.role, role):
            self.deny(request, principal, "ROLE_BEYOND_OWN", {"role": role})
            raise permission_denied()

    def _token(self, request: Request) -> AccessToken:
        bearer = bearer_of(request.headers)
        if bearer is None:
            raise invalid_token()
        token = self._verifier.verify(bearer, request.now)
        if isinstance(token, Invalid):
            self._log.info("refused", metric="invalid_token", reason=token.reason, request_id=request.request_id)
            raise invalid_token()
        return token

    def _principal(self, token: AccessToken, now: float) -> Principal:
        live = live_session(self._dynamodb, self._tables, token, now)
        if live is None:
            raise invalid_token()
        by = None if live.by is None else _acting(token.tenant, live.by)
        acting = _acting(token.tenant, live.owner, by)
        return Principal(acting, token, live.session, live.tenant, live.by, live.owner.must_enrol)

    def _seen(self, request: Request, principal: Principal) -> None:
        table, now = self._tables.user_sessions, int(request.now)
        if principal.by is not None:
            count_request(self._dynamodb, table, principal.acting, now)
            return
        touch(self._dynamodb, table, principal.acting, principal.session, principal.token.generation, now)

    def _require_own_hand(self, request: Request, principal: Principal, route: Route) -> None:
        impersonation = principal.session.impersonation
        if impersonation is None or route.serves_impersonation(read_only=impersonation.mode == READ):
            return
        self.deny(request, principal, "IMPERSONATION", {"mode": impersonation.mode})
        raise impersonation_forbidden_action()

    def deny(
        self,
        request: Request,
        principal: Principal,
        reason: str,
        meta: Mapping[str, Json],
        targets: tuple[Target, ...] = (),
    ) -> None:
        """Record a refusal before it is told; raises `Refused` (401) when the session died meanwhile.

        For what lies beyond the authority of somebody who is let in, `targets` say on whom he meant to act.
        """
        acting = principal.acting
        told = {} if principal.by is None else {"impersonation_id": acting.session_id}
        counted = [] if principal.by is None else [counted_denial(self._tables.user_sessions, acting)]
        draft = Draft(
            event_id=new_event_id(request.now),
            action="ACCESS_DENIED",
            outcome="denied",
            actor=principal.actor(),
            resource=request.route,
            context=context_of(request, principal.session.binding.device_hash),
            reason=reason,
            on_behalf_of=principal.on_behalf_of,
            targets=targets,
            meta={**meta, **told},
        )
        if isinstance(self._ledger.commit(acting.tenant, counted, [draft], acting=acting), Refuted):
            raise invalid_token()


def _acting(tenant: str, alive: Alive, by: Acting | None = None) -> Acting:
    session = alive.session
    return Acting(tenant, alive.staff_id, session.session_id, session.session_version, alive.role, by)


def _origin(principal: Principal) -> Origin:
    device_hash = principal.session.binding.device_hash
    actor, waits = principal.actor(), principal.session.pending is not None
    # A session that waits commits nothing; what is refused is recorded all the same.
    return Origin(actor, str(actor.id), principal.on_behalf_of, device_hash, None if waits else principal.acting)


def _still_waiting(session: Session, pending: Pending, now: float) -> Refused:
    """Name the challenge while it can be answered; after that a refresh is given the next one."""
    challenge_id = pending.challenge_id if now < pending.expires_at else None
    return still_challenged(challenge_id, session.pending_methods)


_STANDING: Final = frozenset({"acting_session", "acting_gate", "impersonator_session", "impersonator_gate"})


def died(refuted: Refuted) -> bool:
    """Tell whether a commit failed because the acting session or gate, or the real person's, is not what it was."""
    return not _STANDING.isdisjoint(refuted.failed)
