"""GET /api/auth/sso/identities and DELETE .../{identity_id}: by which identities one signs in, and to let one go.

Remove: 1. admit, with a fresh proof; 2. read what is there; 3. refuse what is not, and the last way to sign in; 4.
commit the removal with its event and a mail; 5. answer. What the identity has opened lives on: a logout ends it.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from functions.sso.chronicle import Chronicle, Suspected, Tables
from functions.sso.linking import FACTOR, PURPOSE
from shared.audit.event import Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.edge.bodies import EMPTY, IDENTIFIER
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.problem import Refused
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, json_reply, no_content
from shared.edge.request import Request
from shared.store.condition import present
from shared.store.identities import (
    Identities,
    Link,
    changed_identities,
    identities_key,
    identities_of,
    unlinked_identity,
)
from shared.store.item import Item, batch_get, check, get
from shared.store.outbox import mail
from shared.store.tenant_staff import factor_key, named
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnIdentities:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    guard: Guard
    chronicle: Chronicle

    def list(self, request: Request) -> Reply:
        acting = self.guard.admit(request).acting
        row = get(self.dynamodb, self.tables.tenant_staff, identities_key(acting.tenant, acting.staff_id))
        links = sorted(identities_of(row).links.items(), key=lambda link: link[1].linked_at)
        return json_reply(200, {"identities": [_shown(digest, link) for digest, link in links]})

    def remove(self, request: Request) -> Reply:
        for _ in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race.
            principal = self.guard.admit(request)
            read_body(request, EMPTY)
            # 2. What is there, 3. and whether it may go.
            digest, before, has_password = self._found(request, principal)
            left = {name: link for name, link in before.links.items() if name != digest}
            if not left and not has_password:
                raise Refused(409, "last_factor", "Link another identity first: there is no password.")
            # 4. Commit.
            acting, table = principal.acting, self.tables.tenant_staff
            items = [
                unlinked_identity(table, acting.tenant, digest, acting.staff_id),
                changed_identities(table, acting.tenant, acting.staff_id, before, left),
                *([] if left else [_password_there(table, principal)]),
                mail(
                    self.tables.outbox,
                    acting.tenant,
                    acting.staff_id,
                    "factor_removed",
                    request.now,
                    values={"factor": FACTOR},
                ),
            ]
            events = [self._event(request, principal, before.links[digest])]
            outcome = self.ledger.commit(acting.tenant, items, events, acting=acting)
            # 5. Answer.
            if not isinstance(outcome, Refuted):
                return no_content()
        raise Contended("the identities kept changing")

    def _found(self, request: Request, principal: Principal) -> tuple[str, Identities, bool]:
        """Give the digest that is asked for, what the person has linked, and whether he has a password."""
        digest, acting = request.path_parameters.get("identity_id", ""), principal.acting
        table, owner = self.tables.tenant_staff, (acting.tenant, acting.staff_id)
        mine, password = identities_key(*owner), factor_key(*owner, "password")
        rows = named(batch_get(self.dynamodb, {table: [mine, password]})[table])
        before = identities_of(rows.get(mine["item"]))
        if not re.fullmatch(IDENTIFIER, digest) or digest not in before.links:
            raise Refused(404, "not_found", "None of your identities has this id.")
        return digest, before, password["item"] in rows

    def _event(self, request: Request, principal: Principal, link: Link) -> Draft:
        event_id, staff_id = new_event_id(request.now), principal.acting.staff_id
        personal, _ = self.chronicle.sealed(request, Suspected(principal.tenant, "", staff_id=staff_id), event_id)
        return Draft(
            event_id=event_id,
            action="IDENTITY_UNLINKED",
            outcome="success",
            actor=principal.actor(principal.grant(PURPOSE).challenge_id),
            resource=f"tenant_staff/{staff_id}",
            context=context_of(request, principal.session.binding.device_hash),
            targets=(Target("user", staff_id),),
            personal=personal,
            meta={"connection_id": link.connection_id},
        )


def _password_there(table: str, principal: Principal) -> Item:
    acting = principal.acting
    return check(table, factor_key(acting.tenant, acting.staff_id, "password"), present("hash"), label="password")


def _shown(digest: str, link: Link) -> dict[str, Any]:
    return {"identity_id": digest, "connection_id": link.connection_id, "linked_at": rfc3339(link.linked_at)}
