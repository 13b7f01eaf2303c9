"""POST /api/auth/sso/token: the code of a callback becomes a session, in the browser that the callback answered.

1. Take from the budget of the address. 2. Read the body, and in browser mode make sure that the page is ours. 3. Read
the code, which is found only together with the browser's cookie, and whoever it is of. 4. Refuse an address that the
tenant's rules do not let in, a code that is spent or expired, people who may not sign in, and a code that is of before:
whoever ended all sessions of the person, or changed the connection, has ended it too. 5. Weigh the risk, as
after a password. 6. Commit: the code is spent with whatever comes of it - a session, a challenge, a block. 7. Answer.

The provider's word is one factor (`fed`, aal1), whatever it says of its own: a second one is ours to ask for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.sso.chronicle import RESOURCE, Chronicle, Suspected, Tables
from shared.audit.event import new_event_id
from shared.domain.session import ACTIVE
from shared.edge.address_rules import AddressRules
from shared.edge.bodies import SSO_TOKEN
from shared.edge.cookies import (
    SSO_CODE_COOKIE,
    device_of,
    new_device_id,
    refuse_cross_site,
    sso_code_cookie,
)
from shared.edge.fields import read_body
from shared.edge.outcome import Outcomes
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sign_in import SESSION_LIMIT
from shared.edge.weighing import Proven, Scales
from shared.store.attribute import Row
from shared.store.histories import history_key
from shared.store.item import batch_get
from shared.store.one_time_tokens import SSO_CODE, OneTimeToken, hash_of, read_token, used
from shared.store.second_factors import factor_keys
from shared.store.sso_connections import Connection, connection_key, connection_of, unchanged_connection
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import gate_key, gate_of, named
from shared.store.tenants import tenant_key
from shared.store.transaction import Contended
from shared.store.wire import JsonService

CODE_SECONDS: Final = 60
FEDERATED: Final = ("fed",)
_ATTEMPTS: Final = 4


def code_hash(code: str, binding: str) -> str:
    """Give the key of a code; who has no cookie of that browser cannot name it."""
    return hash_of(f"code.{code}.{binding}")


@dataclass(frozen=True, slots=True)
class _Client:
    """How the session is to be held. `new_device` is handed to a browser that has none yet."""

    device_id: str | None
    cookie: bool = False
    new_device: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    dynamodb: JsonService
    tables: Tables
    chronicle: Chronicle
    scales: Scales
    outcomes: Outcomes
    addresses: AddressRules
    allowed_origins: tuple[str, ...]

    def __call__(self, request: Request) -> Reply:
        # 1. The budget.
        self.chronicle.budget(request, "token")
        # 2. The body.
        body = read_body(request, SSO_TOKEN)
        client = self._client(request, body)
        # 3. to 7.
        token_hash = code_hash(body["code"], request.cookies.get(SSO_CODE_COOKIE, ""))
        reply = self._redeem(request, token_hash, client)
        return reply._replace(cookies=(*reply.cookies, sso_code_cookie("", 0)))

    def redeem(self, request: Request, token_hash: str, device_id: str | None) -> Reply:
        """Exchange the code behind `token_hash` for a client without a page."""
        return self._redeem(request, token_hash, _Client(device_id))

    def _client(self, request: Request, body: Mapping[str, str | None]) -> _Client:
        if body["mode"] != "cookie":
            return _Client(body["device_id"])
        refuse_cross_site(request, self.allowed_origins)
        device_id = device_of(request)
        new_device = new_device_id() if device_id is None else None
        return _Client(device_id or new_device, cookie=True, new_device=new_device)

    def _redeem(self, request: Request, token_hash: str, client: _Client) -> Reply:
        for _ in range(_ATTEMPTS):
            # 3. The code, and whose it is.
            token = read_token(self.dynamodb, self.tables.one_time_tokens, token_hash)
            if token is None or token.purpose != SSO_CODE:
                self.chronicle.turn_away(request, "SSO_CODE_UNKNOWN")
            proven, connection = self._proven(request, token, client)
            self.addresses.refuse(request, proven.tenant)
            # 4. Refuse.
            fault = _fault(token, proven, connection)
            if fault is not None or connection is None:
                self.chronicle.refuse(request, _suspected(proven, str(fault)))
            # 5. to 7.
            reply = self._conclude(proven, token, connection, client)
            if reply is not None:
                return reply
        raise Contended("the rows of a sign-in kept changing")

    def _conclude(self, proven: Proven, token: OneTimeToken, connection: Connection, client: _Client) -> Reply | None:
        weighed = self.scales.weigh(proven)
        if self.outcomes.beyond_the_limit(weighed):
            self.chronicle.beyond_the_limit(proven.request, _suspected(proven, SESSION_LIMIT))
        event_id = new_event_id(proven.request.now)
        personal, _ = self.chronicle.sealed(proven.request, _suspected(proven, ""), event_id)
        proved = [
            used(self.tables.one_time_tokens, token, proven.now),
            unchanged_connection(self.tables.sso_connections, connection),
        ]
        return self.outcomes.conclude(weighed, proved, event_id, personal, client.new_device)

    def _proven(self, request: Request, token: OneTimeToken, client: _Client) -> tuple[Proven, Connection | None]:
        """Read the person of a code in one consistent call, and the connection that it came by."""
        owner = token.tenant, token.staff_id
        wanted = [gate_key(*owner), history_key(*owner), *factor_keys(*owner)]
        tables = self.tables
        connection_id, _ = token.connection or ("", 0)
        found = batch_get(
            self.dynamodb,
            {
                tables.tenants: [tenant_key(token.tenant)],
                tables.tenant_staff: wanted,
                tables.subject_keys: [subject_key(*owner)],
                tables.sso_connections: [connection_key(token.tenant, connection_id)],
            },
        )
        connection = next(map(connection_of, found[tables.sso_connections]), None)
        rows, salts = named(found[tables.tenant_staff]), found[tables.subject_keys]
        tenant: Row = found[tables.tenants][0]
        proven = Proven(
            request=request,
            tenant=tenant,
            staff_id=token.staff_id,
            gate=gate_of(rows.get(gate_key(*owner)["item"])),
            rows=rows,
            salt=salts[0]["salt"] if salts else None,
            throttles=(),  # nothing is guessed here
            device_id=client.device_id,
            amr=FEDERATED,
            cookie=client.cookie,
            resource=RESOURCE,
        )
        return proven, connection


def _fault(token: OneTimeToken, proven: Proven, connection: Connection | None) -> str | None:
    """Say why a code opens nothing; None when it does."""
    if not token.open(SSO_CODE, proven.request.now):
        return "SSO_CODE_SPENT" if token.used else "SSO_CODE_EXPIRED"
    if proven.gate.status != ACTIVE or proven.tenant["status"] != ACTIVE:
        return "SSO_STAFF_INACTIVE"
    if token.session_version != proven.gate.session_version:
        return "SSO_SESSIONS_ENDED"
    # No code is given while the connection is off, so one of this very version is on; off and on again is another one.
    if connection is None or token.connection != _version_of(connection):
        return "SSO_CONNECTION_CLOSED"
    return None


def _version_of(connection: Connection) -> tuple[str, int]:
    return connection.connection_id, connection.version


def _suspected(proven: Proven, reason: str) -> Suspected:
    return Suspected(proven.tenant, reason, staff_id=proven.staff_id)
