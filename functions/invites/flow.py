"""POST and GET /api/staff/invites, DELETE /api/staff/invites/{invite_id}: administrators ask people to join.

Invite: 1. admit; 2. read who is asked as what, and hold it against what the inviter may give; 3. take from the
inviter's budget; 4. look the address up; 5. commit the invite with its mail and its event; 6. answer without the token,
which stands in the mail alone. List: 1. admit; 2. read; 3. answer. Revoke: 1. admit; 2. read; 3. commit.

Rules of this module
- Nobody invites, replaces or revokes what he could not give: a role that holds more than his own is 403, on the record.
- Above a member it takes a fresh proof.
- An address that belongs to somebody, active or not, is 409. One that was invited before is invited anew, and the
  earlier token is void.
- An address that no mail can reach is 400; what is stored and shown is its ASCII form.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from functions.invites.offer import Asked, Offer, OfferTables, make_offer
from shared.audit.event import Draft, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.mail_address import deliverable
from shared.domain.permission import outranks
from shared.edge.bodies import EMPTY, IDENTIFIER, INVITE
from shared.edge.ended_invite import invite_revoked
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.problem import Refused, invalid_request, invalid_token, rate_limited
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.reply import Reply, json_reply, no_content
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.store.condition import absent
from shared.store.invites import (
    OPEN,
    REPLACED,
    WITHDRAWN,
    Invite,
    address_key,
    invites_of,
    open_invite,
    read_invite,
    replaced,
    revoked,
)
from shared.store.item import batch_get, check
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import email_key
from shared.store.throttles import digest, reserve_budget
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

PURPOSE: Final = "rbac_admin"
BUDGET: Final = 100  # invites of one person: a stolen session must not become a sender of mail
BUDGET_SECONDS: Final = 3_600
MAX_LISTED: Final = 1_000
_EXPIRED: Final = "EXPIRED"  # told, never stored


@dataclass(frozen=True, slots=True)
class _Address:
    """What is known of an address that is nobody's: the invite that counts, if any; its row may be gone."""

    counts: str | None
    before: Invite | None
    inviter_salt: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invites:
    dynamodb: JsonService
    tables: OfferTables
    tenant_staff_table: str
    throttles_table: str
    ledger: Ledger
    guard: Guard
    sealer: SecretSealer
    data_keys: DataKeys

    def invite(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        # 2. Who is asked, as what.
        asked = self._asked(request, principal)
        # 3. The budget.
        tenant, staff_id = principal.acting.tenant, principal.acting.staff_id
        bucket = f"invite#{digest(tenant, staff_id)}"
        wait = reserve_budget(self.dynamodb, self.throttles_table, bucket, BUDGET, BUDGET_SECONDS, request.now)
        if wait is not None:
            raise rate_limited(wait.retry_after_seconds)
        for _ in rounds():
            # 4. The address.
            address = self._looked_up(request, principal, asked)
            # 5. Commit.
            offer = make_offer(
                self.tables, self.sealer, asked, address.counts, request.now, correlation=request.request_id
            )
            if self._committed(request, principal, offer, address):
                # 6. Answer.
                expires_at = rfc3339(offer.invite.expires_at)
                return json_reply(
                    201,
                    {
                        "invite_id": offer.invite.invite_id,
                        "staff_id": offer.invite.staff_id,
                        "expires_at": expires_at,
                    },
                )
        raise Contended("the invites of an address kept changing")

    def listed(self, request: Request) -> Reply:
        # 1. Admit.
        tenant = self.guard.admit(request).acting.tenant
        # 2. Read.
        invites = list(invites_of(self.dynamodb, self.tables.invites, tenant, limit=MAX_LISTED))
        # 3. Answer.
        shown = [_shown(invite, request.now) for invite in invites]
        return json_reply(200, {"invites": shown, "truncated": len(invites) == MAX_LISTED})

    def revoke(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        invite_id = request.path_parameters.get("invite_id", "")
        for _ in rounds():
            # 2. Read.
            invite = self._open(request, principal, invite_id)
            # 3. Commit.
            items = revoked(self.tables.invites, invite, int(request.now), WITHDRAWN)
            event = self._revoked(request, principal, invite, WITHDRAWN)
            outcome = self.ledger.commit(invite.tenant, items, [event], acting=principal.acting)
            if not isinstance(outcome, Refuted):
                return no_content()
            if died(outcome):
                raise invalid_token()
        raise Contended("an invite kept changing")

    def _asked(self, request: Request, principal: Principal) -> Asked:
        """Read the body; raises `Refused` (400, 403, 401 insufficient_user_authentication)."""
        body = read_body(request, INVITE)
        email = deliverable(body["email"])
        if email is None:
            raise invalid_request([("/email", "This is not an address that mail can be sent to.")])
        role = body["role"]
        self.guard.require_cover(request, principal, role)
        if outranks(role, "member"):
            self.guard.require_step_up(principal, PURPOSE, request.now)
        acting = principal.acting
        return Asked(tenant=acting.tenant, email=email, name=body["name"] or "", role=role, invited_by=acting.staff_id)

    def _looked_up(self, request: Request, principal: Principal, asked: Asked) -> _Address:
        tables, tenant = self.tables, asked.tenant
        found = batch_get(
            self.dynamodb,
            {
                self.tenant_staff_table: [email_key(tenant, asked.email)],
                tables.invites: [address_key(tenant, asked.email)],
                tables.subject_keys: [subject_key(tenant, principal.acting.staff_id)],
            },
        )
        if found[self.tenant_staff_table]:
            raise Refused(409, "already_used", "The address belongs to somebody of this tenant already.")
        counts = open_invite(next(iter(found[tables.invites]), None))
        before = None if counts is None else read_invite(self.dynamodb, tables.invites, tenant, counts)
        if before is not None and before.status != OPEN:  # revoked when it had expired: its address was left alone
            before = None
        if before is not None:
            self.guard.require_cover(request, principal, before.role)
        salt = next((row["salt"] for row in found[tables.subject_keys]), None)
        return _Address(counts, before, salt)

    def _committed(self, request: Request, principal: Principal, offer: Offer, address: _Address) -> bool:
        """Commit an offer; False when the address is not what it was, so that it must be looked up anew."""
        acting, now = principal.acting, int(request.now)
        nobody = check(
            self.tenant_staff_table, email_key(acting.tenant, offer.invite.email), absent("tenant"), label="email"
        )
        items, events = [*offer.items, nobody], [self._invited(request, principal, offer, address.inviter_salt)]
        if address.before is not None:
            items.append(replaced(self.tables.invites, address.before, now, REPLACED))
            events.append(self._revoked(request, principal, address.before, REPLACED))
        outcome = self.ledger.commit(acting.tenant, items, events, acting=acting)
        if isinstance(outcome, Refuted) and died(outcome):
            raise invalid_token()
        return not isinstance(outcome, Refuted)

    def _invited(self, request: Request, principal: Principal, offer: Offer, inviter_salt: bytes | None) -> Draft:
        acting, event_id = principal.acting, new_event_id(request.now)
        personal = self.data_keys.personal_data(acting.tenant, principal.tenant["data_key_sealed"])
        context = context_of(request, principal.session.binding.device_hash)
        proof = principal.grant(PURPOSE).challenge_id if outranks(offer.invite.role, "member") else None
        inviter = sealed_unless_erased(personal, inviter_salt, acting.staff_id, event_id, request)
        return offer.event(principal.actor(proof), context, personal, event_id, inviter)

    def _revoked(self, request: Request, principal: Principal, invite: Invite, reason: str) -> Draft:
        context = context_of(request, principal.session.binding.device_hash)
        return invite_revoked(request.now, context, principal.actor(), invite, reason)

    def _open(self, request: Request, principal: Principal, invite_id: str) -> Invite:
        """Find an invite that can be revoked; raises `Refused` (404, 403, 409)."""
        tenant, invite = principal.acting.tenant, None
        if re.fullmatch(IDENTIFIER, invite_id):
            invite = read_invite(self.dynamodb, self.tables.invites, tenant, invite_id)
        if invite is None:
            raise Refused(404, "not_found", "There is no invite with this id.")
        self.guard.require_cover(request, principal, invite.role)
        if invite.status != OPEN:
            raise Refused(409, "already_used", "The invite has been accepted or revoked.")
        return invite


def _shown(invite: Invite, now: float) -> dict[str, Any]:
    return {
        "invite_id": invite.invite_id,
        "staff_id": invite.staff_id,
        "email": invite.email,
        "name": invite.name,
        "role": invite.role,
        "status": _EXPIRED if invite.status == OPEN and invite.expired(now) else invite.status,
        "invited_by": invite.invited_by,
        "created_at": rfc3339(invite.created_at),
        "expires_at": rfc3339(invite.expires_at),
    }
