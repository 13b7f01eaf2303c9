"""One line of an access list: the same members in the API, in a review's snapshot and in the bundle.

Nobody is named in it but by the staff id: a snapshot is hashed and a bundle is locked, and neither could forget a name.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from shared.audit.canonical import Json
from shared.audit.moment import rfc3339
from shared.evidence.csv_rows import CsvWriter
from shared.store.access import Access

COLUMNS: Final = (
    "staff_id",
    "role",
    "permissions",
    "status",
    "mfa",
    "factors",
    "last_seen",
    "sessions",
    "granted_at",
    "granted_by_event",
    "identities",
)


def document(access: Access) -> dict[str, Json]:
    """Write what is told of somebody; an instant or event that no row knows is null."""
    at = access.granted.at
    return {
        "staff_id": access.staff_id,
        "role": access.role,
        "permissions": list(access.permissions),
        "status": access.status,
        "mfa": access.mfa,
        "factors": list(access.factors),
        "last_seen": None if access.last_seen is None else rfc3339(access.last_seen),
        "sessions": access.sessions,
        "granted_at": None if at is None else rfc3339(at),
        "granted_by_event": access.granted.event_id,
        "identities": list(access.connections),
    }


def csv(columns: Iterable[str], documents: Iterable[Mapping[str, Json]]) -> tuple[bytes, int]:
    """Write documents as CSV with a header; gives the number of cells that had to be neutralised as well."""
    writer, names = CsvWriter(), tuple(columns)
    records = [writer.record(names)]
    records += [writer.record([cell(document.get(name)) for name in names]) for document in documents]
    return b"".join(records), writer.neutralised_cells


def cell(value: Json) -> str:
    """Write one value: nothing for null, and what a list holds with spaces between."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value)
