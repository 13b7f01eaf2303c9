"""An impersonation as the API tells it."""

from typing import Any, Final

from shared.audit.moment import rfc3339
from shared.store.attribute import Row

LIVE: Final = "active"
OVER: Final = "ended"


def impersonation_document(row: Row, cause: str | None = None) -> dict[str, Any]:
    """Write a row, open or past; `cause` is why an open one is over although its end has not been told."""
    known: str | None = row.get("cause", cause)
    return {
        "impersonation_id": row["impersonation_id"],
        "actor": {"staff_id": row["actor"], "role": row["actor_role"]},
        "target": {"staff_id": row["target"], "role": row["target_role"]},
        "mode": row["mode"],
        "reason": row["reason"],
        "ticket": row.get("ticket"),
        "status": LIVE if known is None else OVER,
        "cause": known,
        "started_at": rfc3339(row["started_at"]),
        "expires_at": rfc3339(row["expires_at"]),
        "ended_at": rfc3339(row["ended_at"]) if "ended_at" in row else None,
        "requests": row.get("requests"),
        "denied": row.get("denied"),
    }
