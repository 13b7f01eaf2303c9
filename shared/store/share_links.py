"""`share_links`: finished bundles that somebody without an account may fetch.

| `link` | what it holds |
| --- | --- |
| `<export_id>` | `open`: the ids of the links that were not revoked, each with its `expires_at`; `version`, `ttl` |
| `<export_id>#<share_id>` | one link, see below |

| attribute of a link | what it holds |
| --- | --- |
| `share_id` | also the subject under whose salt the auditor is sealed, here and in the log |
| `token_hash` | hexadecimal SHA-256 of the whole token: 256 random bits need no slow hash (ASVS 6.5.2) |
| `auditor` | for whom it is, sealed like an entry of an event (shared/audit/personal_data.py) |
| `status`, `revoked_by`, `revoked_at` | OPEN, then REVOKED for good; one that has expired stays OPEN |
| `created_by`, `created_at`, `expires_at` | a staff id, and Unix seconds |
| `uses`, `last_used_at` | how often an address of the bundle was handed out |
| `epoch` | of the log in which it was made: tables that were restored bring no revoked link back |
| `ttl` | ninety days after it expired |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.store.attribute import Row
from shared.store.condition import absent, between, equals
from shared.store.item import Item, get, put, query, update
from shared.store.wire import JsonService

OPEN: Final = "OPEN"
REVOKED: Final = "REVOKED"
KEPT_SECONDS: Final = 90 * 86_400
_AFTER_IDS: Final = "~"  # behind every character of an id


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLink:
    """A link that is about to be made."""

    tenant: str
    export_id: str
    share_id: str
    token_hash: str
    auditor: Mapping[str, Any]
    created_by: str
    created_at: int
    expires_at: int
    epoch: int


def links_key(tenant: str, export_id: str) -> dict[str, str]:
    return {"tenant": tenant, "link": export_id}


def link_key(tenant: str, export_id: str, share_id: str) -> dict[str, str]:
    return {"tenant": tenant, "link": f"{export_id}#{share_id}"}


def read_links(dynamodb: JsonService, table: str, tenant: str, export_id: str) -> Row | None:
    """Read the row that counts the links of an export; None where it has none, or had."""
    return get(dynamodb, table, links_key(tenant, export_id))


def open_links(row: Row | None, now: float) -> dict[str, int]:
    """Give the links that count, each with its end, by the row that counts them."""
    return {} if row is None else {link: end for link, end in row["open"].items() if now < end}


def links_of(dynamodb: JsonService, table: str, tenant: str, export_id: str, limit: int) -> Iterator[Row]:
    """Read the links of an export, newest first, whatever became of them."""
    clauses = equals("tenant", tenant), between("link", f"{export_id}#", f"{export_id}#{_AFTER_IDS}")
    return query(dynamodb, table, *clauses, descending=True, limit=limit)


def offered(table: str, link: ShareLink, counted: Row | None) -> tuple[Item, Item]:
    """Make a link (labels "link" and "links"); refuted when the export's links are not as they were read."""
    row: dict[str, Any] = {
        **link_key(link.tenant, link.export_id, link.share_id),
        "share_id": link.share_id,
        "export_id": link.export_id,
        "token_hash": link.token_hash,
        "auditor": dict(link.auditor),
        "status": OPEN,
        "created_by": link.created_by,
        "created_at": link.created_at,
        "expires_at": link.expires_at,
        "uses": 0,
        "epoch": link.epoch,
        "ttl": link.expires_at + KEPT_SECONDS,
    }
    count = {**open_links(counted, link.created_at), link.share_id: link.expires_at}
    itself = put(table, row, absent("tenant"), label="link")
    return itself, _counted(table, links_key(link.tenant, link.export_id), counted, count)


def revoked(table: str, row: Row, counted: Row | None, by: str, now: int) -> tuple[Item, Item]:
    """Revoke an OPEN link (labels "link" and "links"); refuted when somebody was faster."""
    changes = {"status": REVOKED, "revoked_by": by, "revoked_at": now}
    key = link_key(row["tenant"], row["export_id"], row["share_id"])
    itself = update(table, key, equals("status", OPEN), set_=changes, label="link")
    count = {link: end for link, end in open_links(counted, now).items() if link != row["share_id"]}
    return itself, _counted(table, links_key(row["tenant"], row["export_id"]), counted, count)


def used(table: str, row: Row, now: int) -> Item:
    """Count one use (label "link"); refuted where it was revoked: of a use and a revocation one is first."""
    return update(
        table,
        link_key(row["tenant"], row["export_id"], row["share_id"]),
        equals("status", OPEN),
        set_={"last_used_at": now},
        add={"uses": 1},
        label="link",
    )


def _counted(table: str, key: dict[str, str], before: Row | None, count: Mapping[str, int]) -> Item:
    version = 0 if before is None else before["version"]
    last = max([*count.values(), 0 if before is None else before["ttl"] - KEPT_SECONDS])
    row = {**key, "open": dict(count), "version": version + 1, "ttl": last + KEPT_SECONDS}
    as_read = absent("tenant") if before is None else equals("version", version)
    return put(table, row, as_read, label="links")
