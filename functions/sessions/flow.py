"""POST /api/auth/logout and GET /api/auth/me: the session ends, or says whose it is.

Logout: 1. admit; 2. end the session, with its events, in one commit; 3. say nothing. From the commit on both tokens are
dead: the access token is checked against the row with each request, the refresh token cannot rotate it.
"""

from dataclasses import dataclass
from typing import Any, Final

from shared.audit.event import Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.permission import permissions_of
from shared.edge.bodies import EMPTY
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.problem import invalid_token
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, json_reply, no_content
from shared.edge.request import Request
from shared.store.item import get
from shared.store.tenant_staff import profile_key
from shared.store.transaction import Ledger, Refuted
from shared.store.user_sessions import logged_out
from shared.store.wire import JsonService

LOGOUT: Final = "POST /api/auth/logout"
ME: Final = "GET /api/auth/me"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    dynamodb: JsonService
    user_sessions_table: str
    tenant_staff_table: str
    ledger: Ledger
    guard: Guard

    def __call__(self, request: Request) -> Reply:
        return self.logout(request) if request.route == LOGOUT else self.me(request)

    def logout(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        # 2. End the session.
        ended = logged_out(self.user_sessions_table, principal.acting, int(request.now))
        events = [
            _event(request, principal, "AUTH_LOGOUT", None),
            _event(request, principal, "SESSION_INVALIDATED", "logout"),
        ]
        outcome = self.ledger.commit(principal.acting.tenant, [ended], events, acting=principal.acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 3. Nothing is left to say.
        return no_content()

    def me(self, request: Request) -> Reply:
        principal = self.guard.admit(request)
        acting = principal.acting
        profile = get(self.dynamodb, self.tenant_staff_table, profile_key(acting.tenant, acting.staff_id)) or {}
        return json_reply(
            200,
            {
                "staff": {
                    "staff_id": acting.staff_id,
                    "name": profile.get("name"),
                    "email": profile.get("email"),
                },
                "tenant": {"tenant": acting.tenant, "name": principal.tenant["name"]},
                "role": acting.role,
                "permissions": list(permissions_of(acting.role)),
                "session": _session(principal),
                "impersonation": None,
            },
        )


def _session(principal: Principal) -> dict[str, Any]:
    session = principal.session
    return {
        "session_id": session.session_id,
        "acr": session.acr,
        "amr": list(session.amr),
        "auth_time": rfc3339(session.auth_time),
        "created_at": rfc3339(session.created_at),
        "last_seen_at": rfc3339(session.last_seen_at),
        "idle_expires_at": rfc3339(session.idle_expires_at),
        "absolute_expires_at": rfc3339(session.absolute_expires_at),
    }


def _event(request: Request, principal: Principal, action: str, reason: str | None) -> Draft:
    session = principal.session
    return Draft(
        event_id=new_event_id(request.now),
        action=action,
        outcome="success",
        actor=principal.actor(),
        resource=f"user_sessions/{session.session_id}",
        context=context_of(request, session.device_hash),
        reason=reason,
        targets=(Target("user", principal.acting.staff_id), Target("session", session.session_id)),
    )
