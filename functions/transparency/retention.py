"""GET what is kept for how long, and what shows it: what the log told last, the holds, the oldest segment's lock."""

from __future__ import annotations

from typing import Any

from functions.transparency.office import Office
from functions.transparency.sealed_log import SealedLog
from shared.audit.moment import rfc3339
from shared.domain.retention import in_force
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.legal_holds import ACTIVE, holds_of

MAX_HOLDS = 1_000


def retention(office: Office, request: Request) -> Reply:
    # 1. Who asks.
    principal = office.guard.admit(request)
    if faults := unknown_parameters(request.query, ()):
        raise invalid_request(faults)
    # 2. The policy with this deployment's figures, and what the tenant's log told of them last.
    tenant, figures = principal.acting.tenant, office.settings.retention()
    told = principal.tenant.get("retention_told")
    # 3. What is held, and since when the log is locked.
    rows = list(holds_of(office.dynamodb, office.settings.legal_holds_table, tenant, limit=MAX_HOLDS))
    document: dict[str, Any] = {
        "as_of": rfc3339(request.now),
        "policy": in_force(figures),
        "figures": dict(figures),
        "told": told,
        "told_in_full": told == figures,
        "legal_holds": {"active": sum(row["status"] == ACTIVE for row in rows), "truncated": len(rows) == MAX_HOLDS},
        "oldest_segment": _oldest(office.log_of(tenant)),
    }
    return json_reply(200, document)


def _oldest(log: SealedLog) -> dict[str, Any] | None:
    """Tell of the first segment of the present epoch, its lock as S3 told it when it was sealed; None before that."""
    if log.head().segment == 0:
        return None
    row = log.segment(1)
    return {"epoch": log.epoch, "no": 1, "from": row["time"]["min"], "retain_until": row["retain_until"]}
