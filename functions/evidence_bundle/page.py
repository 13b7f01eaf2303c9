"""What the routes take by their query: which page of the list, and how a download is answered."""

from __future__ import annotations

from typing import NamedTuple

from shared.edge.parameters import page_limit, unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.request import Request
from shared.store.exports import KINDS, is_export_id

MAX_LISTED = 200


class Asked(NamedTuple):
    """`older_than` is the last id of the page before; whatever it names, only the caller's own tenant is read.

    `kind` is None for exports of every kind.
    """

    limit: int
    older_than: str | None
    kind: str | None


def page_asked(request: Request) -> Asked:
    """Read `limit`, `cursor` and `kind`; raises `Refused` (400)."""
    kind = request.query.get("kind")
    limit = page_limit(request.query.get("limit", str(MAX_LISTED)), MAX_LISTED)
    cursor = request.query.get("cursor")
    faults = unknown_parameters(request.query, {"limit", "cursor", "kind"})
    if limit is None:
        faults.append(("/limit", f"The limit is a number from 1 to {MAX_LISTED}."))
    if cursor is not None and not is_export_id(cursor):
        faults.append(("/cursor", "The cursor is the next_cursor of an earlier page."))
    if kind is not None and kind not in KINDS:
        faults.append(("/kind", f"The kind is one of {', '.join(KINDS)}."))
    if limit is None or faults:
        raise invalid_request(faults)
    return Asked(limit, cursor, kind)


def redirect_asked(request: Request) -> bool:
    """Tell whether a download is answered by a redirect, as without the parameter; raises `Refused` (400).

    A script can neither read where a redirect leads nor keep its own bearer from going along: it asks for the address.
    """
    faults = unknown_parameters(request.query, {"redirect"})
    chosen = request.query.get("redirect", "true")
    if chosen not in {"true", "false"}:
        faults.append(("/redirect", "This is true or false."))
    if faults:
        raise invalid_request(faults)
    return chosen == "true"
