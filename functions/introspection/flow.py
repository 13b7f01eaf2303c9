"""GET /.well-known/jwks.json and POST /api/auth/introspect (RFC 7662).

Introspection: 1. who asks; 2. the token, from a form as the RFC has it, or from JSON as everywhere else here; 3. what
it says; 4. what is true now. A token that does not count is `{"active": false}` and nothing more, whatever the reason:
a service that asks about a token it found learns nothing about a stranger (RFC 7662 section 2.2). Asking is not using:
nothing of the session moves.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from functions.introspection.client import Secrets, require_client
from functions.introspection.key_set import key_set
from shared.domain.impersonation import permissions_left
from shared.domain.permission import permissions_of
from shared.edge.bodies import INTROSPECTION
from shared.edge.fields import read_body
from shared.edge.live_session import LiveSession, SessionTables, live_session
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.access_token import AccessToken, Invalid, TokenVerifier
from shared.runtime.signing_keys import KeyRing
from shared.store.wire import JsonService

KEYS: Final = "GET /.well-known/jwks.json"
_FORM: Final = re.compile(r'application/x-www-form-urlencoded\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)
_MOST_PARAMETERS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    dynamodb: JsonService
    tables: SessionTables
    keys: KeyRing
    verifier: TokenVerifier
    secrets: Secrets
    issuer: str
    audience: str

    def __call__(self, request: Request) -> Reply:
        if request.route == KEYS:
            return json_reply(200, key_set(self.keys))
        return self._introspect(request)

    def _introspect(self, request: Request) -> Reply:
        # 1. Who asks.
        require_client(request, self.secrets)
        # 2. The token.
        text: str = read_body(_as_json(request), INTROSPECTION)["token"]
        # 3. What it says.
        token = self.verifier.verify(text, request.now)
        # 4. What is true now.
        live = None if isinstance(token, Invalid) else live_session(self.dynamodb, self.tables, token, request.now)
        # A session that waits for a proof or a factor is served nothing by the guard, so nobody else should serve it.
        if live is None or live.waits or isinstance(token, Invalid):
            return json_reply(200, {"active": False})
        return json_reply(200, self._described(token, live))

    def _described(self, token: AccessToken, live: LiveSession) -> dict[str, Any]:
        return {
            "active": True,
            "token_type": "Bearer",
            "iss": self.issuer,
            "aud": self.audience,
            "sub": token.staff_id,
            "tid": token.tenant,
            "sid": token.session_id,
            "jti": token.token_id,
            "acr": token.acr,
            "amr": list(token.amr),
            "auth_time": token.auth_time,
            "iat": token.issued_at,
            "exp": token.expires_at,
            "role": live.role,
            **_rights(token, live),
        }


def _rights(token: AccessToken, live: LiveSession) -> dict[str, Any]:
    """Say what may be done: of an impersonation what is left of it, and by whom (RFC 8693 section 4.1) and how."""
    impersonation = live.session.impersonation
    if token.act is None or impersonation is None:
        return {"permissions": list(permissions_of(live.role))}
    return {
        "permissions": list(permissions_left(live.role)),
        "act": {"sub": token.act.staff_id, "sid": token.act.session_id},
        "impersonation": {"mode": impersonation.mode, "reason": impersonation.reason},
    }


def _as_json(request: Request) -> Request:
    """Give a form as the JSON object that it spells, so that both are held to the same fields; JSON as it is."""
    if not _FORM.fullmatch(request.headers.get("content-type", "")):
        return request
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(request.body),
            max_num_fields=_MOST_PARAMETERS,
            errors="strict",
        )
    except ValueError as fault:
        raise invalid_request([("", "The body is not a form of ASCII text.")]) from fault
    members = dict(pairs)
    if len(members) != len(pairs):
        raise invalid_request([("", "A parameter is given twice.")])
    headers = {**request.headers, "content-type": "application/json"}
    return replace(request, body=json.dumps(members).encode(), headers=headers)
