"""Just-in-time provisioning: the first sign-in of somebody whom only the provider knows.

Rules of this module
- Only where the connection has it on, for an address that the provider has verified, in a domain that the tenant has
  proven to be its own. The role is `member`: whoever is to be more is made so by an administrator.
- An address that somebody of the tenant has is taken: identities are never linked by e-mail (ASVS 6.8.1).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.sso.chronicle import Tables
from functions.sso.id_token import Asserted
from shared.audit.event import Draft, Target, new_event_id
from shared.audit.personal_data import PersonalData
from shared.domain.federation import mail_domain
from shared.domain.session import ACTIVE
from shared.edge.blocking import SYSTEM
from shared.edge.provenance import context_of, sealed_actor
from shared.edge.request import Request
from shared.store.identities import Identities, Link, changed_identities
from shared.store.item import Item, get
from shared.store.outbox import bus_event
from shared.store.sso_connections import Connection
from shared.store.subject_keys import new_salt_item
from shared.store.tenant_staff import NewStaff, email_key, linked_identity, provisioning_items
from shared.store.wire import JsonService

ROLE: Final = "member"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A person about to be provisioned, with the items that do it."""

    staff_id: str
    email: str
    salt: bytes
    items: tuple[Item, ...]

    def event(self, request: Request, connection: Connection, keys: PersonalData) -> Draft:
        event_id = new_event_id(request.now)
        person = sealed_actor(
            keys, self.salt, subject=self.staff_id, event_id=event_id, request=request, email=self.email
        )
        return Draft(
            event_id=event_id,
            action="USER_PROVISIONED",
            outcome="success",
            actor=SYSTEM,
            resource=f"tenant_staff/{self.staff_id}",
            context=context_of(request),
            reason="SSO",
            targets=(Target("user", self.staff_id),),
            change={"before": None, "after": {"role": ROLE, "status": ACTIVE}},
            personal=(person,),
            meta={"connection_id": connection.connection_id},
        )


def newcomer(
    dynamodb: JsonService,
    tables: Tables,
    connection: Connection,
    identity: Mapping[str, str],
    who: Asserted,
    request: Request,
) -> Newcomer | str:
    """Prepare a person, or give the reason why there is none to be."""
    if not connection.provisioning:
        return "SSO_UNLINKED"
    if who.email is None:
        return "SSO_EMAIL_UNVERIFIED"
    if mail_domain(who.email) not in connection.verified_domains:
        return "SSO_DOMAIN"
    if get(dynamodb, tables.tenant_staff, email_key(connection.tenant, who.email)) is not None:
        return "SSO_EMAIL_TAKEN"
    tenant, staff_id, now = connection.tenant, f"u_{secrets.token_hex(8)}", int(request.now)
    staff = NewStaff(tenant, staff_id, who.email, who.name or who.email.partition("@")[0], ROLE, password_hash=None)
    digest, link = identity["item"].removeprefix("identity#"), Link(connection.connection_id, now)
    salt, salt_item = new_salt_item(tables.subject_keys, tenant, staff_id)
    joined = bus_event(
        tables.outbox,
        tenant,
        "user_joined",
        request.now,
        staff_id=staff_id,
        correlation=request.request_id,
        detail={"role": ROLE, "connection_id": connection.connection_id},
    )
    items = (
        *provisioning_items(tables.tenant_staff, staff, now),
        linked_identity(tables.tenant_staff, identity, staff_id, connection.connection_id, now),
        changed_identities(tables.tenant_staff, tenant, staff_id, Identities(), {digest: link}),
        salt_item,
        joined,
    )
    return Newcomer(staff_id, who.email, salt, items)
