"""The list of administrators of a bundle: read once, when the bundle is planned, and repeated from the plan since.

No event yields it. It is what the tables say at that moment, whatever interval the bundle is about, and the manifest
says so (`derivable: false`, `as_of`). The lines are those of GET /api/compliance/access-list: ids, and no names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from functions.evidence_pipeline.bundle_file import BundleFile, inline_file
from shared.audit.canonical import canonical
from shared.audit.moment import rfc3339
from shared.domain.access_review import ADMINISTRATORS, in_scope
from shared.evidence.access_list import COLUMNS, csv, document
from shared.store.access import AccessTables, access_of, holders_of
from shared.store.wire import JsonService

PATH: Final = "CC6_Access_Control/admin_access_list"


def captured(dynamodb: JsonService, tables: AccessTables, tenant: str, now: float) -> dict[str, Any]:
    """Read who has administrative access at `now`, for the plan. Raises `Unavailable`: there is no part of a list."""
    administrators = [
        one
        for one in holders_of(dynamodb, tables.tenant_staff, tenant)
        if in_scope(ADMINISTRATORS, one.gate.status, one.gate.role)
    ]
    people = [document(access_of(dynamodb, tables.user_sessions, tenant, one, int(now))) for one in administrators]
    return {"as_of": rfc3339(now), "people": people}


def access_list_file(plan: Mapping[str, Any]) -> BundleFile:
    """Write the list that the plan holds, in the format that was asked for."""
    extension, told = plan["requested"]["format"], plan["access_list"]
    people, neutralised = told["people"], 0
    if extension == "csv":
        content, neutralised = csv(COLUMNS, people)
    else:
        content = canonical({"type": "access-list", "v": 1, "scope": ADMINISTRATORS, **told})
    facts = {
        "rows": len(people),
        "section": "CC6",
        "tsc": ["CC6.2", "CC6.3"],
        "columns": list(COLUMNS),
        "as_of": told["as_of"],
        "csv_neutralised_cells": neutralised,
    }
    return inline_file(f"{PATH}.{extension}", content, **facts)
