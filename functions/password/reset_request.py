"""POST /api/auth/password/reset: a message with a link goes to the person's own address, if there is such a person.

1. Read the body. 2. Take from both budgets. 3. Look up who is named; for an address that the tenant's rules do not let
in, record the refusal and send nothing, whoever is named. 4. Make a token, sealed for the outbox. 5. Commit it with its
event and its mail, or something that takes as long. 6. Answer 202, whatever happened.

Rules of this module (ASVS 6.3.8, 6.4.1, 6.4.3)
- Whoever asks learns nothing: one answer, the same calls in the same order, a transaction of as many items. The mail
  is sent by somebody else, later.
- A token is 256 random bits, at rest only as a hash and, until the mail is gone, sealed by KMS. It counts for half an
  hour, once, and voids those before it.
- Beyond a budget nothing is sent. The budget of an account is renewed sooner than its last token dies: whoever spends
  it for somebody else leaves a link that works in that person's mailbox.
"""

import contextlib
import secrets
from dataclasses import dataclass
from typing import Final

from functions.password.account import NOBODY, Account, Tables, read_account
from functions.password.record import RESET, Chronicler
from shared.audit.event import Actor, Draft
from shared.domain.password import normal_email
from shared.edge.address_rules import AddressRules
from shared.edge.bodies import RESET as BODY
from shared.edge.fields import read_body
from shared.edge.problem import Refused, ip_denied
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.log import Log
from shared.runtime.sealed_secret import SecretSealer, outbox_context
from shared.store.attribute import Row
from shared.store.condition import absent
from shared.store.item import Item, batch_get, check
from shared.store.one_time_tokens import PASSWORD_RESET, OneTimeToken, hash_of, issued
from shared.store.outbox import mail
from shared.store.subject_keys import new_salt_item, subject_key, unknown_subject
from shared.store.tenant_staff import email_key, factor_key, resettable_password
from shared.store.throttles import address_digest, digest, reserve_budget
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService, ServiceError

TOKEN_SECONDS: Final = 1_800
BUDGET_SECONDS: Final = 900  # below TOKEN_SECONDS: see above
ACCOUNT_BUDGET: Final = 3
ADDRESS_BUDGET: Final = 10
_TOKEN_BYTES: Final = 32
_ATTEMPTS: Final = 3
_ACTION: Final = "PASSWORD_RESET_REQUESTED"


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request; `tenant` and `email` are untrusted. `sends` is false beyond a budget."""

    request: Request
    tenant: str
    email: str
    sends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRequest:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    sealer: SecretSealer
    chronicler: Chronicler
    addresses: AddressRules
    log: Log

    def __call__(self, request: Request) -> Reply:
        # 1. The body.
        body = read_body(request, BODY)
        # 2. Both budgets are taken from, whatever the first one says.
        ask = _Ask(request, body["tenant"], body["email"], self._within_budgets(request, **body))
        for _ in range(_ATTEMPTS):
            if self._settled(ask):
                # 6. One answer.
                return json_reply(202, {"status": "accepted"})
        raise Contended("the rows of a reset kept changing")

    def _within_budgets(self, request: Request, tenant: str, email: str) -> bool:
        budgets = (
            (f"reset#{digest(tenant, normal_email(email))}", ACCOUNT_BUDGET),
            (f"reset#{address_digest(request.viewer.address)}", ADDRESS_BUDGET),
        )
        waits = [
            reserve_budget(self.dynamodb, self.tables.throttles, bucket, limit, BUDGET_SECONDS, request.now)
            for bucket, limit in budgets
        ]
        return waits == [None, None]

    def _settled(self, ask: _Ask) -> bool:
        """Decide once; False when the rows changed before the commit, so that it must be decided anew."""
        # 3. Who is named, and from where.
        account, unknown_salt = self._named(ask)
        if account.tenant is not None and self._kept_out(ask.request, account.tenant):
            return True
        # 4. A token, for nobody too.
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        sealed = self.sealer.seal(token.encode(), outbox_context(ask.tenant))
        # 5. Commit.
        if account.tenant is None or not ask.sends:
            self._pretend(ask)
            return True
        obstacle = account.obstacle()
        if obstacle is None and account.password_hash is not None:
            items = self._offer(ask, account, account.password_hash, token, sealed)
            event = self._event(ask, account, None)
        else:
            items, event = self._nothing(ask, account, obstacle, unknown_salt)
        return not isinstance(self.ledger.commit(ask.tenant, items, [event]), Refuted)

    def _kept_out(self, request: Request, tenant: Row) -> bool:
        """Record a refusal by the address rules. It is not told: only a tenant that exists has rules."""
        try:
            self.addresses.refuse(request, tenant)
        except Refused as refused:
            if refused.code != ip_denied().code:
                raise
            return True
        return False

    def _named(self, ask: _Ask) -> tuple[Account, bytes | None]:
        """Read the account behind an address, and the salt of this month's unknown people, in two calls."""
        tables, unknown = self.tables, subject_key(ask.tenant, unknown_subject(ask.request.now))
        found = batch_get(
            self.dynamodb,
            {tables.tenant_staff: [email_key(ask.tenant, ask.email)], tables.subject_keys: [unknown]},
        )
        address = next(iter(found[tables.tenant_staff]), {"staff_id": NOBODY})
        salts = found[tables.subject_keys]
        account = read_account(self.dynamodb, tables, ask.tenant, str(address["staff_id"]))
        return account, salts[0]["salt"] if salts else None

    def _offer(self, ask: _Ask, account: Account, hash_before: str, token: str, sealed: bytes) -> list[Item]:
        now, staff_id = int(ask.request.now), account.staff_id
        made = OneTimeToken(hash_of(token), PASSWORD_RESET, ask.tenant, staff_id, now + TOKEN_SECONDS)
        message = mail(
            self.tables.outbox,
            ask.tenant,
            staff_id,
            RESET,
            ask.request.now,
            values={"minutes": TOKEN_SECONDS // 60},
            sealed=sealed,
            expires_at=made.expires_at,
        )
        current = resettable_password(self.tables.tenant_staff, ask.tenant, staff_id, hash_before, made.token_hash)
        return [issued(self.tables.one_time_tokens, made, now), current, message]

    def _nothing(
        self, ask: _Ask, account: Account, obstacle: str | None, unknown_salt: bytes | None
    ) -> tuple[list[Item], Draft]:
        """Give a commit that offers nothing; unknown people of a new month get their salt in it."""
        items = self._checks(ask.tenant)
        if account.profile is not None:
            return items, self._event(ask, account, obstacle)
        subject, salt = unknown_subject(ask.request.now), unknown_salt
        if salt is None:
            salt, item = new_salt_item(self.tables.subject_keys, ask.tenant, subject)
            items.append(item)
        return items, self._event(ask, account, obstacle, subject, salt)

    def _event(
        self,
        ask: _Ask,
        account: Account,
        obstacle: str | None,
        subject: str | None = None,
        salt: bytes | None = None,
    ) -> Draft:
        return self.chronicler.password(
            ask.request,
            account,
            _ACTION,
            Actor("anonymous", None),
            reason=obstacle,
            outcome="failure" if obstacle else "success",
            typed=ask.email,
            subject=subject,
            salt=salt,
        )

    def _pretend(self, ask: _Ask) -> None:
        """Take the time of a commit: there is no log to write to, or the log has enough of this."""
        metric = "reset_unknown_tenant" if ask.sends else "reset_beyond_budget"
        nobody = subject_key(ask.tenant, secrets.token_hex(_TOKEN_BYTES))
        items = [*self._checks(ask.tenant), check(self.tables.subject_keys, nobody, absent("tenant"))]
        request = {
            "TransactItems": [item.wire() for item in items],
            "ClientRequestToken": secrets.token_hex(16),
        }
        with contextlib.suppress(ServiceError):  # refuted or taken: it was only for the time
            self.dynamodb.call("TransactWriteItems", request)
        self.log.info("nothing sent", metric=metric, request_id=ask.request.request_id)

    def _checks(self, tenant: str) -> list[Item]:
        """Give as many items as an offer has, of rows that nobody has."""
        nothing = secrets.token_hex(_TOKEN_BYTES)  # of its own: two who ask at once must not meet
        nobody = factor_key(tenant, nothing, "password")
        return [
            check(self.tables.one_time_tokens, {"token_hash": nothing}, absent("token_hash"), label="nothing"),
            check(self.tables.tenant_staff, nobody, absent("tenant"), label="nothing"),
            check(self.tables.outbox, {"tenant": tenant, "effect_id": nothing}, absent("tenant"), label="nothing"),
        ]
