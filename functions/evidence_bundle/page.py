"""Which page of the list of exports is asked for."""

from __future__ import annotations

from typing import NamedTuple

from shared.edge.parameters import page_limit, unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.request import Request
from shared.store.exports import is_export_id

MAX_LISTED = 200


class Asked(NamedTuple):
    """`older_than` is the last id of the page before; whatever it names, only the caller's own tenant is read."""

    limit: int
    older_than: str | None


def page_asked(request: Request) -> Asked:
    """Read `limit` and `cursor`; raises `Refused` (400)."""
    limit = page_limit(request.query.get("limit", str(MAX_LISTED)), MAX_LISTED)
    cursor = request.query.get("cursor")
    faults = unknown_parameters(request.query, {"limit", "cursor"})
    if limit is None:
        faults.append(("/limit", f"The limit is a number from 1 to {MAX_LISTED}."))
    if cursor is not None and not is_export_id(cursor):
        faults.append(("/cursor", "The cursor is the next_cursor of an earlier page."))
    if limit is None or faults:
        raise invalid_request(faults)
    return Asked(limit, cursor)
