"""How each route of the product is called so that it does its work: one line a route, one table a concern.

Whoever adds a route adds its line here; the tests that go over every route (permission matrix, tenant isolation, dead
people) take it from there. A value in `path` or `body` that is a function of tests/functions/route_objects.py is made
for whoever calls, or for somebody of another tenant where the test wants to see him refused.
"""

import base64
import importlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from functions.console.static_files import StaticFiles
from infra.concerns import CONCERNS
from shared.edge.compliance_routes import REPORTS
from shared.edge.console_routes import PAGES
from shared.edge.route import Route
from shared.edge.routes import ROUTES
from tests.functions.estate import INTROSPECTION_SECRET, PASSWORD, Handler, Response, call, event
from tests.functions.route_objects import (
    Made,
    a_bundle,
    a_challenge,
    a_connection,
    a_connection_with_a_domain,
    a_deactivated_person,
    a_decided_review,
    a_hold,
    a_passkey,
    a_person,
    a_review,
    a_reviewed_person,
    a_rule,
    a_session,
    a_share_link,
    a_share_token,
    access_token_of,
    an_authenticator,
    an_enrolment_code,
    an_event,
    an_identity,
    an_impersonation,
    an_invite,
    an_unconfirmed_rule,
    email_of,
    refresh_token_of,
    reviewers_for,
    tenant_of,
)
from tests.functions.signed_in import SignedIn


@dataclass(frozen=True, slots=True)
class Call:
    """`answers` are the statuses that it may have when all is right; `having` is made for the caller beforehand."""

    answers: tuple[int, ...]
    body: Mapping[str, Any] | None = None
    path: Mapping[str, Made] = field(default_factory=dict)
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    having: tuple[Made, ...] = ()
    proven: str | None = None

    @property
    def names_objects(self) -> bool:
        """Whether it speaks of something by an id: what is another tenant's must be nothing to the caller."""
        return any(callable(value) for value in [*self.path.values(), *(self.body or {}).values()])


def does(
    *answers: int,
    body: Mapping[str, Any] | None = None,
    path: Mapping[str, Made] | None = None,
    query: str = "",
    having: Iterable[Made] = (),
    proven: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Describe a call; without statuses it answers 200. `proven` is a step-up that it needs though no route says so."""
    return Call(answers or (200,), body, path or {}, query, headers or {}, tuple(having), proven)


DAYS = "from=2026-07-01&to=2026-07-02"
FAR_AWAY = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 86_400))
NEW_PASSWORD = "an entirely different pass phrase 7"
_ASKING = base64.b64encode(f"introspection:{INTROSPECTION_SECRET}".encode()).decode()

FRONT = {
    "GET /api/health": does(),
    "GET /api/openapi.json": does(),
}


def the_build(_session: SignedIn) -> str:
    return StaticFiles.packaged().build


def the_script(_session: SignedIn) -> str:
    return "main.js"


def its_folder(_session: SignedIn) -> str:
    return "core"


CONSOLE = {
    **{f"GET {path}": does() for path in PAGES},
    "GET /console/{build}/{folder}/{file}": does(path={"build": the_build, "folder": its_folder, "file": the_script}),
}
SIGNING_IN = {
    "POST /api/auth/login": does(
        body={"tenant": tenant_of, "email": email_of, "password": PASSWORD, "device_id": "device-1"}
    ),
    "POST /api/auth/refresh": does(body={"refresh_token": refresh_token_of, "device_id": "device-1"}),
    "POST /api/auth/step-up/verify": does(410, body={"challenge_id": a_challenge, "code": "no code"}),
    "GET /.well-known/jwks.json": does(),
    "POST /api/auth/introspect": does(body={"token": access_token_of}, headers={"authorization": f"Basic {_ASKING}"}),
}
SESSIONS = {
    "POST /api/auth/logout": does(204),
    "POST /api/auth/logout-all": does(body={"keep_current": True}),
    "GET /api/auth/me": does(),
    "GET /api/auth/sessions": does(),
    "DELETE /api/auth/sessions/{session_id}": does(204, path={"session_id": a_session}),
}
STEP_UP = {
    "POST /api/auth/step-up/challenges": does(201, body={"purpose": "rbac_admin"}, having=[an_authenticator]),
    "GET /api/auth/factors": does(),
    "POST /api/auth/factors/totp": does(201),
    "POST /api/auth/factors/totp/confirm": does(body={"code": an_enrolment_code}),
    "DELETE /api/auth/factors/totp": does(204, having=[an_authenticator, a_passkey]),
    "POST /api/auth/factors/recovery-codes": does(having=[an_authenticator]),
    "GET /api/auth/factors/passkeys": does(),
    "POST /api/auth/factors/passkeys": does(201),
    "POST /api/auth/factors/passkeys/confirm": does(410, body={"passkey": {}}),
    "DELETE /api/auth/factors/passkeys/{passkey_id}": does(
        204, path={"passkey_id": a_passkey}, having=[an_authenticator]
    ),
}
PASSWORDS = {
    "POST /api/auth/password": does(body={"current": PASSWORD, "new": NEW_PASSWORD}),
    "POST /api/auth/password/reset": does(202, body={"tenant": tenant_of, "email": email_of}),
    "POST /api/auth/password/reset/complete": does(401, body={"token": "x" * 43, "new": NEW_PASSWORD}),
}
SETTINGS = {
    "GET /api/settings/security": does(),
    "PATCH /api/settings/security": does(body={"max_replays": 3}),
}
ADDRESS_RULES = {
    "GET /api/ip-rules": does(),
    "POST /api/ip-rules": does(201, 409, body={"cidr": "192.0.2.0/24", "action": "deny"}),
    "POST /api/ip-rules/{rule_id}/confirm": does(path={"rule_id": an_unconfirmed_rule}),
    "DELETE /api/ip-rules/{rule_id}": does(path={"rule_id": a_rule}),
    "POST /api/ip-rules/simulate": does(body={"without": a_rule}),
}
_REASON = {"reason": "as agreed"}
STAFF = {
    "GET /api/staff": does(),
    "GET /api/staff/{staff_id}": does(path={"staff_id": a_person}),
    "PATCH /api/staff/{staff_id}/role": does(path={"staff_id": a_person}, body={"role": "auditor"}),
    "POST /api/staff/{staff_id}/deactivate": does(path={"staff_id": a_person}, body=_REASON),
    "POST /api/staff/{staff_id}/reactivate": does(path={"staff_id": a_deactivated_person}, body=_REASON),
    "POST /api/staff/{staff_id}/logout": does(path={"staff_id": a_person}, body=_REASON),
    "POST /api/staff/{staff_id}/factors/reset": does(path={"staff_id": a_person}, body=_REASON),
    "POST /api/staff/{staff_id}/erase": does(path={"staff_id": a_deactivated_person}, body=_REASON),
}
LEGAL_HOLDS = {
    "GET /api/legal-holds": does(),
    # Of one person: a hold of the tenant would keep everybody whom the others erase.
    "POST /api/legal-holds": does(201, body={"scope": "staff", "staff_id": a_person, **_REASON}),
    "DELETE /api/legal-holds/{hold_id}": does(path={"hold_id": a_hold}, body=_REASON),
}
IMPERSONATION = {
    "POST /api/impersonation": does(201, body={"target_id": a_person, "reason": "A ticket says so"}),
    "GET /api/impersonation": does(),
    "DELETE /api/impersonation": does(204, having=[an_impersonation]),
}


def waiver_of_tomorrow() -> dict[str, str]:
    """Waive a heartbeat of a day to come, which every calendar has."""
    day = str(datetime.now(UTC).date() + timedelta(days=2))
    return {"obligation": "login-daily", "period_from": day, "until": day, "reason": "as agreed"}


EVIDENCE = {
    **{
        f"GET /api/compliance/{section}/{slug}": does(query=DAYS)
        for section, slugs in REPORTS.items()
        for slug in slugs
    },
    "POST /api/compliance/export/bundle": does(202, body={"from": "2026-07-01", "to": "2026-07-02", "format": "csv"}),
    "GET /api/compliance/calendar": does(query="from=2026-07-01&to=2026-09-30&tz=UTC"),
    "POST /api/compliance/calendar/waivers": does(201, body=waiver_of_tomorrow()),
    "GET /api/compliance/exports": does(),
    "GET /api/compliance/exports/{export_id}": does(path={"export_id": a_bundle}),
    "GET /api/compliance/exports/{export_id}/download": does(302, path={"export_id": a_bundle}),
    "GET /api/compliance/policies": does(),
    "GET /api/compliance/questions": does(query=DAYS),
    "GET /api/compliance/retention": does(),
    # Nothing is signed, nor sealed, until the schedules of a running stage have seen the log.
    "GET /api/compliance/log/checkpoint": does(404, 200),
    "GET /api/compliance/log/key": does(404, 200),
    "GET /api/compliance/events/{event_id}/proof": does(409, 200, path={"event_id": an_event}),
    "POST /api/compliance/samples": does(
        409,
        200,
        body={"export_id": a_bundle, "file": "CC6_Access_Control/access_logs.csv", "n": 5, "nonce": "chosen by us"},
    ),
}
_LINKS = "/api/compliance/exports/{export_id}/share-links"
SHARE_LINKS = {
    f"POST {_LINKS}": does(201, path={"export_id": a_bundle}, body={"expires_in_days": 7, "auditor": "Audit LLP"}),
    f"GET {_LINKS}": does(path={"export_id": a_bundle}),
    f"DELETE {_LINKS}/{{share_id}}": does(204, path={"export_id": a_bundle, "share_id": a_share_link}),
    "GET /api/share/{token}": does(302, path={"token": a_share_token}),
}
INVITES = {
    "POST /api/staff/invites": does(201, body={"email": "grace@acme.example", "role": "member"}),
    "GET /api/staff/invites": does(),
    "DELETE /api/staff/invites/{invite_id}": does(204, path={"invite_id": an_invite}),
    "POST /api/auth/invites/accept": does(401, body={"token": "x" * 43, "password": NEW_PASSWORD}),
}
SSO = {
    "POST /api/auth/sso/discover": does(404, body={"email": "ada@nobody.example"}),
    "GET /api/auth/sso/{tenant}/{connection}/start": does(
        401,
        path={"tenant": tenant_of, "connection": a_connection},  # its provider does not answer
    ),
    "GET /api/auth/sso/callback": does(401),
    "POST /api/auth/sso/token": does(401, body={"code": "x" * 43}),
    # Its provider does not answer.
    "POST /api/auth/sso/link": does(409, body={"connection_id": a_connection}),
    "GET /api/auth/sso/identities": does(),
    "DELETE /api/auth/sso/identities/{identity_id}": does(204, path={"identity_id": an_identity}),
}
SSO_CONNECTIONS = {
    "GET /api/sso-connections": does(),
    "POST /api/sso-connections": does(
        201, body={"name": "Acme", "issuer": "https://idp.example", "client_id": "muniment"}
    ),
    "GET /api/sso-connections/{connection_id}": does(path={"connection_id": a_connection}),
    "PATCH /api/sso-connections/{connection_id}": does(path={"connection_id": a_connection}, body={"enabled": False}),
    "DELETE /api/sso-connections/{connection_id}": does(204, path={"connection_id": a_connection}),
    "POST /api/sso-connections/{connection_id}/domains/verify": does(
        path={"connection_id": a_connection_with_a_domain}, body={"domain": "acme.example"}
    ),
}
_REVIEWS = "/api/compliance/access-reviews"
ACCESS_REVIEWS = {
    "GET /api/compliance/access-list": does(),
    f"POST {_REVIEWS}": does(201, body={"scope": "administrators", "reviewers": reviewers_for, "due": FAR_AWAY}),
    f"GET {_REVIEWS}": does(),
    f"GET {_REVIEWS}/{{review_id}}": does(path={"review_id": a_review}),
    f"GET {_REVIEWS}/{{review_id}}/export": does(path={"review_id": a_review}),
    f"POST {_REVIEWS}/{{review_id}}/items/{{staff_id}}/decision": does(
        path={"review_id": a_review, "staff_id": a_reviewed_person}, body={"decision": "keep", **_REASON}
    ),
    f"POST {_REVIEWS}/{{review_id}}/attest": does(path={"review_id": a_decided_review}),
}
CALLS: Mapping[str, Call] = {
    **FRONT,
    **CONSOLE,
    **SIGNING_IN,
    **SESSIONS,
    **STEP_UP,
    **PASSWORDS,
    **SETTINGS,
    **ADDRESS_RULES,
    **STAFF,
    **LEGAL_HOLDS,
    **IMPERSONATION,
    **INVITES,
    **SSO,
    **SSO_CONNECTIONS,
    **EVIDENCE,
    **SHARE_LINKS,
    **ACCESS_REVIEWS,
}

GUARDED = [route for route in ROUTES if route.authenticated and route.key in CALLS]
PROVEN = [route for route in GUARDED if route.step_up]
OPEN = [route for route in ROUTES if not route.authenticated and route.key in CALLS]
# What a refusal for want of authority says, whatever else a route may answer.
AUTHORITY = frozenset(
    {
        "permission_denied",
        "invalid_token",
        "insufficient_user_authentication",
        "ip_denied",
        "impersonation_forbidden_action",
    }
)
_ENTRIES = {concern.name: concern.handler for concern in CONCERNS}


@cache
def handler_of(concern: str) -> Handler:
    """Load the entry of a concern as the deployment names it."""
    module, _, name = _ENTRIES[concern].rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


def asked(
    route: Route,
    named: SignedIn,
    bearer: str | None,
    *,
    request_id: str | None = None,
    changed: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Give the request of a route's call with `bearer`, about the objects of `named`, their ids `changed`."""
    described = CALLS[route.key]
    path = {name: changed(made(named)) for name, made in described.path.items()}
    body = None
    if described.body is not None:
        body = {name: _named(value, named, changed) for name, value in described.body.items()}
    document = event(
        route.key,
        body,
        bearer=bearer,
        path=route.path.format(**path),
        request_id=request_id,
        query=described.query,
        headers=described.headers,
    )
    return {**document, "pathParameters": path} if path else document


def _named(value: object, named: SignedIn, changed: Callable[[str], str]) -> object:
    """Give a member of a body: one id or several are made, all else is sent as it stands."""
    if not callable(value):
        return value
    made = value(named)
    return [changed(one) for one in made] if isinstance(made, list) else changed(made)


def unlike(made: str) -> str:
    """Give an id of the same form that nobody has."""
    return f"{made[:-1]}{'4' if made.endswith('0') else '0'}"


def sent(route: Route, document: dict[str, Any]) -> Response:
    return call(handler_of(route.concern), document)


def entitled(session: SignedIn, route: Route, *, objects: bool = True) -> SignedIn:
    """Make all else right: the `objects` that the call needs, and a fresh proof of what the route asks for."""
    described = CALLS[route.key]
    for made in described.having if objects else ():
        made(session)
    purpose = route.step_up or described.proven
    if purpose is not None:
        session.prove(purpose)
    return session


def code_of(response: Response) -> str | None:
    """Give the code of a refusal; None where the route did its work."""
    return response.code if response.headers.get("Content-Type") == "application/problem+json" else None
