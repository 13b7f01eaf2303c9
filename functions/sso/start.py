"""GET /api/auth/sso/{tenant}/{connection}/start: to the provider, with all that the way back will be held to.

1. Take from the budget of the address. 2. Read what is asked: `mode=json` for a client that wants tokens and no page,
with its `device_id`. No page of another site opens a session with a navigation (RFC 9700 section 4.7):
where a browser says that it comes from one, json mode is refused (403 csrf_rejected), and of no browser a device is
taken from the address. 3. Find tenant and connection; what is switched off is not there, and an address that the
tenant's rules refuse goes no further. 4. Ask the provider where it is. 5. Redirect, with the journey in a cookie of
this browser. Nothing is written: whoever only begins leaves no trace. Whom it refuses in console mode is told so there.
"""

import re
from dataclasses import dataclass
from typing import Final

from functions.sso.astray import told_in_the_console
from functions.sso.chronicle import Chronicle, Suspected, Tables
from functions.sso.distrust import Distrusted
from functions.sso.journey import CONSOLE, JOURNEY_SECONDS, JSON, begun, callback_of, departure, sealed
from functions.sso.open_connection import open_connection
from functions.sso.provider import Providers
from shared.edge.address_rules import AddressRules
from shared.edge.bodies import IDENTIFIER
from shared.edge.cookies import sso_cookie
from shared.edge.problem import Refused, invalid_request
from shared.edge.reply import Reply, redirect
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.sso_connections import Connection
from shared.store.wire import JsonService

_MAX_DEVICE: Final = 256
_FROM: Final = "sec-fetch-site"  # W3C Fetch Metadata: every browser of today sends it, and no page can change it


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    dynamodb: JsonService
    tables: Tables
    chronicle: Chronicle
    providers: Providers
    data_keys: DataKeys
    addresses: AddressRules
    public_origin: str

    def __call__(self, request: Request) -> Reply:
        try:
            return self._departed(request)
        except Refused as refused:
            if request.query.get("mode") == JSON:
                raise
            return told_in_the_console(request, refused, self.public_origin)

    def _departed(self, request: Request) -> Reply:
        # 1. The budget.
        self.chronicle.budget(request, "start")
        # 2. What is asked.
        mode, device_id = _asked(request)
        # 3. Tenant and connection.
        tenant, connection = self._found(request)
        self.addresses.refuse(request, tenant)
        # 4. The provider.
        try:
            metadata = self.providers.metadata(connection)
        except Distrusted as fault:
            self.chronicle.refuse(request, Suspected(tenant, fault.reason, connection.connection_id))
        # 5. On the way.
        journey = begun(connection.connection_id, mode, device_id, request.now)
        keys = self.data_keys.personal_data(connection.tenant, tenant["data_key_sealed"])
        callback = callback_of(self.public_origin, connection.connection_id)
        cookie = sso_cookie(sealed(journey, connection.tenant, keys), JOURNEY_SECONDS)
        return redirect(departure(journey, connection, metadata, callback))._replace(cookies=(cookie,))

    def _found(self, request: Request) -> tuple[Row, Connection]:
        named = request.path_parameters.get("tenant", ""), request.path_parameters.get("connection", "")
        if not all(re.fullmatch(IDENTIFIER, name) for name in named):
            raise _nothing()
        found = open_connection(self.dynamodb, self.tables, *named)
        if found is None:
            raise _nothing()
        return found


def _asked(request: Request) -> tuple[str, str | None]:
    mode, device_id = request.query.get("mode", CONSOLE), request.query.get("device_id")
    if mode not in {CONSOLE, JSON}:
        raise invalid_request([("", "The parameter mode must be console or json.")])
    if device_id is not None and not 0 < len(device_id) <= _MAX_DEVICE:
        raise invalid_request([("", f"The parameter device_id must have 1 to {_MAX_DEVICE} characters.")])
    if mode == JSON and request.headers.get(_FROM, "none") not in {"none", "same-origin"}:
        raise Refused(403, "csrf_rejected", "Begin it from a page of this service, or without one.")
    # A browser may be sent here by anybody, who would make a device of his own known for whoever signs in.
    browser = any(name.startswith("sec-fetch-") for name in request.headers)
    return mode, None if browser else device_id


def _nothing() -> Refused:
    return Refused(404, "not_found", "There is no such connection.")
