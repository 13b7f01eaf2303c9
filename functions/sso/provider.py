"""Identity providers as an execution environment knows them: where they are, and with what keys they sign.

Rules of this module (OpenID Connect Discovery 1.0, RFC 9700 section 4.4, ASVS 9.1.3, 10.5.3)
- The document counts only if it names the very issuer that the administrator configured.
- Keys come from the `jwks_uri` of that document and from nowhere else: what a token's header says of keys is not read.
- What was read counts for an hour. A token with a key that is not known has the keys read again, once a minute at most
  however many such tokens come; a failed reading counts as one.
- At most `MAX_PROVIDERS` are held; when they are too many all are forgotten, which costs calls and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.sso.distrust import Distrusted
from functions.sso.outbound import Outbound
from shared.domain.federation import sound_issuer, sound_url
from shared.store.sso_connections import Connection

FRESH_SECONDS: Final = 3_600
REFETCH_SECONDS: Final = 60
MAX_PROVIDERS: Final = 500
MAX_KEYS: Final = 64
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")

Jwk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Metadata:
    """`names_itself`: its answers carry `iss` (RFC 9207). `secret_in_form`: it takes client secrets no other way."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_itself: bool
    secret_in_form: bool


@dataclass(slots=True)
class _Held:
    metadata: Metadata
    read_at: float
    keys: Sequence[Jwk] = ()
    keys_read_at: float = float("-inf")
    keys_asked_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Providers:
    outbound: Outbound
    clock: Callable[[], float]
    _held: dict[tuple[str, str, str], _Held] = field(default_factory=dict)

    def metadata(self, connection: Connection) -> Metadata:
        """Say where the provider is; raises `Distrusted`."""
        return self._of(connection).metadata

    def keys(self, connection: Connection, key_id: str | None) -> Sequence[Jwk]:
        """Give the keys that may have signed under `key_id`, none where there is none; raises `Distrusted`."""
        held, now = self._of(connection), self.clock()
        found = _named(held.keys, key_id)
        fresh = 0 <= now - held.keys_read_at < FRESH_SECONDS
        if (found and fresh) or 0 <= now - held.keys_asked_at < REFETCH_SECONDS:
            return found if fresh else ()
        held.keys_asked_at = now
        held.keys = _signing_keys(self.outbound.get(held.metadata.jwks_uri))
        held.keys_read_at = now
        return _named(held.keys, key_id)

    def _of(self, connection: Connection) -> _Held:
        name, now = (connection.tenant, connection.connection_id, connection.issuer), self.clock()
        held = self._held.get(name)
        if held is not None and 0 <= now - held.read_at < FRESH_SECONDS:
            return held
        made = _Held(self._discovered(connection.issuer), now)
        if held is None and len(self._held) >= MAX_PROVIDERS:
            self._held.clear()
        self._held[name] = made
        return made

    def _discovered(self, issuer: str) -> Metadata:
        if not sound_issuer(issuer, loopback=self.outbound.loopback):
            raise Distrusted("SSO_PROVIDER_ADDRESS")
        document = self.outbound.get(f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise Distrusted("SSO_ISSUER")
        if not all(sound_url(document.get(name), loopback=self.outbound.loopback) for name in _ENDPOINTS):
            raise Distrusted("SSO_PROVIDER_ADDRESS")
        if "S256" not in _texts(document.get("code_challenge_methods_supported", ["S256"])):
            raise Distrusted("SSO_PROVIDER_WITHOUT_PKCE")
        methods = _texts(document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]))
        return Metadata(
            authorization_endpoint=document["authorization_endpoint"],
            token_endpoint=document["token_endpoint"],
            jwks_uri=document["jwks_uri"],
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
            secret_in_form="client_secret_post" in methods and "client_secret_basic" not in methods,
        )


def _texts(value: object) -> Sequence[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _signing_keys(document: Mapping[str, Any]) -> Sequence[Jwk]:
    keys = document.get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise Distrusted("SSO_PROVIDER_JUNK")
    return [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]


def _named(keys: Sequence[Jwk], key_id: str | None) -> Sequence[Jwk]:
    # A token that names no key is checked against all: providers with one key need not name it.
    return keys if key_id is None else [key for key in keys if key.get("kid") == key_id]
