"""`sso_connections`: the identity providers of a tenant, and the mail domains that tenants have proven.

| `tenant` | `connection_id` | what it holds |
| --- | --- | --- |
| tenant | id | `name`, `issuer`, `client_id`, `secret_sealed` (absent: a public client), `algorithms`, `domains`, |
| | | `enabled`, `provisioning`, `max_age_seconds` or null, `created_at`, `changed_at`, `version` |
| `domain#<domain>` | `proof` | `owner`, `of`: the tenant and the connection that proved the domain; `verified_at` |

`domains` maps a domain to `token`, which its TXT record must hold, and `verified_at`, null before that. A domain counts
once it is verified; the row of the domain itself makes it one tenant's (no tenant's id has a `#`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.store.attribute import Row
from shared.store.condition import absent, equals
from shared.store.item import Item, check, delete, get, put, query
from shared.store.wire import JsonService


class Domain(NamedTuple):
    token: str
    verified_at: int | None


class Connection(NamedTuple):
    """One identity provider of a tenant. `secret_sealed` None: a public client, which proves itself by PKCE alone."""

    tenant: str
    connection_id: str
    name: str
    issuer: str
    client_id: str
    secret_sealed: bytes | None
    algorithms: tuple[str, ...]
    domains: Mapping[str, Domain]
    enabled: bool
    provisioning: bool
    max_age_seconds: int | None
    created_at: int
    changed_at: int
    version: int

    @property
    def verified_domains(self) -> frozenset[str]:
        return frozenset(name for name, domain in self.domains.items() if domain.verified_at is not None)


def connection_key(tenant: str, connection_id: str) -> dict[str, str]:
    return {"tenant": tenant, "connection_id": connection_id}


def connection_of(row: Row) -> Connection:
    members: dict[str, Any] = {name: row.get(name) for name in Connection._fields}
    members["algorithms"] = tuple(row["algorithms"])
    members["domains"] = {name: Domain(**domain) for name, domain in row["domains"].items()}
    return Connection(**members)


def read_connection(dynamodb: JsonService, table: str, tenant: str, connection_id: str) -> Connection | None:
    row = get(dynamodb, table, connection_key(tenant, connection_id))
    return None if row is None else connection_of(row)


def connections_of(dynamodb: JsonService, table: str, tenant: str) -> Iterator[Connection]:
    return map(connection_of, query(dynamodb, table, equals("tenant", tenant)))


def stored_connection(table: str, before: Connection | None, after: Connection) -> Item:
    """Put `after` where `before` was read (label "connection"); refuted when another change came between."""
    row: dict[str, Any] = {
        **after._asdict(),
        "algorithms": list(after.algorithms),
        "domains": {name: domain._asdict() for name, domain in after.domains.items()},
    }
    if after.secret_sealed is None:
        del row["secret_sealed"]
    unchanged = absent("tenant") if before is None else equals("version", before.version)
    return put(table, row, unchanged, label="connection")


def unchanged_connection(table: str, connection: Connection) -> Item:
    """Check that a connection is still what a decision relied on (label "connection")."""
    key = connection_key(connection.tenant, connection.connection_id)
    return check(table, key, equals("version", connection.version), label="connection")


def removed_connection(table: str, before: Connection) -> Item:
    key = connection_key(before.tenant, before.connection_id)
    return delete(table, key, equals("version", before.version), label="connection")


def domain_key(domain: str) -> dict[str, str]:
    return {"tenant": f"domain#{domain}", "connection_id": "proof"}


def proven_domain(table: str, connection: Connection, domain: str, now: int) -> Item:
    """Make a domain this connection's (label "domain"); refuted when it is anybody's."""
    row = {**domain_key(domain), "owner": connection.tenant, "of": connection.connection_id, "verified_at": now}
    return put(table, row, absent("tenant"), label="domain")


def released_domain(table: str, connection: Connection, domain: str) -> Item:
    """Let a verified domain of this connection go (label "domain")."""
    own = equals("owner", connection.tenant), equals("of", connection.connection_id)
    return delete(table, domain_key(domain), *own, label="domain")
