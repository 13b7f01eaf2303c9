"""POST /api/auth/invites/accept: whoever holds the token of an invitation becomes a person of the tenant, signed in.

1. Read the body, and in browser mode make sure that the page is ours. 2. Take from the budget of the address. 3. Read
the invite and what it rests on, and refuse what the tenant's address rules do not let in. 4. Refuse an unfit password.
Both leave the token good for another try. 5. In one commit: the invite is used up, the person with the first session,
and their events. 6. Answer as a login does.

Rules of this module
- A token that is unknown, of another tenant, revoked, used, or whose inviter may no longer give the role is
  `invalid_grant`, one answer for all. One that is right but too old is 410.
- What the invite rests on is checked again in the commit: the inviter's gate, as it was read.
- Of two requests with one token, one makes the person; the other finds the invite used.
- An administrator begins without a second factor, so the gate says that one must be enrolled before all else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from functions.invites.joining import PROOF, Joining, joining_events
from shared.audit.event import Actor, Target
from shared.domain.familiarity import facts_of
from shared.domain.history import History
from shared.domain.password import normal_password
from shared.domain.permission import STAFF_MANAGE, administers, covers, holds
from shared.domain.session import AAL1, ACTIVE, device_hash_of
from shared.edge.address_rules import AddressRules, Origin
from shared.edge.bodies import IDENTIFIER, INVITE_ACCEPT
from shared.edge.cookies import device_of, new_device_id, refuse_cross_site
from shared.edge.fields import read_body
from shared.edge.new_password import refuse_unfit
from shared.edge.problem import Refused, rate_limited
from shared.edge.provenance import binding_of
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sign_in import Opened, SignIn, Verified
from shared.edge.token_response import token_reply
from shared.runtime.argon2id import hashed
from shared.runtime.data_key import DataKeys
from shared.runtime.log import Log
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.condition import absent, equals
from shared.store.invites import OPEN, Invite, accepted, invite_key, invite_of
from shared.store.item import Item, batch_get, check
from shared.store.one_time_tokens import hash_of
from shared.store.outbox import bus_event
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import GateRow, NewStaff, gate_key, gate_of, provisioning_items
from shared.store.tenants import tenant_key
from shared.store.throttles import address_digest, reserve_budget
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

ADDRESS_BUDGET: Final = 30
BUDGET_SECONDS: Final = 60
PASSWORD: Final = ("pwd",)
_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    tenant_staff: str
    subject_keys: str
    throttles: str
    invites: str
    outbox: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """One acceptance, untrusted; `hash_of_password` computes once. `new_device` is for a browser that has none."""

    request: Request
    token: str
    password: str
    name: str | None
    hash_of_password: Callable[[], str]
    device_id: str | None
    new_device: str | None
    cookie: bool


@dataclass(frozen=True, slots=True)
class _Rests:
    """An open invite and what it rests on; `inviter` None: an operator made it."""

    invite: Invite
    tenant: Mapping[str, Any]
    inviter: GateRow | None
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    sign_in: SignIn
    policies: TenantPolicies
    data_keys: DataKeys
    addresses: AddressRules
    allowed_origins: Sequence[str]
    log: Log

    def __call__(self, request: Request) -> Reply:
        # 1. The body.
        asked = self._read(request)
        # 2. Guesses of an address.
        bucket = f"invite_accept#{address_digest(request.viewer.address)}"
        budget = (bucket, ADDRESS_BUDGET, BUDGET_SECONDS, request.now)
        wait = reserve_budget(self.dynamodb, self.tables.throttles, *budget)
        if wait is not None:
            raise rate_limited(wait.retry_after_seconds)
        for _ in range(_ATTEMPTS):
            # 3. The invite.
            rests = self._found(request, asked.token)
            # 4. The password.
            invite, tenant = rests.invite, str(rests.tenant["name"])
            name = invite.name if asked.name is None else asked.name
            refuse_unfit(asked.password, invite.tenant, tenant, invite.email, name, second_factor=False)
            # 5. The commit.
            reply = self._joined(asked, rests, name)
            if reply is not None:
                # 6. The answer.
                return reply
        raise Contended("the rows of an acceptance kept changing")

    def _read(self, request: Request) -> _Asked:
        body = read_body(request, INVITE_ACCEPT)
        cookie, device_id, new_device = body["mode"] == "cookie", body["device_id"], None
        if cookie:
            refuse_cross_site(request, self.allowed_origins)
            device_id = device_of(request)
            new_device = new_device_id() if device_id is None else None
        password = body["password"]
        hash_once = cache(lambda: hashed(normal_password(password)))
        return _Asked(
            request, body["token"], password, body["name"], hash_once, device_id or new_device, new_device, cookie
        )

    def _found(self, request: Request, token: str) -> _Rests:
        """Find what `token` opens; raises `Refused` (401 invalid_grant, 410 invite_expired)."""
        tenant_id, _, rest = token.partition(".")
        invite_id = rest.partition(".")[0]
        if not (re.fullmatch(IDENTIFIER, tenant_id) and re.fullmatch(IDENTIFIER, invite_id)):
            raise self._refusal(request, "malformed")
        tables = self.tables
        found = batch_get(
            self.dynamodb,
            {tables.invites: [invite_key(tenant_id, invite_id)], tables.tenants: [tenant_key(tenant_id)]},
        )
        invite = next((invite_of(row) for row in found[tables.invites]), None)
        tenant = next(iter(found[tables.tenants]), None)
        if invite is None or tenant is None or invite.token_hash != hash_of(token):
            raise self._refusal(request, "unknown")
        if invite.status != OPEN or tenant["status"] != ACTIVE:
            raise self._refusal(request, invite.status)
        if invite.expired(request.now):
            raise Refused(410, "invite_expired", "Ask for a new invitation.")
        return self._standing(request, invite, tenant)

    def _standing(self, request: Request, invite: Invite, tenant: Mapping[str, Any]) -> _Rests:
        """Read what the invite rests on; raises `Refused` (401 invalid_grant) when it does not hold any more."""
        tables = self.tables
        inviters = [] if invite.invited_by is None else [gate_key(invite.tenant, invite.invited_by)]
        found = batch_get(
            self.dynamodb,
            {tables.tenant_staff: inviters, tables.subject_keys: [subject_key(invite.tenant, invite.staff_id)]},
        )
        inviter = None if invite.invited_by is None else gate_of(next(iter(found[tables.tenant_staff]), None))
        if inviter is not None and not _may_give(inviter, invite):
            raise self._refusal(request, "inviter")
        salt = next((row["salt"] for row in found[tables.subject_keys]), None)
        if salt is None:  # the invited person was erased
            raise self._refusal(request, "erased")
        self.addresses.refuse(request, dict(tenant), lambda: _origin(invite))
        return _Rests(invite, tenant, inviter, salt)

    def _joined(self, asked: _Asked, rests: _Rests, name: str) -> Reply | None:
        """Commit once; None when the rows changed before, so that it must be decided anew."""
        request, invite, now = asked.request, rests.invite, int(asked.request.now)
        staff = NewStaff(
            tenant=invite.tenant,
            staff_id=invite.staff_id,
            email=invite.email,
            name=name,
            role=invite.role,
            password_hash=asked.hash_of_password(),
            must_enrol=administers(invite.role),
        )
        opened = self._opened(asked, rests, staff)
        joining = Joining(invite, staff, rests.salt, opened.session_id, opened.tokens.bearer.standing.amr)
        personal = self.data_keys.personal_data(invite.tenant, rests.tenant["data_key_sealed"])
        events = joining_events(request, joining, personal, device_hash_of(asked.device_id))
        provisioned = staff._replace(granted_by=events[1].event_id)
        items = [
            *accepted(self.tables.invites, invite, now),
            *self._inviter_stands(rests),
            *provisioning_items(self.tables.tenant_staff, provisioned, now),
            *opened.items,
            self._told(request, joining),
        ]
        outcome = self.ledger.commit(invite.tenant, items, [*events, *opened.events])
        if isinstance(outcome, Refuted):
            if "email" in outcome.failed and "invite" not in outcome.failed:
                raise Refused(409, "already_used", "The address belongs to somebody already: log in, or ask for help.")
            return None
        more = {"must_enrol": staff.must_enrol}
        return token_reply(opened.tokens, now, more=more, device_id=asked.new_device)

    def _opened(self, asked: _Asked, rests: _Rests, staff: NewStaff) -> Opened:
        request = asked.request
        binding = binding_of(request, device_hash_of(asked.device_id))
        facts = facts_of(request.viewer, device_hash=binding.device_hash, at=int(request.now), amr=PASSWORD)
        verified = Verified(
            tenant=staff.tenant,
            staff_id=staff.staff_id,
            gate=GateRow(ACTIVE, staff.role, 1, staff.must_enrol),
            acr=AAL1,
            amr=PASSWORD,
            cookie=asked.cookie,
            binding=binding,
            policy=self.policies.from_row(dict(rests.tenant)),
            history=History(),
            facts=facts,
            live=(),
            joins=True,
        )
        return self.sign_in.open(request, verified)

    def _inviter_stands(self, rests: _Rests) -> list[Item]:
        """Check that the inviter is who he was when it was decided that he may give the role (label "inviter")."""
        invite, inviter = rests.invite, rests.inviter
        if invite.invited_by is None or inviter is None:
            return []
        key = gate_key(invite.tenant, invite.invited_by)
        void = inviter.invites_void_before
        unvoided = equals("invites_void_before", void) if void else absent("invites_void_before")
        as_read = (equals("status", ACTIVE), equals("role", inviter.role), unvoided)
        return [check(self.tables.tenant_staff, key, *as_read, label="inviter")]

    def _told(self, request: Request, joining: Joining) -> Item:
        invite = joining.invite
        return bus_event(
            self.tables.outbox,
            invite.tenant,
            "user_joined",
            request.now,
            staff_id=invite.staff_id,
            correlation=request.request_id,
            detail={"role": invite.role, "invite_id": invite.invite_id},
        )

    def _refusal(self, request: Request, reason: str) -> Refused:
        self.log.info("refused", metric="invite_token", reason=reason, request_id=request.request_id)
        return Refused(401, "invalid_grant", "Ask for a new invitation.", "The invitation is no longer valid")


def _origin(invite: Invite) -> Origin:
    actor = Actor("user", invite.staff_id, invite.role, None, PROOF)
    return Origin(actor, invite.staff_id, targets=(Target("user", invite.staff_id),))


def _may_give(inviter: GateRow, invite: Invite) -> bool:
    """Tell whether the inviter may give the role now, and has been able to ever since he did."""
    rights = holds(inviter.role, STAFF_MANAGE) and covers(inviter.role, invite.role)
    return inviter.status == ACTIVE and rights and invite.created_at > inviter.invites_void_before
