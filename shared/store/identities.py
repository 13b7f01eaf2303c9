"""`<staff>#identities` of `tenant_staff`: by which people of identity providers somebody may sign in.

`links` maps the digest of issuer and subject to `connection_id` and `linked_at`; `version` counts the changes. The row
of the identity itself (`identity#<digest>`) says whose it is, to whoever signs in; this one says to its owner which he
has. Every change writes both.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.store.attribute import Row
from shared.store.condition import absent, equals
from shared.store.item import Item, delete, put
from shared.store.tenant_staff import identity_key

MAX_IDENTITIES: Final = 20


class Link(NamedTuple):
    """By which connection an identity was linked, and when (Unix seconds)."""

    connection_id: str
    linked_at: int


class Identities(NamedTuple):
    """What one person has linked; version 0 is a row that is not there."""

    version: int = 0
    links: Mapping[str, Link] = {}


def identities_key(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#identities"}


def identities_of(row: Row | None) -> Identities:
    if row is None:
        return Identities()
    return Identities(row["version"], {digest: Link(**link) for digest, link in row["links"].items()})


def changed_identities(table: str, tenant: str, staff_id: str, before: Identities, links: Mapping[str, Link]) -> Item:
    """Put `links` where `before` was read (label "identities"); refuted when another change came between."""
    row = {
        **identities_key(tenant, staff_id),
        "links": {digest: link._asdict() for digest, link in links.items()},
        "version": before.version + 1,
    }
    unchanged = equals("version", before.version) if before.version else absent("tenant")
    return put(table, row, unchanged, label="identities")


def unlinked_identity(table: str, tenant: str, digest: str, staff_id: str) -> Item:
    """Let an identity go (label "identity"); refuted when it is not this person's."""
    return delete(table, identity_key(tenant, digest), equals("staff_id", staff_id), label="identity")
