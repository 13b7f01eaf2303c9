"""A connection as administrators see it: all but its secret."""

from typing import Any
from urllib.parse import urlencode

from functions.sso_connections.records import PREFIX
from shared.audit.moment import rfc3339
from shared.store.sso_connections import Connection, Domain


def connection_document(connection: Connection, public_origin: str) -> dict[str, Any]:
    """Write what the routes answer; `redirect_uri` is what the provider must know, `start_url` begins a sign-in."""
    begin = f"{public_origin}/api/auth/sso/{connection.tenant}/{connection.connection_id}/start"
    back = f"{public_origin}/api/auth/sso/callback?{urlencode({'connection': connection.connection_id})}"
    return {
        "connection_id": connection.connection_id,
        "name": connection.name,
        "issuer": connection.issuer,
        "client_id": connection.client_id,
        "client_authentication": "none" if connection.secret_sealed is None else "secret",
        "algorithms": list(connection.algorithms),
        "domains": [_domain(name, domain) for name, domain in sorted(connection.domains.items())],
        "enabled": connection.enabled,
        "provisioning": connection.provisioning,
        "max_age_seconds": connection.max_age_seconds,
        "created_at": rfc3339(connection.created_at),
        "changed_at": rfc3339(connection.changed_at),
        "version": connection.version,
        "redirect_uri": back,
        "start_url": begin,
    }


def _domain(name: str, domain: Domain) -> dict[str, Any]:
    return {
        "domain": name,
        "verified_at": None if domain.verified_at is None else rfc3339(domain.verified_at),
        "record": {"name": f"{PREFIX}.{name}", "type": "TXT", "value": domain.token},
    }
