"""POST /api/auth/password: whoever is signed in and knows the old password sets a new one.

1. Admit. 2. Read the account. 3. Refuse an unfit new password. 4. Count the attempt, then check the old password.
5. In one commit: the new hash, the next `session_version`, this session under it, its tokens, the events and the mail.
6. Answer with the new tokens. All other sessions are dead.

A stolen session is no licence to guess: the old password is checked under the throttle of the login, with the same
counters, before any hashing (ASVS 6.2.3, 15.2.2).
"""

from dataclasses import dataclass
from typing import Final

from functions.password.account import Account, Tables, read_account
from functions.password.record import CHANGED, Chronicler, sessions_ended, told
from shared.audit.canonical import Json
from shared.domain.password import hashable, normal_password
from shared.domain.throttle import Allowed, Wait
from shared.edge.bodies import PASSWORD
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.moved_session import MoveTables, move, refuse_dead
from shared.edge.problem import invalid_credentials, invalid_token, rate_limited
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.runtime.access_token import TokenIssuer
from shared.runtime.argon2id import DUMMY, hashed, proves
from shared.store.item import batch_get
from shared.store.session_endings import left_version
from shared.store.tenant_staff import changed_password
from shared.store.throttles import LoginKeys, failed, judge, login_keys, reserve, succeeded
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_ACTION: Final = "PASSWORD_CHANGED"
_ATTEMPTS: Final = 4
_RESERVATIONS: Final = 6  # of many at once five win, and all others then find that they must wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    dynamodb: JsonService
    tables: Tables
    move_tables: MoveTables
    ledger: Ledger
    guard: Guard
    issuer: TokenIssuer
    chronicler: Chronicler

    def __call__(self, request: Request) -> Reply:
        for _ in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race: a refresh or a step-up that came between is no reason to refuse.
            principal = self.guard.admit(request)
            body = read_body(request, PASSWORD)
            reply = self._change(request, principal, body["current"], body["new"])
            if reply is not None:
                return reply
        raise Contended("the rows of a change of password kept changing")

    def _change(self, request: Request, principal: Principal, current: str, new: str) -> Reply | None:
        """Decide once; None when the rows changed before the commit, so that it must be decided anew."""
        # 2. The account.
        acting = principal.acting
        account = read_account(self.dynamodb, self.tables, acting.tenant, acting.staff_id)
        if account.profile is None:
            raise invalid_token()
        # 3. The new password.
        account.refuse_unfit(new, current=current)
        # 4. The old one.
        keys = login_keys(acting.tenant, account.email, request.viewer)
        refuse_throttled(self._counted(keys, request.now))
        if not _proves(current, account.password_hash) or account.password_hash is None:
            self._refuse(request, principal, account, keys)
            return None
        # 5. and 6.
        return self._commit(request, principal, account, account.password_hash, new)

    def _counted(self, keys: LoginKeys, now: float) -> Wait | None:
        """Count the attempt before anything is hashed; a lost race for the counters is judged anew."""
        for _ in range(_RESERVATIONS):
            rows = batch_get(self.dynamodb, {self.tables.throttles: keys.to_read(now)})[self.tables.throttles]
            judged = judge(rows, now)
            if not isinstance(judged, Allowed):
                return judged
            if reserve(self.dynamodb, self.tables.throttles, keys, judged, now):
                return None
        return Wait(1)

    def _commit(
        self, request: Request, principal: Principal, account: Account, hash_before: str, new: str
    ) -> Reply | None:
        acting, now, tables = principal.acting, int(request.now), self.tables
        moved = move(self.dynamodb, self.move_tables, self.issuer, principal, request)
        after = hashed(normal_password(new))
        items = [
            changed_password(tables.tenant_staff, acting.tenant, acting.staff_id, hash_before, after, now),
            left_version(tables.tenant_staff, acting),
            *moved.items,
            succeeded(tables.throttles, login_keys(acting.tenant, account.email, request.viewer), now),
            told(tables, account, request),
        ]
        actor, device = principal.actor(), principal.session.binding.device_hash
        kept: dict[str, Json] = {"kept_session": acting.session_id, "generation": moved.generation}
        events = [
            self.chronicler.password(request, account, _ACTION, actor, device_hash=device),
            sessions_ended(request, account, actor, CHANGED, device_hash=device, kept=kept),
        ]
        outcome = self.ledger.commit(acting.tenant, items, events, acting=acting)
        if isinstance(outcome, Refuted):
            refuse_dead(outcome, acting)
            return None
        return moved.reply()

    def _refuse(self, request: Request, principal: Principal, account: Account, keys: LoginKeys) -> None:
        """Commit the failure, then refuse; returns only when it must be decided anew."""
        acting = principal.acting
        event = self.chronicler.password(
            request,
            account,
            _ACTION,
            principal.actor(),
            reason="WRONG_PASSWORD",
            outcome="failure",
            device_hash=principal.session.binding.device_hash,
        )
        items = failed(self.tables.throttles, keys, request.now)
        outcome = self.ledger.commit(acting.tenant, items, [event], acting=acting)
        if isinstance(outcome, Refuted):
            refuse_dead(outcome, acting)
            return
        raise invalid_credentials()


def refuse_throttled(wait: Wait | None) -> None:
    """Raise 429 for an attempt that has to wait; None passes."""
    if wait is not None:
        raise rate_limited(wait.retry_after_seconds)


def _proves(presented: str, stored: str | None) -> bool:
    fits = hashable(presented)
    return proves(normal_password(presented) if fits else "", stored or DUMMY) and fits
