"""/api/sso-connections: list, show, make, change and remove connections, and prove their domains.

Every change: 1. admit (permission and a fresh proof); 2. read what is asked; 3. find the connection of this tenant, or
404; 4. say what becomes of it; 5. commit it with its event and the effect on the bus, on the version that was read; 6.
tell what is there now. Who loses a race of two changes is decided anew on what the other one made, but for whoever has
named the version that he read (`if_version`): a list of domains is sent as a whole, and would undo the other's.
"""

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from functions.sso_connections.change import MOST_CONNECTIONS, changed, created, difference
from functions.sso_connections.document import connection_document
from functions.sso_connections.records import PREFIX, Records
from shared.audit.event import Draft, Target, new_event_id
from shared.edge.bodies import EMPTY, IDENTIFIER
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.problem import Refused, invalid_token
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, json_reply, no_content
from shared.edge.request import Request
from shared.edge.sso_bodies import SSO_CHANGE, SSO_CONNECTION, SSO_DOMAIN
from shared.runtime.sealed_secret import SecretSealer, sso_client_context
from shared.store.item import Item
from shared.store.outbox import bus_event
from shared.store.sso_connections import (
    Connection,
    Domain,
    connections_of,
    proven_domain,
    read_connection,
    released_domain,
    removed_connection,
    stored_connection,
)
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

PURPOSE: Final = "rbac_admin"
_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class _Change:
    """From what to what, and why; `items` are those beside the connection's own."""

    before: Connection | None
    after: Connection | None
    reason: str
    items: Sequence[Item] = ()

    @property
    def connection(self) -> Connection:
        connection = self.after or self.before
        if connection is None:
            raise RuntimeError("a change of nothing into nothing")
        return connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    dynamodb: JsonService
    table: str
    outbox: str
    ledger: Ledger
    guard: Guard
    sealer: SecretSealer
    records: Records
    public_origin: str
    loopback: bool

    def list(self, request: Request) -> Reply:
        tenant = self.guard.admit(request).acting.tenant
        found = connections_of(self.dynamodb, self.table, tenant)
        return json_reply(200, {"connections": [connection_document(each, self.public_origin) for each in found]})

    def show(self, request: Request) -> Reply:
        principal = self.guard.admit(request)
        return self._told(self._found(request, principal))

    def create(self, request: Request) -> Reply:
        # 1. Admit, 2. read.
        principal = self.guard.admit(request)
        body, tenant = read_body(request, SSO_CONNECTION), principal.acting.tenant
        # 3. and 4. There is none, and it becomes one.
        if sum(1 for _ in connections_of(self.dynamodb, self.table, tenant)) >= MOST_CONNECTIONS:
            raise Refused(409, "connection_limit", "Remove a connection first.")
        after = created(tenant, body, self._sealing(tenant), request.now, loopback=self.loopback)
        # 5. Commit, 6. tell.
        if not self._committed(request, principal, _Change(None, after, "CREATED")):
            raise Contended("a new connection met another one")
        return self._told(after)._replace(status=201)

    def change(self, request: Request) -> Reply:
        # 1. Admit, 2. read.
        principal = self.guard.admit(request)
        body = read_body(request, SSO_CHANGE)

        def decide(before: Connection) -> _Change:
            _refuse_overtaken(body["if_version"], before)
            after = changed(before, body, self._sealing(before.tenant), request.now)
            gone = before.verified_domains - after.domains.keys()
            released = [released_domain(self.table, before, domain) for domain in sorted(gone)]
            return _Change(before, after, "CHANGED", released)

        return self._told(self._made(request, principal, decide).connection)

    def remove(self, request: Request) -> Reply:
        # 1. Admit, 2. read: there is nothing to be said.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)

        def decide(before: Connection) -> _Change:
            released = [released_domain(self.table, before, domain) for domain in sorted(before.verified_domains)]
            return _Change(before, None, "REMOVED", released)

        self._made(request, principal, decide)
        return no_content()

    def verify(self, request: Request) -> Reply:
        # 1. Admit, 2. read.
        principal = self.guard.admit(request)
        name, now = str(read_body(request, SSO_DOMAIN)["domain"]), int(request.now)

        def decide(before: Connection) -> _Change:
            domain = before.domains.get(name)
            if domain is None:
                raise _nothing()
            if domain.verified_at is not None:
                return _Change(before, before, "DOMAIN_VERIFIED")
            self._require_record(name, domain)
            domains = {**before.domains, name: Domain(domain.token, now)}
            after = before._replace(domains=domains, version=before.version + 1, changed_at=now)
            return _Change(before, after, "DOMAIN_VERIFIED", [proven_domain(self.table, before, name, now)])

        return self._told(self._made(request, principal, decide).connection)

    def _require_record(self, name: str, domain: Domain) -> None:
        found = self.records.texts(f"{PREFIX}.{name}.")
        if not any(hmac.compare_digest(text.encode("utf-8", "replace"), domain.token.encode()) for text in found):
            raise Refused(409, "domain_unverified", f"Put the token into a TXT record of {PREFIX}.{name} first.")

    def _made(self, request: Request, principal: Principal, decide: Callable[[Connection], _Change]) -> _Change:
        """Find, decide and commit; anew when another change came between."""
        for _ in range(_ATTEMPTS):
            # 3. The connection, 4. what becomes of it.
            change = decide(self._found(request, principal))
            # 5. Commit.
            if change.before == change.after or self._committed(request, principal, change):
                return change
        raise Contended("the connection kept changing")

    def _committed(self, request: Request, principal: Principal, change: _Change) -> bool:
        """Commit; False when another change came between. Raises `Refused` where the domain is another tenant's."""
        if change.after is not None:
            own = stored_connection(self.table, change.before, change.after)
        else:
            own = removed_connection(self.table, change.connection)
        items = [own, *change.items, self._told_bus(request, change)]
        events = [_event(request, principal, change)]
        outcome = self.ledger.commit(principal.acting.tenant, items, events, acting=principal.acting)
        if not isinstance(outcome, Refuted):
            return True
        if died(outcome):
            raise invalid_token()
        if "domain" in outcome.failed and "connection" not in outcome.failed:
            raise Refused(409, "domain_taken", "Another connection has proven this domain.")
        return False

    def _told_bus(self, request: Request, change: _Change) -> Item:
        detail = {"connection_id": change.connection.connection_id, "reason": change.reason}
        return bus_event(
            self.outbox,
            change.connection.tenant,
            "sso_connection_changed",
            request.now,
            staff_id=None,
            correlation=request.request_id,
            detail=detail,
        )

    def _found(self, request: Request, principal: Principal) -> Connection:
        connection_id = request.path_parameters.get("connection_id", "")
        if not re.fullmatch(IDENTIFIER, connection_id):
            raise _nothing()
        found = read_connection(self.dynamodb, self.table, principal.acting.tenant, connection_id)
        if found is None:
            raise _nothing()
        return found

    def _sealing(self, tenant: str) -> Callable[[str, str], bytes]:
        return lambda secret, connection_id: self.sealer.seal(
            secret.encode(), sso_client_context(tenant, connection_id)
        )

    def _told(self, connection: Connection) -> Reply:
        return json_reply(200, connection_document(connection, self.public_origin))


def _event(request: Request, principal: Principal, change: _Change) -> Draft:
    connection = change.connection
    told: Any = difference(change.before, change.after)
    return Draft(
        event_id=new_event_id(request.now),
        action="SSO_CONFIG_CHANGED",
        outcome="success",
        actor=principal.actor(principal.grant(PURPOSE).challenge_id),
        resource=f"sso_connections/{connection.connection_id}",
        context=context_of(request, principal.session.binding.device_hash),
        reason=change.reason,
        targets=(Target("sso_connection", connection.connection_id),),
        change=told,
        meta={"version": connection.version},
    )


def _refuse_overtaken(read: int | None, before: Connection) -> None:
    """Refuse (409) what was asked for in the belief that another version is there."""
    if read is not None and read != before.version:
        raise Refused(409, "settings_changed", "Somebody else changed the connection meanwhile: read it again.")


def _nothing() -> Refused:
    return Refused(404, "not_found", "There is no such connection.")
