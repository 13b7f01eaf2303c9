"""An invite with its token, and all that is committed to offer it.

Rules of this module
- A token is routing (tenant and invite) and 256 random bits; at rest there is its SHA-256 and, until the mail is gone,
  the token itself sealed by KMS for the outbox. It counts for 72 hours, once.
- The invited person has an id and a salt from here on, so that what the log holds of whom was invited is sealed under
  the person, and goes with the person.
- An address has one invite that counts: a further one replaces it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.audit.personal_data import PersonalData
from shared.runtime.sealed_secret import SecretSealer, outbox_context
from shared.store.invites import INVITE_SECONDS, OPEN, Invite, offered
from shared.store.item import Item
from shared.store.one_time_tokens import hash_of
from shared.store.outbox import bus_event, invitation
from shared.store.subject_keys import new_salt_item

TEMPLATE: Final = "invite"
_SECRET_OCTETS: Final = 32
_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class OfferTables:
    invites: str
    subject_keys: str
    outbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is to be invited as what; `email` is one that mail can reach, `invited_by` as in `Invite`."""

    tenant: str
    email: str
    name: str
    role: str
    invited_by: str | None


@dataclass(frozen=True, slots=True)
class Offer:
    """`token` is the only copy that is not sealed."""

    invite: Invite
    token: str
    salt: bytes
    items: tuple[Item, ...]

    def event(
        self,
        actor: Actor,
        context: Mapping[str, Json],
        personal: PersonalData,
        event_id: str,
        more: tuple[Mapping[str, Json], ...] = (),
    ) -> Draft:
        """Write that somebody was invited; `more` is what is sealed of whoever did it."""
        invite = self.invite
        values = {"email": invite.email, "name": invite.name}
        whom = personal.entry(self.salt, subject=invite.staff_id, of="target", event_id=event_id, values=values)
        return Draft(
            event_id=event_id,
            action="USER_INVITED",
            outcome="success",
            actor=actor,
            resource=f"invites/{invite.invite_id}",
            context=context,
            targets=(Target("user", invite.staff_id),),
            change={"before": None, "after": {"role": invite.role, "status": OPEN}},
            personal=(whom, *more),
            meta={"expires_at": invite.expires_at},
        )


def make_offer(
    tables: OfferTables, sealer: SecretSealer, asked: Asked, counts: str | None, now: float, correlation: str
) -> Offer:
    """Make an invite, its token and its mail. `counts` is the invite of the address that counted when it was read.

    The items are labelled "invite", "invite_address", "subject_key" and "effect". Raises `Unavailable`.
    """
    tenant, invite_id = asked.tenant, new_event_id(now)
    token = f"{tenant}.{invite_id}.{secrets.token_urlsafe(_SECRET_OCTETS)}"
    invite = Invite(
        tenant=tenant,
        invite_id=invite_id,
        staff_id=f"u_{new_event_id(now)}",
        email=asked.email,
        name=asked.name,
        role=asked.role,
        invited_by=asked.invited_by,
        token_hash=hash_of(token),
        created_at=int(now),
        expires_at=int(now) + INVITE_SECONDS,
    )
    salt, salt_item = new_salt_item(tables.subject_keys, tenant, invite.staff_id, invite.email)
    message = invitation(
        tables.outbox,
        tenant,
        invite_id,
        TEMPLATE,
        now,
        values={"role": invite.role, "hours": INVITE_SECONDS // _HOUR},
        sealed=sealer.seal(token.encode(), outbox_context(tenant)),
        expires_at=invite.expires_at,
    )
    told = bus_event(
        tables.outbox,
        tenant,
        "user_invited",
        now,
        staff_id=invite.staff_id,
        correlation=correlation,
        detail={"role": invite.role, "invite_id": invite_id, "by": invite.invited_by},
    )
    return Offer(invite, token, salt, (*offered(tables.invites, invite, counts), salt_item, message, told))
