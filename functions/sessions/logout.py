"""POST /api/auth/logout and /logout-all, DELETE /api/auth/sessions/{session_id}: sessions end when their owner says so.

Each: 1. admit; 2. make what is needed; 3. end, with the events, in one commit; 4. answer. From the commit on the tokens
of what has ended are dead: the access token is checked against rows with each request, the refresh token cannot rotate.

Of what is not one's own, was never there or has ended already, DELETE tells one thing: that it is not there.

Whoever keeps a session moves it to another `session_version`, and could go on doing so, while all that an administrator
does to the person rests on that version. So there is a budget, and a measure or a password reset tries more often than
two windows of it allow (`KEEP_BUDGET`).
"""

import re
from dataclasses import dataclass
from typing import Final

from functions.sessions.record import of_all, of_one
from shared.audit.canonical import Json
from shared.audit.event import Draft
from shared.domain.session_review import OTHER_VERSION
from shared.edge.bodies import EMPTY, IDENTIFIER, LOGOUT_ALL
from shared.edge.cookies import forgotten_refresh_cookie
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.moved_session import Moved, MoveTables, move, refuse_dead
from shared.edge.problem import Refused, invalid_token, rate_limited
from shared.edge.reply import JSON, Reply, written
from shared.edge.request import Request
from shared.runtime.access_token import TokenIssuer
from shared.store.session_endings import USER_ENDED, left_version, user_ended
from shared.store.session_ends import logged_out
from shared.store.throttles import digest, reserve_budget
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

KEEP_BUDGET: Final = 3
KEEP_SECONDS: Final = 60
_ATTEMPTS: Final = 4
_SESSION_ID: Final = re.compile(IDENTIFIER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    dynamodb: JsonService
    tables: MoveTables
    tenant_staff_table: str
    throttles_table: str
    ledger: Ledger
    guard: Guard
    issuer: TokenIssuer

    def this_one(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        # 2. and 3. End the session.
        ended = logged_out(self.tables.user_sessions, principal.acting, int(request.now))
        events = [
            of_one(request, principal, "AUTH_LOGOUT", None),
            of_one(request, principal, "SESSION_INVALIDATED", "logout"),
        ]
        outcome = self.ledger.commit(principal.acting.tenant, [ended], events, acting=principal.acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 4. Nothing is left to say.
        return Reply(204, cookies=_taken_back(principal))

    def one_of_mine(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        acting, session_id = principal.acting, request.path_parameters["session_id"]
        if _SESSION_ID.fullmatch(session_id) is None:
            raise _not_there()
        # 2. and 3. Nothing is read: whether it is one's own and lives, the conditions of the commit tell.
        ended = user_ended(self.tables.user_sessions, acting, session_id, int(request.now))
        event = of_one(request, principal, "SESSION_INVALIDATED", USER_ENDED, session_id)
        outcome = self.ledger.commit(acting.tenant, [ended], [event], acting=acting)
        if isinstance(outcome, Refuted):
            raise invalid_token() if died(outcome) else _not_there()
        # 4. Nothing is left to say.
        return Reply(204, cookies=_taken_back(principal) if session_id == acting.session_id else ())

    def all_of_mine(self, request: Request) -> Reply:
        for number in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race: a refresh or a step-up that came between is no reason to refuse.
            principal = self.guard.admit(request)
            keeps = read_body(request, LOGOUT_ALL)["keep_current"] if request.body else False
            if keeps and number == 0:
                self._take_from_budget(request, principal)
            # 2. The next version of the acting session, if it is to go on: signed before anything dies.
            kept = move(self.dynamodb, self.tables, self.issuer, principal, request) if keeps else None
            # 3. One write to the gate ends any number of sessions.
            items = [*(kept.items if kept else ()), left_version(self.tenant_staff_table, principal.acting)]
            events = _all_ended(request, principal, kept)
            outcome = self.ledger.commit(principal.acting.tenant, items, events, acting=principal.acting)
            # 4. Answer.
            if not isinstance(outcome, Refuted):
                members = {"session_version": principal.acting.session_version + 1}
                return kept.reply(members) if kept else _all_out(principal, members)
            refuse_dead(outcome, principal.acting)
        raise Contended("the session kept changing")

    def _take_from_budget(self, request: Request, principal: Principal) -> None:
        bucket = f"keep_current#{digest(principal.acting.tenant, principal.acting.staff_id)}"
        budget = (bucket, KEEP_BUDGET, KEEP_SECONDS, request.now)
        wait = reserve_budget(self.dynamodb, self.throttles_table, *budget)
        if wait is not None:
            raise rate_limited(wait.retry_after_seconds)


def _all_ended(request: Request, principal: Principal, kept: Moved | None) -> list[Draft]:
    version = principal.acting.session_version
    change: dict[str, Json] = {"before": {"session_version": version}, "after": {"session_version": version + 1}}
    meta: dict[str, Json] = {}
    if kept:
        # The refresh token that goes with it is issued by this very event.
        meta = {"kept_session": principal.acting.session_id, "generation": kept.generation}
    ended = of_all(request, principal, "SESSION_INVALIDATED", OTHER_VERSION, meta, change)
    return [ended] if kept else [of_all(request, principal, "AUTH_LOGOUT", None, {}), ended]


def _all_out(principal: Principal, members: dict[str, int]) -> Reply:
    return Reply(200, written(members), JSON, cookies=_taken_back(principal))


def _taken_back(principal: Principal) -> tuple[str, ...]:
    """Take the refresh token of an ended session back from a browser."""
    return (forgotten_refresh_cookie(),) if principal.session.cookie else ()


def _not_there() -> Refused:
    return Refused(404, "not_found", "None of your sessions that live has this id.")
