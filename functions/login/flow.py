"""POST /api/auth/login: a password becomes a session and its first two tokens, or the one uniform refusal.

1. Read the body. 2. Look up who is named. 3. Check the password. 4. Commit the outcome with its event. 5. Answer.

Nothing is told before it is committed: a refusal whose event cannot be written is 503, and so is a success.
"""

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from functions.login.credentials import Named, Tables, look_up, refusal
from functions.login.opening import Attempt, Lifetimes, NewSession, new_session, rows
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.domain.session import device_hash_of
from shared.edge.bodies import LOGIN
from shared.edge.fields import read_body
from shared.edge.problem import invalid_credentials, invalid_request
from shared.edge.provenance import context_of, sealed_actor
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.token_response import token_response
from shared.runtime.access_token import TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.log import Log
from shared.store.attribute import Row
from shared.store.condition import absent
from shared.store.item import Item, check
from shared.store.subject_keys import new_salt_item
from shared.store.tenant_staff import email_key, unchanged_gate
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService, ServiceError

_ATTEMPTS: Final = 3  # a race for a salt, or with a change of the staff gate, is decided anew


@dataclass(frozen=True, slots=True)
class SessionTables:
    user_sessions: str
    refresh_tokens: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The flow with all that it touches; one instance serves an execution environment."""

    dynamodb: JsonService
    tables: Tables
    session_tables: SessionTables
    ledger: Ledger
    data_keys: DataKeys
    issuer: TokenIssuer
    lifetimes: Lifetimes
    log: Log

    def __call__(self, request: Request) -> Reply:
        # 1. Cookie mode is not served yet, and must not silently mean native mode.
        body = read_body(request, LOGIN)
        if body["mode"] == "cookie":
            raise invalid_request([("/mode", "Cookie mode is not available in this release; use native.")])
        device_hash = device_hash_of(body["device_id"])
        attempt = Attempt(request, body["tenant"], body["email"], body["password"], device_hash)
        for _ in range(_ATTEMPTS):
            reply = self._decide(attempt)
            if reply is not None:
                return reply
        raise Contended("the rows of a login kept changing")

    def _decide(self, attempt: Attempt) -> Reply | None:
        """Decide once; None when the rows changed before the commit, so that it must be decided anew."""
        # 2. Who is named, 3. and is it him?
        known = look_up(self.dynamodb, self.tables, attempt.tenant, attempt.email, attempt.request.now)
        reason = refusal(known, attempt.password)
        # 4. The outcome and its event, 5. then the answer.
        if known.tenant is None:
            self._refuse_without_log(attempt)
        if reason is not None or known.staff_id is None:
            self._refuse(attempt, known, known.tenant, reason)
            return None
        return self._admit(attempt, known, known.tenant, known.staff_id)

    def _admit(self, attempt: Attempt, known: Named, tenant: Row, staff_id: str) -> Reply | None:
        session = new_session(attempt, staff_id, known.gate, self.lifetimes)
        # Signed before the commit: where no token can be made, nothing may change.
        access_token = self.issuer.mint(session.bearer, attempt.now)
        event_id = new_event_id(attempt.request.now)
        personal, salts = self._sealed(attempt, known, tenant, event_id)
        session_id = session.bearer.session_id
        event = Draft(
            event_id=event_id,
            action="AUTH_LOGIN_SUCCESS",
            outcome="success",
            actor=Actor("user", staff_id, known.gate.role, session_id, "password"),
            resource=f"user_sessions/{session_id}",
            context=context_of(attempt.request, attempt.device_hash),
            targets=(Target("session", session_id),),
            personal=personal,
        )
        gate = unchanged_gate(self.tables.tenant_staff, attempt.tenant, staff_id, known.gate)
        made = rows(attempt, session, self.session_tables.user_sessions, self.session_tables.refresh_tokens)
        if isinstance(self.ledger.commit(attempt.tenant, [gate, *made, *salts], [event]), Refuted):
            return None
        return self._answer(attempt, session, access_token)

    def _answer(self, attempt: Attempt, session: NewSession, access_token: str) -> Reply:
        standing = session.bearer.standing
        body = token_response(
            session.bearer,
            access_token=access_token,
            expires_in=self.issuer.expires_at(standing, attempt.now) - attempt.now,
            refresh_token=session.refresh_token,
            refresh_expires_in=session.idle_expires_at - attempt.now,
        )
        return json_reply(200, body)

    def _refuse(self, attempt: Attempt, known: Named, tenant: Row, reason: str | None) -> None:
        """Commit the failure, then refuse; returns only when the failure must be decided anew."""
        event_id = new_event_id(attempt.request.now)
        personal, salts = self._sealed(attempt, known, tenant, event_id)
        event = Draft(
            event_id=event_id,
            action="AUTH_LOGIN_FAILED",
            outcome="failure",
            actor=Actor("anonymous", None),
            resource="login",
            context=context_of(attempt.request, attempt.device_hash),
            reason=reason,
            targets=(Target("user", known.staff_id),) if known.staff_id else (),
            personal=personal,
        )
        if not isinstance(self.ledger.commit(attempt.tenant, salts, [event]), Refuted):
            raise invalid_credentials()

    def _refuse_without_log(self, attempt: Attempt) -> NoReturn:
        """Refuse for a tenant that does not exist: there is no log to write to, but a commit's time is taken."""
        nothing = check(self.tables.tenant_staff, email_key(attempt.tenant, attempt.email), absent("tenant"))
        request = {"TransactItems": [nothing.wire()], "ClientRequestToken": secrets.token_hex(16)}
        with contextlib.suppress(ServiceError):  # refuted or taken: it was only for the time
            self.dynamodb.call("TransactWriteItems", request)
        self.log.info("refused", metric="login_unknown_tenant", request_id=attempt.request.request_id)
        raise invalid_credentials()

    def _sealed(
        self, attempt: Attempt, known: Named, tenant: Row, event_id: str
    ) -> tuple[tuple[Mapping[str, Json], ...], list[Item]]:
        """Seal who asked from where. Unknown people of a new month get their salt in the same commit.

        A known person without a salt was erased: a new one would undo that, so nothing of the attempt is kept.
        """
        if known.salt is None and known.staff_id is not None:
            return (), []
        personal = self.data_keys.personal_data(attempt.tenant, tenant["data_key_sealed"])
        salt, items = known.salt, list[Item]()
        if salt is None:
            salt, item = new_salt_item(self.tables.subject_keys, attempt.tenant, known.subject)
            items.append(item)
        entry = sealed_actor(
            personal,
            salt,
            subject=known.subject,
            event_id=event_id,
            request=attempt.request,
            email=attempt.email,
        )
        return (entry,), items
