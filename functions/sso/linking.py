"""POST /api/auth/sso/link, and the callback of a journey that it began: a person links an identity to his account.

Begin: 1. admit, with a fresh proof; 2. take from the budget of the address; 3. find the connection; 4. ask the provider
where it is; 5. answer its address, with the journey in a cookie of this browser. Nothing is written.
Finish, once the callback has verified the ID token: 1. the session that began it must live as it did; 2. so many
identities and no more; 3. commit the link with its event and a mail, on the session and the gate of now, unless the
identity is anybody's; 4. say that it is done. Nobody is signed in here.

Rules of this module
- The journey names person and session, and is sealed in a cookie: a callback in any other browser has no journey, or
  another one, so nobody can have somebody else finish what he began. Beginning takes the bearer, which no foreign page
  has.
- The proof counts for the journey that it began, ten minutes at most: signing in at a provider takes its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.sso.arrival import Arrival
from functions.sso.chronicle import LINK_FAILED, Chronicle, Suspected, Tables
from functions.sso.distrust import Distrusted
from functions.sso.id_token import Asserted
from functions.sso.journey import CONSOLE, JOURNEY_SECONDS, JSON, Linker, begun, callback_of, departure, sealed
from functions.sso.provider import Providers
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.domain.federation import identity_digest
from shared.edge.cookies import sso_cookie
from shared.edge.fields import read_body
from shared.edge.guard import Guard
from shared.edge.live_session import Alive, TableNames, session_alive
from shared.edge.problem import Refused
from shared.edge.provenance import auth_of, context_of
from shared.edge.reply import Reply, json_reply, no_content, redirect
from shared.edge.request import Request
from shared.edge.sso_bodies import SSO_LINK
from shared.runtime.data_key import DataKeys
from shared.store.identities import MAX_IDENTITIES, Identities, Link, changed_identities, identities_key, identities_of
from shared.store.item import get
from shared.store.one_time_tokens import SSO_NONCE
from shared.store.outbox import mail
from shared.store.sso_connections import read_connection, unchanged_connection
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import identity_key, linked_identity
from shared.store.transaction import Acting, Contended, Ledger, Refuted
from shared.store.wire import JsonService

PURPOSE: Final = "account_security"
FACTOR: Final = "sso"
_ATTEMPTS: Final = 4
# What a commit can lose for good, by the label of the item.
_LOST: Final = {SSO_NONCE: "SSO_REPLAYED", "connection": "SSO_CONNECTION_CLOSED", "identity": "SSO_IDENTITY_TAKEN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linking:
    dynamodb: JsonService
    tables: Tables
    user_sessions_table: str
    ledger: Ledger
    guard: Guard
    chronicle: Chronicle
    providers: Providers
    data_keys: DataKeys
    public_origin: str

    def begin(self, request: Request) -> Reply:
        # 1. Admit, 2. the budget.
        principal = self.guard.admit(request)
        body = read_body(request, SSO_LINK)
        self.chronicle.budget(request, "link")
        # 3. The connection.
        acting = principal.acting
        table = self.tables.sso_connections
        connection = read_connection(self.dynamodb, table, acting.tenant, body["connection_id"])
        if connection is None or not connection.enabled:
            raise Refused(404, "not_found", "There is no such connection.")
        # 4. The provider.
        try:
            metadata = self.providers.metadata(connection)
        except Distrusted as fault:
            asked = Suspected(
                principal.tenant, fault.reason, connection.connection_id, acting.staff_id, action=LINK_FAILED
            )
            self.chronicle.refuse(request, asked, _unusable())
        # 5. On the way.
        proof = principal.grant(PURPOSE).challenge_id
        linker = Linker(acting.staff_id, acting.session_id, acting.session_version, proof)
        journey = begun(connection.connection_id, body["mode"] or CONSOLE, None, request.now, linker)
        keys = self.data_keys.personal_data(acting.tenant, principal.tenant["data_key_sealed"])
        location = departure(journey, connection, metadata, callback_of(self.public_origin, connection.connection_id))
        cookie = sso_cookie(sealed(journey, acting.tenant, keys), JOURNEY_SECONDS)
        return json_reply(200, {"authorization_url": location})._replace(cookies=(cookie,))

    def finish(self, arrival: Arrival, linker: Linker, who: Asserted) -> Reply:
        """Link whoever the provider has named to whoever began this journey, or refuse."""
        for _ in range(_ATTEMPTS):
            # 1. The session.
            alive = self._alive(arrival, linker)
            # 2. Those that the person has.
            before = self._linked_before(arrival, linker)
            # 3. Commit.
            digest = identity_digest(arrival.connection.issuer, who.subject)
            acting = _acting(arrival, alive)
            outcome = self.ledger.commit(
                acting.tenant,
                [
                    arrival.spent(self.tables.one_time_tokens, acting.staff_id),
                    unchanged_connection(self.tables.sso_connections, arrival.connection),
                    *self._linked(arrival, acting, digest, before),
                ],
                [self._event(arrival, linker, alive, who)],
                acting=acting,
            )
            # 4. It is done.
            if not isinstance(outcome, Refuted):
                return self._done(arrival)
            for label, reason in _LOST.items():
                if label in outcome.failed:
                    self.chronicle.refuse(arrival.request, arrival.suspected(reason))
        raise Contended("the rows of a linking kept changing")

    def _alive(self, arrival: Arrival, linker: Linker) -> Alive:
        names = TableNames(self.tables.tenants, self.tables.tenant_staff, self.user_sessions_table)
        alive = session_alive(
            self.dynamodb,
            names,
            arrival.connection.tenant,
            (linker.staff_id, linker.session_id),
            linker.session_version,
            arrival.request.now,
        )
        if alive is None or alive.waits:
            self.chronicle.refuse(arrival.request, arrival.suspected("SSO_LINK_SESSION_ENDED"))
        return alive

    def _linked_before(self, arrival: Arrival, linker: Linker) -> Identities:
        """Give the identities that the person has; refuses when there is room for no other one."""
        tenant, table = arrival.connection.tenant, self.tables.tenant_staff
        before = identities_of(get(self.dynamodb, table, identities_key(tenant, linker.staff_id)))
        if len(before.links) >= MAX_IDENTITIES:
            self.chronicle.refuse(arrival.request, arrival.suspected("SSO_IDENTITY_LIMIT"))
        return before

    def _linked(self, arrival: Arrival, acting: Acting, digest: str, before: Identities) -> list[Any]:
        connection_id, now = arrival.connection.connection_id, int(arrival.request.now)
        table, links = self.tables.tenant_staff, {**before.links, digest: Link(connection_id, now)}
        return [
            linked_identity(table, identity_key(acting.tenant, digest), acting.staff_id, connection_id, now),
            changed_identities(table, acting.tenant, acting.staff_id, before, links),
            mail(self.tables.outbox, acting.tenant, acting.staff_id, "factor_added", now, values={"factor": FACTOR}),
        ]

    def _event(self, arrival: Arrival, linker: Linker, alive: Alive, who: Asserted) -> Draft:
        request, connection, session = arrival.request, arrival.connection, alive.session
        event_id = new_event_id(request.now)
        actor = Actor("user", alive.staff_id, alive.role, session.session_id, auth_of(session.amr), linker.challenge_id)
        return Draft(
            event_id=event_id,
            action="IDENTITY_LINKED",
            outcome="success",
            actor=actor,
            resource=f"tenant_staff/{alive.staff_id}",
            context=context_of(request, session.binding.device_hash),
            targets=(Target("user", alive.staff_id),),
            personal=self._sealed(arrival, alive.staff_id, event_id, who),
            meta={"connection_id": connection.connection_id, "issuer": connection.issuer},
        )

    def _sealed(self, arrival: Arrival, staff_id: str, event_id: str, who: Asserted) -> tuple[Mapping[str, Any], ...]:
        """Seal whom the provider named and from where it came; nothing of a person who was erased."""
        tenant, viewer = arrival.connection.tenant, arrival.request.viewer
        row = get(self.dynamodb, self.tables.subject_keys, subject_key(tenant, staff_id))
        if row is None:
            return ()
        keys = self.data_keys.personal_data(tenant, arrival.tenant["data_key_sealed"])
        values = {"ip": viewer.address, "user_agent": viewer.user_agent, "subject": who.subject}
        if who.email is not None:
            values["email"] = who.email
        return (keys.entry(row["salt"], subject=staff_id, of="actor", event_id=event_id, values=values),)

    def _done(self, arrival: Arrival) -> Reply:
        reply = no_content() if arrival.journey.mode == JSON else redirect(f"{self.public_origin}/#sso_linked")
        return reply._replace(cookies=(sso_cookie("", 0),))


def _unusable() -> Refused:
    return Refused(409, "provider_unusable", "Try again, or ask an administrator what the log says.")


def _acting(arrival: Arrival, alive: Alive) -> Acting:
    session = alive.session
    return Acting(arrival.connection.tenant, alive.staff_id, session.session_id, session.session_version, alive.role)
