"""GET /api/auth/sso/callback: what the provider says becomes one code for one browser, or the one uniform refusal.

1. Take from the budget of the address. 2. Open the journey of this browser, and refuse an address that the rules of its
tenant do not let in. 3. Hold the answer to it: the state, the connection, and the issuer where it is named (RFC 9207).
4. Redeem the code with the PKCE verifier and verify the ID token. 5. Find the person by issuer and subject, or
provision one. 6. In one commit: the nonce is spent, a code is issued for whoever holds this browser's new cookie, and
the event; a new person with them. 7. To the console with the code, which POST /api/auth/sso/token exchanges; or, in
json mode, exchange it here. A browser whose sign-in is refused goes to the console too, which says so.

Why a code: the page that comes back is loaded across sites, so neither the device's cookie nor a second factor can be
asked for here. The exchange is the same door as that of passwords (risk, challenge, session limit), asked from a page.

A journey that a signed-in person began (`linking`) links his identity instead, and signs nobody in. An address links
nobody: one that somebody has already is refused, whoever verified it.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from functions.sso.arrival import Arrival, nonce_hash, suspected_on
from functions.sso.astray import told_in_the_console
from functions.sso.chronicle import RESOURCE, Chronicle, Tables
from functions.sso.distrust import Distrusted
from functions.sso.exchange import CODE_SECONDS, FEDERATED, Exchange, code_hash
from functions.sso.id_token import Asserted, asserted
from functions.sso.journey import JSON, Journey, callback_of, opened, tenant_of
from functions.sso.linking import Linking
from functions.sso.provider import Providers
from functions.sso.provisioning import Newcomer, newcomer
from functions.sso.token_endpoint import TokenEndpoint
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.domain.federation import Expected, identity_digest
from shared.domain.session import ACTIVE
from shared.edge.address_rules import AddressRules
from shared.edge.cookies import SSO_COOKIE, sso_code_cookie, sso_cookie
from shared.edge.outcome import Personal
from shared.edge.problem import Refused
from shared.edge.provenance import auth_of, context_of
from shared.edge.reply import Reply, redirect
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.item import batch_get, get
from shared.store.one_time_tokens import SSO_CODE, SSO_NONCE, OneTimeToken, issued
from shared.store.sso_connections import connection_key, connection_of, unchanged_connection
from shared.store.tenant_staff import gate_key, gate_of, identity_key
from shared.store.tenants import tenant_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_ATTEMPTS: Final = 4
_TOO_MANY: Final = 429
# What a commit can lose for good, by the label of the item.
_LOST: Final = {SSO_NONCE: "SSO_REPLAYED", "connection": "SSO_CONNECTION_CLOSED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    chronicle: Chronicle
    providers: Providers
    endpoint: TokenEndpoint
    exchange: Exchange
    linking: Linking
    data_keys: DataKeys
    addresses: AddressRules
    public_origin: str

    def __call__(self, request: Request) -> Reply:
        try:
            return self._answered(request)
        except Refused as refused:
            # Whoever goes from page to page is told by the console, and a throttled call is to cost no reading.
            if refused.status != _TOO_MANY and self._wants_json(request):
                raise
            return told_in_the_console(request, refused, self.public_origin)

    def _wants_json(self, request: Request) -> bool:
        """Tell whether the journey of this browser was begun by a client without a page."""
        cookie = request.cookies.get(SSO_COOKIE, "")
        tenant_id = tenant_of(cookie)
        tenant = get(self.dynamodb, self.tables.tenants, tenant_key(tenant_id)) if tenant_id else None
        if tenant is None:
            return False
        journey = opened(cookie, self.data_keys.personal_data(str(tenant_id), tenant["data_key_sealed"]))
        return journey is not None and journey.mode == JSON

    def _answered(self, request: Request) -> Reply:
        # 1. The budget.
        self.chronicle.budget(request, "callback")
        # 2. The journey.
        arrival = self._arrival(request)
        try:
            # 3. The answer, 4. the ID token.
            self._hold(arrival)
            who = self._asserted(arrival)
        except Distrusted as fault:
            self.chronicle.refuse(request, arrival.suspected(fault.reason))
        # A journey that links an identity ends here, and signs nobody in.
        if arrival.journey.link is not None:
            return self.linking.finish(arrival, arrival.journey.link, who)
        # 5. to 7.
        for _ in range(_ATTEMPTS):
            reply = self._admit(arrival, who)
            if reply is not None:
                return reply
        raise Contended("the rows of a sign-in kept changing")

    def _arrival(self, request: Request) -> Arrival:
        """Open the journey and read what it names; a browser without one is refused, whatever it brings."""
        cookie = request.cookies.get(SSO_COOKIE, "")
        tenant_id = tenant_of(cookie)
        if tenant_id is None:
            self.chronicle.turn_away(request, "SSO_NO_JOURNEY")
        tenant = get(self.dynamodb, self.tables.tenants, tenant_key(tenant_id))
        if tenant is None or tenant["status"] != ACTIVE:
            self.chronicle.turn_away(request, "SSO_NO_TENANT")
        journey = opened(cookie, self.data_keys.personal_data(tenant_id, tenant["data_key_sealed"]))
        if journey is None:
            self.chronicle.turn_away(request, "SSO_NO_JOURNEY")
        self.addresses.refuse(request, tenant)
        return self._with_connection(request, tenant, journey)

    def _with_connection(self, request: Request, tenant: Row, journey: Journey) -> Arrival:
        connections, tokens = self.tables.sso_connections, self.tables.one_time_tokens
        found = batch_get(
            self.dynamodb,
            {
                connections: [connection_key(tenant["tenant"], journey.connection_id)],
                tokens: [{"token_hash": nonce_hash(journey)}],
            },
        )
        row, spent = next(iter(found[connections]), None), found[tokens]
        reason = None
        if request.now >= journey.expires_at:
            reason = "SSO_JOURNEY_EXPIRED"
        elif spent:
            reason = "SSO_REPLAYED"
        elif row is None or not row["enabled"]:
            reason = "SSO_CONNECTION_CLOSED"
        if reason is not None or row is None:
            self.chronicle.refuse(request, suspected_on(tenant, journey, str(reason)))
        return Arrival(request, tenant, connection_of(row), journey)

    def _hold(self, arrival: Arrival) -> None:
        """Hold what came back to the journey; raises `Distrusted`."""
        query, connection = arrival.request.query, arrival.connection
        if not arrival.journey.came_back(query.get("state")):
            raise Distrusted("SSO_STATE")
        issuer = query.get("iss")
        if query.get("connection") != connection.connection_id or issuer not in {None, connection.issuer}:
            raise Distrusted("SSO_MIX_UP")
        if issuer is None and self.providers.metadata(connection).names_itself:
            raise Distrusted("SSO_MIX_UP")
        if "error" in query or not query.get("code"):
            raise Distrusted("SSO_PROVIDER_DENIED")

    def _asserted(self, arrival: Arrival) -> Asserted:
        connection, journey = arrival.connection, arrival.journey
        metadata = self.providers.metadata(connection)
        callback = callback_of(self.public_origin, connection.connection_id)
        answer = self.endpoint.redeem(connection, metadata, arrival.request.query["code"], journey.verifier, callback)
        expected = Expected(connection.issuer, connection.client_id, journey.nonce, connection.max_age_seconds)
        return asserted(answer, connection, self.providers, expected, arrival.request.now)

    def _admit(self, arrival: Arrival, who: Asserted) -> Reply | None:
        """Decide once; None when the rows changed before the commit, so that it must be decided anew."""
        request, tenant_id = arrival.request, arrival.connection.tenant
        identity = identity_key(tenant_id, identity_digest(arrival.connection.issuer, who.subject))
        row = get(self.dynamodb, self.tables.tenant_staff, identity)
        if row is None:
            new = newcomer(self.dynamodb, self.tables, arrival.connection, identity, who, request)
            if isinstance(new, str):
                self.chronicle.refuse(request, arrival.suspected(new, email=who.email))
            return self._commit(arrival, who, (new.staff_id, 1), new)
        staff_id = str(row["staff_id"])
        gate = gate_of(get(self.dynamodb, self.tables.tenant_staff, gate_key(tenant_id, staff_id)))
        if gate.status != ACTIVE:
            self.chronicle.refuse(request, arrival.suspected("SSO_STAFF_INACTIVE", staff_id, who.email))
        return self._commit(arrival, who, (staff_id, gate.session_version), None)

    def _commit(self, arrival: Arrival, who: Asserted, person: tuple[str, int], new: Newcomer | None) -> Reply | None:
        """Commit for a `person` (staff id, session version) what his code stands and falls with."""
        staff_id, version = person
        code, binding = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        request, tenant_id, now = arrival.request, arrival.connection.tenant, int(arrival.request.now)
        table = self.tables.one_time_tokens
        made = OneTimeToken(
            code_hash(code, binding),
            SSO_CODE,
            tenant_id,
            staff_id,
            now + CODE_SECONDS,
            session_version=version,
            connection=(arrival.connection.connection_id, arrival.connection.version),
        )
        items = [
            arrival.spent(table, staff_id),
            issued(table, made, now),
            unchanged_connection(self.tables.sso_connections, arrival.connection),
            *(new.items if new else ()),
        ]
        outcome = self.ledger.commit(tenant_id, items, self._events(arrival, who, staff_id, new))
        if isinstance(outcome, Refuted):
            for label, reason in _LOST.items():
                if label in outcome.failed:
                    self.chronicle.refuse(request, arrival.suspected(reason, None if new else staff_id))
            return None
        cookies = (sso_cookie("", 0), sso_code_cookie(binding, CODE_SECONDS))
        if arrival.journey.mode == JSON:
            reply = self.exchange.redeem(request, code_hash(code, binding), arrival.journey.device_id)
            return reply._replace(cookies=(*cookies[:1], *reply.cookies))
        return redirect(f"{self.public_origin}/#sso={code}")._replace(cookies=cookies)

    def _events(self, arrival: Arrival, who: Asserted, staff_id: str, new: Newcomer | None) -> list[Draft]:
        """Write that a provider's word was taken, and of a new person the provisioning first."""
        request, connection = arrival.request, arrival.connection
        event_id, context = new_event_id(request.now), context_of(request)
        personal: Personal = ()
        provisioned = []
        if new is not None:
            keys = self.data_keys.personal_data(connection.tenant, arrival.tenant["data_key_sealed"])
            provisioned = [new.event(request, connection, keys)]
        else:
            personal, _ = self.chronicle.sealed(request, arrival.suspected("", staff_id, who.email), event_id)
        taken = Draft(
            event_id=event_id,
            action="AUTH_SSO_VERIFIED",
            outcome="success",
            actor=Actor("user", staff_id, None, None, auth_of(FEDERATED)),
            resource=RESOURCE,
            context=context,
            targets=(Target("user", staff_id),),
            personal=personal,
            meta={"connection_id": connection.connection_id, "issuer": connection.issuer},
        )
        return [*provisioned, taken]
