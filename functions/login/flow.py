"""POST /api/auth/login: a password becomes a session and its first two tokens, a question, or the one uniform refusal.

1. Read the body, and in browser mode make sure that the page is ours. 2. Look up the names, refuse addresses that the
tenant's rules do not let in, and count the attempt before anything is checked. 3. Look up the person and check the
password. 4. Weigh the risk. 5. Commit the outcome with its events: a session, a challenge, a block, or a failure.
6. Answer.

Nothing is told before it is committed: a refusal whose event cannot be written is 503, and so is a success. Four calls,
and one more where sessions must be counted or compared.
"""

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from functions.login.credentials import Attempt, Named, Tables, admitted, look_up, refusal
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.domain.password import normal_password
from shared.domain.session import device_hash_of
from shared.domain.throttle import Wait
from shared.edge.address_rules import AddressRules
from shared.edge.bodies import LOGIN
from shared.edge.cookies import device_of, new_device_id, refuse_cross_site
from shared.edge.fields import read_body
from shared.edge.outcome import Outcomes
from shared.edge.problem import invalid_credentials, rate_limited
from shared.edge.provenance import context_of, sealed_actor
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sign_in import SESSION_LIMIT, session_limit
from shared.edge.weighing import Proven, Scales
from shared.runtime.argon2id import hashed, needs_rehash
from shared.runtime.data_key import DataKeys
from shared.runtime.log import Log
from shared.store.attribute import Row
from shared.store.condition import absent
from shared.store.item import Item, check
from shared.store.subject_keys import new_salt_item
from shared.store.tenant_staff import email_key, rehashed_password, unchanged_password
from shared.store.throttles import failed, succeeded
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService, ServiceError

PASSWORD: Final = ("pwd",)
_ATTEMPTS: Final = 4  # a race for a salt, or with a change of the person's rows, is decided anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The flow with all that it touches; one instance serves an execution environment."""

    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    data_keys: DataKeys
    scales: Scales
    outcomes: Outcomes
    addresses: AddressRules
    allowed_origins: Sequence[str]
    log: Log

    def __call__(self, request: Request) -> Reply:
        # 1. Read.
        attempt, new_device = self._read(request)
        # 2. Look up the names, refuse what comes from the wrong address, and count.
        addressed = admitted(self.dynamodb, self.tables, attempt, self.addresses)
        if isinstance(addressed, Wait):
            self._slow_down(request, addressed)
        # 3. Look up the person, and check: one hash whatever happens in between.
        known = look_up(self.dynamodb, self.tables, attempt, addressed)
        reason = refusal(known, attempt.password)
        for number in range(_ATTEMPTS):
            if number:
                proved, known = known.password_hash, look_up(self.dynamodb, self.tables, attempt, addressed)
                if known.password_hash != proved:  # changed meanwhile: what was proved is worth nothing now
                    reason = refusal(known, attempt.password)
            reply = self._decide(attempt, known, reason, new_device)
            if reply is not None:
                return reply
        raise Contended("the rows of a login kept changing")

    def _read(self, request: Request) -> tuple[Attempt, str | None]:
        """Read the attempt; with it the device that a browser is to be given, None where it has one."""
        body = read_body(request, LOGIN)
        cookie = body["mode"] == "cookie"
        device_id, new_device = body["device_id"], None
        if cookie:
            refuse_cross_site(request, self.allowed_origins)
            device_id = device_of(request)
            new_device = new_device_id() if device_id is None else None
        attempt = Attempt(
            request, body["tenant"], body["email"], body["password"], device_id or new_device, cookie=cookie
        )
        return attempt, new_device

    def _slow_down(self, request: Request, wait: Wait) -> NoReturn:
        self.log.info("refused", metric="login_throttled", request_id=request.request_id)
        raise rate_limited(wait.retry_after_seconds)

    def _decide(self, attempt: Attempt, known: Named, reason: str | None, new_device: str | None) -> Reply | None:
        """Decide once; None when the rows changed before the commit, so that it must be decided anew."""
        if known.tenant is None:
            self._refuse_without_log(attempt)
        if reason is not None or known.staff_id is None:
            self._refuse(attempt, known, known.tenant, reason)
            return None
        if known.gate.status != "ACTIVE":  # since the password was checked
            self._refuse(attempt, known, known.tenant, "STAFF_INACTIVE")
            return None
        # 4. Weigh.
        weighed = self.scales.weigh(_proven(attempt, known, known.tenant, known.staff_id))
        proved = self._proved(attempt, known, weighed.proven.staff_id)
        if self.outcomes.beyond_the_limit(weighed):
            self._refuse(attempt, known, known.tenant, SESSION_LIMIT, proved)
            return None
        # 5. Commit, 6. answer.
        event_id = new_event_id(attempt.request.now)
        personal, salts = self._sealed(attempt, known, known.tenant, event_id)
        return self.outcomes.conclude(weighed, [*salts, *proved], event_id, personal, new_device)

    def _proved(self, attempt: Attempt, known: Named, staff_id: str) -> list[Item]:
        """Give what a right password commits: its hash still stands, and the attempts of this network are forgotten.

        Whoever changes or resets the password meanwhile makes what was proved worthless. A hash that was made with
        weaker parameters is made anew.
        """
        before, table = str(known.password_hash), self.tables.tenant_staff
        if needs_rehash(before):
            after = hashed(normal_password(attempt.password))
            stands = rehashed_password(table, attempt.tenant, staff_id, before, after)
        else:
            stands = unchanged_password(table, attempt.tenant, staff_id, before)
        return [stands, succeeded(self.tables.throttles, attempt.keys, attempt.request.now)]

    def _refuse(
        self, attempt: Attempt, known: Named, tenant: Row, reason: str | None, proved: Sequence[Item] = ()
    ) -> None:
        """Commit the failure, then refuse; returns only when the failure must be decided anew.

        `proved` stands in place of the failed attempt's counts where the password was right.
        """
        event_id = new_event_id(attempt.request.now)
        personal, salts = self._sealed(attempt, known, tenant, event_id)
        event = Draft(
            event_id=event_id,
            action="AUTH_LOGIN_FAILED",
            outcome="failure",
            actor=Actor("anonymous", None),
            resource="login",
            context=context_of(attempt.request, device_hash_of(attempt.device_id)),
            reason=reason,
            targets=(Target("user", known.staff_id),) if known.staff_id else (),
            personal=personal,
        )
        items = [*salts, *(proved or failed(self.tables.throttles, attempt.keys, attempt.request.now))]
        if not isinstance(self.ledger.commit(attempt.tenant, items, [event]), Refuted):
            raise session_limit() if reason == SESSION_LIMIT else invalid_credentials()

    def _refuse_without_log(self, attempt: Attempt) -> NoReturn:
        """Refuse for a tenant that does not exist: there is no log to write to, but a commit's time is taken."""
        nothing = check(self.tables.tenant_staff, email_key(attempt.tenant, attempt.email), absent("tenant"))
        items = [nothing, *failed(self.tables.throttles, attempt.keys, attempt.request.now)]
        request = {"TransactItems": [item.wire() for item in items], "ClientRequestToken": secrets.token_hex(16)}
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


def _proven(attempt: Attempt, known: Named, tenant: Row, staff_id: str) -> Proven:
    return Proven(
        request=attempt.request,
        tenant=tenant,
        staff_id=staff_id,
        gate=known.gate,
        rows=known.rows,
        salt=known.salt,
        throttles=known.addressed.throttles,
        device_id=attempt.device_id,
        amr=PASSWORD,
        cookie=attempt.cookie,
        resource="login",
    )
