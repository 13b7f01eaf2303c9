"""Which connections sign anybody in: those of an active tenant that are switched on."""

from functions.sso.chronicle import Tables
from shared.domain.session import ACTIVE
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.sso_connections import Connection, connection_key, connection_of
from shared.store.tenants import tenant_key
from shared.store.wire import JsonService


def open_connection(
    dynamodb: JsonService, tables: Tables, tenant: str, connection_id: str
) -> tuple[Row, Connection] | None:
    """Read the tenant's row and its connection; None where there is no such pair, or nobody signs in by it."""
    connections = tables.sso_connections
    found = batch_get(
        dynamodb,
        {tables.tenants: [tenant_key(tenant)], connections: [connection_key(tenant, connection_id)]},
    )
    named, row = (next(iter(found[table]), None) for table in (tables.tenants, connections))
    if named is None or named["status"] != ACTIVE or row is None or not row["enabled"]:
        return None
    return named, connection_of(row)
