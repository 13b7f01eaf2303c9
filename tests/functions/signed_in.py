"""Sessions made straight in the tables, as a sign-in commits them, and the routes that their owners call."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.sessions.handler import handler as sessions_handler
from functions.settings.handler import handler as settings_handler
from shared.audit.event import Actor, Draft, new_event_id
from shared.domain.refresh_token import RefreshToken, token_hash, written
from shared.domain.session import (
    AAL2,
    Binding,
    SessionId,
    StaffId,
    Standing,
    TenantId,
    device_hash_of,
    idle_expiry,
)
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.signing_keys import KeyRing, Signer
from shared.store.attribute import Row
from shared.store.condition import present
from shared.store.item import get, update
from shared.store.refresh_tokens import Issued, issued
from shared.store.tenant_staff import gate_key
from shared.store.transaction import Committed
from shared.store.user_sessions import Opening, opened, session_key
from tests.functions.estate import Estate, Handler, Person, Response, call, event

SESSIONS = "GET /api/auth/sessions"
END = "DELETE /api/auth/sessions/{session_id}"
LOGOUT = "POST /api/auth/logout"
LOGOUT_ALL = "POST /api/auth/logout-all"
ME = "GET /api/auth/me"
SHOW = "GET /api/settings/security"
CHANGE = "PATCH /api/settings/security"
SERVED: Mapping[str, Handler] = {
    **dict.fromkeys((SESSIONS, END, LOGOUT, LOGOUT_ALL, ME), sessions_handler),
    **dict.fromkeys((SHOW, CHANGE), settings_handler),
}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One session with its first tokens."""

    estate: Estate
    person: Person
    session_id: str
    access_token: str
    refresh_token: str

    def row(self) -> Row:
        key = session_key(self.person.tenant, self.person.staff_id, self.session_id)
        row = get(self.estate.dynamodb, self.estate.prefix + "user_sessions", key)
        assert row is not None
        return row

    def change_row(self, **fields: Any) -> None:
        """Change the session's row as time or another function would."""
        key = session_key(self.person.tenant, self.person.staff_id, self.session_id)
        item = update(self.estate.prefix + "user_sessions", key, present("owner"), set_=fields)
        self.estate.dynamodb.call("UpdateItem", dict(item.request))

    def prove(self, purpose: str) -> None:
        """Grant the session `purpose` as a step-up that was verified just now would."""
        grant = {"at": int(self.estate.clock()), "factor": "totp", "challenge_id": f"challenge-{purpose}"}
        self.change_row(grants={purpose: grant})

    def calls(self, route: str, body: object = None, *, ends: str | None = None, query: str = "") -> Response:
        """Call a route with this session's token; `ends` is the session in the path."""
        return call(SERVED[route], request(route, self.access_token, body, ends=ends, query=query))


def request(
    route: str,
    access_token: str,
    body: object = None,
    *,
    ends: str | None = None,
    query: str = "",
    request_id: str | None = None,
) -> dict[str, Any]:
    document = event(route, body, bearer=access_token, query=query, request_id=request_id)
    if ends is not None:
        document["pathParameters"] = {"session_id": ends}
    return document


def gate_version(estate: Estate, person: Person) -> int:
    row = get(estate.dynamodb, estate.prefix + "tenant_staff", gate_key(person.tenant, person.staff_id))
    assert row is not None
    version: int = row["session_version"]
    return version


def issuer_of(estate: Estate) -> TokenIssuer:
    keys = KeyRing(estate.dynamodb, estate.prefix + "signing_keys", estate.clock)
    return TokenIssuer(Signer(keys, estate.sealer), estate.environ["ISSUER"], estate.environ["AUDIENCE"], 600)


def sign_in(estate: Estate, person: Person, *, device: str = "device-1", cookie: bool = False) -> SignedIn:
    """Open a session with two factors, and commit it."""
    now, session_id, version = int(estate.clock()), new_event_id(estate.clock()), gate_version(estate, person)
    standing = Standing(person.role, AAL2, ("pwd", "otp"), now, now, now + 86_400, 28_800, cookie=cookie)
    owner = TenantId(person.tenant), StaffId(person.staff_id), SessionId(session_id)
    text = written(RefreshToken(*owner, 1, version, standing), secrets.token_bytes(32))
    expires_at = idle_expiry(now, standing.idle_seconds, standing.absolute_expires_at)
    opening = Opening(
        tenant=person.tenant,
        staff_id=person.staff_id,
        session_id=session_id,
        session_version=version,
        current_hash=token_hash(text),
        binding=Binding(device_hash_of(device), "DE", "198.51.100.0/24", "unknown"),
        standing=standing,
        idle_expires_at=expires_at,
    )
    first = Issued(
        token_hash=token_hash(text),
        tenant=person.tenant,
        staff_id=person.staff_id,
        session_id=session_id,
        generation=1,
        parent_hash=None,
        issued_at=now,
        expires_at=expires_at,
        ends_at=standing.absolute_expires_at,
    )
    draft = Draft(
        event_id=new_event_id(now),
        action="AUTH_LOGIN_SUCCESS",
        outcome="success",
        actor=Actor("user", person.staff_id),
        resource=f"user_sessions/{session_id}",
        context={},
    )
    items = [opened(estate.prefix + "user_sessions", opening), issued(estate.prefix + "refresh_tokens", first)]
    assert isinstance(estate.ledger.commit(person.tenant, items, [draft]), Committed)
    bearer = Bearer(*owner, version, 1, standing)
    return SignedIn(estate, person, session_id, issuer_of(estate).mint(bearer, now), text)
