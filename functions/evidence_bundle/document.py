"""An export's row as the API shows it."""

from __future__ import annotations

from typing import Any

from shared.audit.moment import rfc3339
from shared.store.attribute import Row
from shared.store.exports import progress_of

_RESULT = (
    "name",
    "size",
    "manifest_sha256",
    "sha256",
    "cut",
    "cut_start",
    "resolved",
    "files",
    "rows",
    "keys",
    "retain_until",
)


def export_document(row: Row) -> dict[str, Any]:
    """Give the public members; `error` only of a failed export, the result's members only of a completed one."""
    result = row.get("result", {})
    document: dict[str, Any] = {
        "export_id": row["export_id"],
        "kind": row["kind"],
        "status": row["status"],
        "requested": row["requested"],
        "requested_by": row["requested_by"]["actor"],
        "created_at": rfc3339(row["created_at"]),
        "progress": progress_of(row),
        **{name: result[name] for name in _RESULT if name in result},
    }
    if "error" in row:
        document["error"] = row["error"]
    return document
