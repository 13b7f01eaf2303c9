"""Who may act: the check in front of every authenticated route.

Rules of this module
- The signature proves what was said, one strongly consistent read of three small rows what is true now: session, staff
  gate, tenant. Nothing is cached and nothing is eventually consistent, so that "immediately" is true.
- Every reason to refuse the token gives one body. A role that lacks the permission gives another, and is recorded: the
  refusal commits as ACCESS_DENIED before it is told. What is not signed by us writes nothing to the audit log.
- A check is not enough: `Principal.acting` goes into the commit of whatever follows, which checks once more.
- Fail closed: rows that cannot be read raise `Unavailable`, and the door says 503.
"""

from dataclasses import dataclass
from typing import Final

from shared.audit.event import Actor, Draft, new_event_id
from shared.domain.permission import holds
from shared.domain.refresh_token import Pending
from shared.domain.step_up import METHODS, PURPOSES, Grant, fresh
from shared.edge.live_session import live_session
from shared.edge.problem import Refused, invalid_token, permission_denied, step_up_needed
from shared.edge.provenance import auth_of, context_of
from shared.edge.request import Request
from shared.edge.risk_challenge import still_challenged
from shared.edge.routes import Route, route_of
from shared.runtime.access_token import AccessToken, Invalid, TokenVerifier
from shared.runtime.log import Log
from shared.store.attribute import Row
from shared.store.transaction import Acting, Ledger, Refuted
from shared.store.user_sessions import Session, touch
from shared.store.wire import JsonService

_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class GuardTables:
    tenants: str
    tenant_staff: str
    user_sessions: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is let in, as of this request: `acting` for the commit, the rows for the flow."""

    acting: Acting
    token: AccessToken
    session: Session
    tenant: Row

    def actor(self, step_up: str | None = None) -> Actor:
        """Give the actor of an event; `step_up` is the challenge behind the grant that was relied on."""
        acting, factors = self.acting, auth_of(self.session.amr)
        return Actor("user", acting.staff_id, acting.role, acting.session_id, factors, step_up)

    def grant(self, purpose: str) -> Grant:
        """Give the grant that the guard found fresh; KeyError on a route that asks for none."""
        return self.session.grants[purpose]


class Guard:
    def __init__(
        self, dynamodb: JsonService, tables: GuardTables, verifier: TokenVerifier, ledger: Ledger, log: Log
    ) -> None:
        self._dynamodb = dynamodb
        self._tables = tables
        self._verifier = verifier
        self._ledger = ledger
        self._log = log

    def admit(self, request: Request) -> Principal:
        """Let the bearer of `request` in as its route demands.

        Raises `Refused` (401 invalid_token, 403 permission_denied, 401 insufficient_user_authentication, with the
        `challenge_id` of a session that waits for one) and `Unavailable`.
        """
        route = route_of(request.route)
        # 1. The token, on its own.
        token = self._token(request)
        # 2. What is true now.
        principal = self._principal(token, request.now)
        # 3. A session whose refresh was met with a challenge waits for it, wherever it is asked from.
        if principal.session.pending is not None:
            raise _still_waiting(principal.session, principal.session.pending, request.now)
        # 4. Seen in use: this also confirms the generation that the token was minted for.
        touch(
            self._dynamodb,
            self._tables.user_sessions,
            principal.acting,
            principal.session,
            token.generation,
            int(request.now),
        )
        # 5. Permission of the role, 6. freshness of the proof.
        if route.permission is not None and not holds(principal.acting.role, route.permission):
            self._deny(request, principal, route.permission)
        self._require_step_up(route, principal, request.now)
        return principal

    def _token(self, request: Request) -> AccessToken:
        header = request.headers.get("authorization", "")
        if header[: len(_BEARER)].lower() != _BEARER:
            raise invalid_token()
        token = self._verifier.verify(header[len(_BEARER) :].strip(), request.now)
        if isinstance(token, Invalid):
            self._log.info("refused", metric="invalid_token", reason=token.reason, request_id=request.request_id)
            raise invalid_token()
        return token

    def _principal(self, token: AccessToken, now: float) -> Principal:
        live = live_session(self._dynamodb, self._tables, token, now)
        if live is None:
            raise invalid_token()
        session = live.session
        acting = Acting(token.tenant, token.staff_id, session.session_id, session.session_version, live.role)
        return Principal(acting, token, session, live.tenant)

    def _deny(self, request: Request, principal: Principal, permission: str) -> None:
        draft = Draft(
            event_id=new_event_id(request.now),
            action="ACCESS_DENIED",
            outcome="denied",
            actor=principal.actor(),
            resource=request.route,
            context=context_of(request, principal.session.binding.device_hash),
            reason="PERMISSION_MISSING",
            meta={"permission": permission},
        )
        outcome = self._ledger.commit(principal.acting.tenant, [], [draft], acting=principal.acting)
        raise invalid_token() if isinstance(outcome, Refuted) else permission_denied()

    def _require_step_up(self, route: Route, principal: Principal, now: float) -> None:
        if route.step_up is None:
            return
        purpose = PURPOSES[route.step_up]
        if not fresh(principal.session.grants.get(purpose.name), purpose, now):
            raise step_up_needed(purpose.name, METHODS, purpose.acr, purpose.max_age_seconds)


def _still_waiting(session: Session, pending: Pending, now: float) -> Refused:
    """Name the challenge while it can be answered; after that a refresh is given the next one."""
    challenge_id = pending.challenge_id if now < pending.expires_at else None
    return still_challenged(challenge_id, session.pending_methods)


def died(refuted: Refuted) -> bool:
    """Tell whether a commit failed because the acting session or its staff gate is not what it was."""
    return bool({"acting_session", "acting_gate"} & set(refuted.failed))
