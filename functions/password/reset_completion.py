"""POST /api/auth/password/reset/complete: whoever holds the token of the message sets a new password.

1. Read the body. 2. Take from the budget of the address. 3. Read the token and its account, and refuse
what the tenant's address rules do not let in. 4. Refuse an unfit password. Both leave the token good for another try.
5. In one commit: the token is spent, the new hash, the next `session_version`, the events and the mail. 6. Say nothing.

All sessions die. Second factors stay: a mailbox is no second factor, and the next login asks for it (ASVS 6.4.3). A
token that is wrong, expired, spent, void, or of somebody who may not sign in is `invalid_grant`, one answer for all.
"""

from dataclasses import dataclass
from typing import Final

from functions.password.account import Account, Tables, read_account
from functions.password.change import refuse_throttled
from functions.password.record import RESET, Chronicler, sessions_ended, told
from shared.audit.event import Actor, Target
from shared.domain.password import normal_password
from shared.edge.address_rules import AddressRules, Origin
from shared.edge.bodies import RESET_COMPLETE
from shared.edge.fields import read_body
from shared.edge.problem import Refused
from shared.edge.reply import Reply, no_content
from shared.edge.request import Request
from shared.runtime.argon2id import hashed
from shared.runtime.log import Log
from shared.store.one_time_tokens import PASSWORD_RESET, OneTimeToken, hash_of, read_token, used
from shared.store.tenant_staff import bumped_gate, reset_password
from shared.store.throttles import address_digest, login_keys, reserve_budget, succeeded
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

ADDRESS_BUDGET: Final = 30
BUDGET_SECONDS: Final = 60
_ATTEMPTS: Final = 8  # more than anybody may move the version of a session meanwhile
_PROOF: Final = "reset_token"  # what the actor of these events proved


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetCompletion:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    chronicler: Chronicler
    addresses: AddressRules
    log: Log

    def __call__(self, request: Request) -> Reply:
        # 1. The body.
        body = read_body(request, RESET_COMPLETE)
        # 2. Guesses of an address.
        bucket = f"reset_complete#{address_digest(request.viewer.address)}"
        budget = (bucket, ADDRESS_BUDGET, BUDGET_SECONDS, request.now)
        refuse_throttled(reserve_budget(self.dynamodb, self.tables.throttles, *budget))
        for _ in range(_ATTEMPTS):
            if self._completed(request, hash_of(body["token"]), body["new"]):
                # 6. Nothing is left to say.
                return no_content()
        raise Contended("the rows of a reset kept changing")

    def _completed(self, request: Request, token_hash: str, new: str) -> bool:
        """Decide once; False when the rows changed before the commit, so that it must be decided anew."""
        # 3. The token, its account, and from where.
        token = read_token(self.dynamodb, self.tables.one_time_tokens, token_hash)
        if token is None or not token.open(PASSWORD_RESET, request.now):
            raise self._refusal(request, "unknown" if token is None else "spent")
        account = read_account(self.dynamodb, self.tables, token.tenant, token.staff_id)
        if account.obstacle() is not None or account.reset_hash != token_hash or account.password_hash is None:
            raise self._refusal(request, "void")
        if account.tenant is not None:
            self.addresses.refuse(request, account.tenant, lambda: _origin(account))
        # 4. The new password.
        account.refuse_unfit(new)
        # 5. The commit.
        return self._commit(request, token, account, account.password_hash, new)

    def _commit(self, request: Request, token: OneTimeToken, account: Account, hash_before: str, new: str) -> bool:
        now, tables, staff_id = int(request.now), self.tables, account.staff_id
        keys = login_keys(token.tenant, account.email, request.viewer)
        items = [
            used(tables.one_time_tokens, token, now),
            reset_password(
                tables.tenant_staff,
                token.tenant,
                staff_id,
                before=hash_before,
                after=hashed(normal_password(new)),
                reset_hash=token.token_hash,
                now=now,
            ),
            bumped_gate(tables.tenant_staff, token.tenant, staff_id, account.gate.session_version),
            succeeded(tables.throttles, keys, now),
            told(tables, account, request),
        ]
        actor = Actor("user", staff_id, account.gate.role, None, _PROOF)
        events = [
            self.chronicler.password(request, account, "PASSWORD_RESET_COMPLETED", actor),
            sessions_ended(request, account, actor, RESET),
        ]
        return not isinstance(self.ledger.commit(token.tenant, items, events), Refuted)

    def _refusal(self, request: Request, reason: str) -> Refused:
        self.log.info("refused", metric="reset_token", reason=reason, request_id=request.request_id)
        return Refused(401, "invalid_grant", "Ask for a new message.", "The reset token is no longer valid")


def _origin(account: Account) -> Origin:
    actor = Actor("user", account.staff_id, account.gate.role, None, _PROOF)
    return Origin(actor, account.staff_id, targets=(Target("user", account.staff_id),))
