"""GET /api/impersonation: who acts in whose name, and who did.

1. Admit; 2. read what is asked; 3. the open ones, on the first page alone, each as it stands now; 4. the past ones,
newest first; 5. answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from functions.impersonation.document import impersonation_document
from functions.impersonation.standing import Standing
from shared.edge.guard import Guard
from shared.edge.parameters import page_limit, unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.impersonations import all_open, past
from shared.store.wire import JsonService

MOST: Final = 100
_USUALLY: Final = 50
_CURSOR: Final = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


class _Asked(NamedTuple):
    limit: int
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    dynamodb: JsonService
    impersonations_table: str
    standing: Standing
    guard: Guard

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        tenant = self.guard.admit(request).acting.tenant
        # 2. What is asked.
        asked = _asked(request.query)
        # 3. What is open, as it stands.
        told = [] if asked.cursor else self._open(tenant, request.now)
        # 4. What is past: one row more than is told says whether there is another page.
        rows = list(past(self.dynamodb, self.impersonations_table, tenant, asked.cursor, asked.limit + 1))
        page = rows[: asked.limit]
        # 5. Answer.
        told += [impersonation_document(row) for row in page]
        following = page[-1]["impersonation_id"] if len(rows) > asked.limit else None
        return json_reply(200, {"impersonations": told, "next_cursor": following})

    def _open(self, tenant: str, now: float) -> list[dict[str, Any]]:
        rows = sorted(
            all_open(self.dynamodb, self.impersonations_table, tenant),
            key=lambda row: str(row["impersonation_id"]),
            reverse=True,
        )
        return [impersonation_document(row, cause) for row, _, cause in self.standing.judged(tenant, rows, now)]


def _asked(query: Mapping[str, str]) -> _Asked:
    limit, cursor = page_limit(query.get("limit", str(_USUALLY)), MOST), query.get("cursor")
    faults = unknown_parameters(query, ("limit", "cursor"))
    if limit is None:
        faults.append(("/limit", f"This must be a whole number from 1 to {MOST}."))
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        faults.append(("/cursor", "This is not where a page ended."))
    if limit is None or faults:
        raise invalid_request(faults)
    return _Asked(limit, cursor)
