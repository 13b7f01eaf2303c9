"""A sign-in on its way to the provider and back, in one cookie of the browser that began it.

The cookie is `<tenant>.<sealed>`: AES-256-GCM under a key of that tenant and this purpose, so nobody reads the PKCE
verifier in it, and nobody makes one up. It lives ten minutes and counts once: the callback that takes its nonce commits
that. A second sign-in begun in the same browser takes the place of the first.
"""

import hmac
import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from functions.sso.provider import Metadata
from shared.audit.personal_data import PersonalData
from shared.edge.bodies import IDENTIFIER
from shared.store.sso_connections import Connection

JOURNEY_SECONDS: Final = 600
CONSOLE: Final = "console"
JSON: Final = "json"
SCOPES: Final = "openid email profile"  # ASVS 10.2.3: nothing that is not needed
CALLBACK_PATH: Final = "/api/auth/sso/callback"
_PURPOSE: Final = "sso_journey"
_FORM: Final = re.compile(rf"(?P<tenant>{IDENTIFIER})\.(?P<sealed>[A-Za-z0-9_-]{{1,3000}})")


@dataclass(frozen=True, slots=True)
class Linker:
    """Who began a journey that links an identity, in which session, and by the proof of which challenge."""

    staff_id: str
    session_id: str
    session_version: int
    challenge_id: str


@dataclass(frozen=True, slots=True)
class Journey:
    """`mode` is "console" or "json"; `device_id` is what a client in json mode calls its installation.

    `link` None: it signs in whoever comes back.
    """

    connection_id: str
    state: str
    nonce: str
    verifier: str
    mode: str
    device_id: str | None
    expires_at: int
    link: Linker | None = None

    def came_back(self, state: str | None) -> bool:
        """Tell whether `state` (untrusted) is the one that this journey left with."""
        return state is not None and hmac.compare_digest(state.encode("utf-8", "replace"), self.state.encode())


def begun(connection_id: str, mode: str, device_id: str | None, now: float, link: Linker | None = None) -> Journey:
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Journey(connection_id, state, nonce, verifier, mode, device_id, int(now) + JOURNEY_SECONDS, link)


def sealed(journey: Journey, tenant: str, keys: PersonalData) -> str:
    """Write the cookie's value."""
    closed = keys.seal(_PURPOSE, json.dumps(asdict(journey)).encode())
    return f"{tenant}.{urlsafe_b64encode(closed).rstrip(b'=').decode()}"


def tenant_of(cookie: str) -> str | None:
    """Give the tenant that a cookie (untrusted) names; None for what this module never wrote."""
    match = _FORM.fullmatch(cookie)
    return None if match is None else match["tenant"]


def opened(cookie: str, keys: PersonalData) -> Journey | None:
    """Open a cookie that names a tenant; None for one that was not sealed for it, by us, for this."""
    text = cookie.partition(".")[2]
    try:
        members = json.loads(keys.open(_PURPOSE, urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except ValueError:
        return None
    link = members.pop("link")
    return Journey(**members, link=None if link is None else Linker(**link))


def callback_of(public_origin: str, connection_id: str) -> str:
    """Give the redirect URI of a connection: each has its own, so no provider can send what another one gave."""
    return f"{public_origin}{CALLBACK_PATH}?{urlencode({'connection': connection_id})}"


def departure(journey: Journey, connection: Connection, metadata: Metadata, redirect_uri: str) -> str:
    """Write the address of the authorization request (RFC 6749, RFC 7636 with S256, OpenID Connect Core)."""
    challenge = urlsafe_b64encode(sha256(journey.verifier.encode()).digest()).rstrip(b"=").decode()
    asked: Mapping[str, str] = {
        "response_type": "code",
        "client_id": connection.client_id,
        "redirect_uri": redirect_uri,
        "scope": SCOPES,
        "state": journey.state,
        "nonce": journey.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if connection.max_age_seconds is not None:
        asked = {**asked, "max_age": str(connection.max_age_seconds)}
    endpoint = metadata.authorization_endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
