"""GET /api/staff and /api/staff/{staff_id}: who belongs to the tenant, as far as it is anybody's business.

List: 1. admit; 2. read what is asked; 3. read the partition of the tenant from where the last page ended, until there
are as many people as a page has; 4. tell of each what `_shown` lists, and nothing else; of erased people the id. One:
1. admit; 2. read the person, 3. and his sessions; 4. tell. Who was erased is there without either. A page is as fresh
as its reading; who joins behind a cursor is on a later page.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Final

from functions.staff.flow import nobody, staff_id_of
from shared.audit.moment import rfc3339
from shared.edge.bodies import IDENTIFIER
from shared.edge.guard import Guard
from shared.edge.parameters import page_limit, unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.session_document import session_document
from shared.store.attribute import Row
from shared.store.condition import equals
from shared.store.histories import history_of
from shared.store.item import get, query
from shared.store.live_sessions import lives
from shared.store.person import Tables, read_person
from shared.store.second_factors import Factors, factors_of
from shared.store.tenant_staff import ERASED, GateRow, gate_key, gate_of, people_of
from shared.store.user_sessions import owner_of, session_of
from shared.store.wire import JsonService

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 500
MAX_SESSIONS: Final = 1_000  # rows of one person that are looked at, the newest first
_CURSOR: Final = re.compile(IDENTIFIER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    dynamodb: JsonService
    tables: Tables
    guard: Guard

    def everybody(self, request: Request) -> Reply:
        # 1. Admit.
        tenant = self.guard.admit(request).acting.tenant
        # 2. What is asked.
        limit, cursor = _page_of(request.query)
        # 3. One more than a page has, to know whether there is another one.
        rows = people_of(self.dynamodb, self.tables.tenant_staff, tenant, cursor)
        people = list(islice(_people(rows), limit + 1))
        # 4. Tell.
        shown = people[:limit]
        next_cursor = shown[-1]["staff_id"] if len(people) > limit else None
        return json_reply(200, {"staff": shown, "next_cursor": next_cursor})

    def one(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        _refuse_parameters(request.query)
        # 2. The person.
        staff_id = staff_id_of(request)
        person = read_person(self.dynamodb, self.tables, principal.acting, staff_id)
        if person is None:
            return json_reply(200, self._erased(principal.acting.tenant, staff_id))
        # 3. The sessions.
        owner = equals("owner", owner_of(person.tenant, person.staff_id))
        rows = query(self.dynamodb, self.tables.user_sessions, owner, descending=True, limit=MAX_SESSIONS)
        sessions = map(session_of, rows)
        version, now = person.gate.session_version, int(request.now)
        alive = [session for session in sessions if person.active and lives(session, now, version)]
        # 4. Tell.
        shown = _shown(person.staff_id, person.gate, person.profile, person.factors, person.history.last_at)
        told = [session_document(one) for one in alive]
        return json_reply(200, {**shown, "session_version": version, "sessions": told})

    def _erased(self, tenant: str, staff_id: str) -> dict[str, Any]:
        """Tell of an id that was somebody's who was erased; raises `Refused` (404) of any other without a person."""
        gate = gate_of(get(self.dynamodb, self.tables.tenant_staff, gate_key(tenant, staff_id)))
        if gate.status != ERASED:
            raise nobody()
        return {**_tombstone(staff_id), "session_version": gate.session_version, "sessions": []}


def _people(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Put the rows of a partition together, person by person; rows of nobody who is there are passed over."""
    for staff_id, his in groupby(rows, key=lambda row: str(row["item"]).partition("#")[0]):
        named = {row["item"]: row for row in his}
        gate, profile = named.get(f"{staff_id}#gate"), named.get(f"{staff_id}#profile")
        if gate is not None and gate["status"] == ERASED:
            yield _tombstone(staff_id)
        elif gate is not None and profile is not None:
            history = history_of(named.get(f"{staff_id}#history"))
            factors = factors_of(named, staff_id, None)
            yield _shown(staff_id, gate_of(gate), profile, factors, history.last_at)


def _shown(staff_id: str, gate: GateRow, profile: Row, factors: Factors, last_at: int) -> dict[str, Any]:
    """Write all that is told of a person: whatever else his rows hold stays there."""
    return {
        "staff_id": staff_id,
        "name": profile["name"],
        "email": profile["email"],
        "role": gate.role,
        "status": gate.status,
        "created_at": rfc3339(profile["created_at"]),
        "last_sign_in_at": rfc3339(last_at) if last_at else None,
        "must_enrol": gate.must_enrol,
        "factors": {
            "totp": factors.totp is not None,
            "passkeys": len(factors.passkeys.passkeys),
            "recovery_codes_left": factors.recovery.left,
        },
    }


def _tombstone(staff_id: str) -> dict[str, Any]:
    """Tell that an id, which the log may name, was somebody's who was erased; nothing else is known."""
    nobody = _shown(
        staff_id,
        GateRow(ERASED, "", 0),
        {"name": None, "email": None, "created_at": 0},
        factors_of({}, staff_id, None),
        0,
    )
    return {**nobody, "role": None, "created_at": None}


def _page_of(asked: Mapping[str, str]) -> tuple[int, str | None]:
    faults = unknown_parameters(asked, ("limit", "cursor"))
    limit, cursor = page_limit(asked.get("limit", str(DEFAULT_LIMIT)), MAX_LIMIT), asked.get("cursor")
    if limit is None:
        faults.append(("/limit", f"The limit is a number from 1 to {MAX_LIMIT}."))
    if cursor is not None and _CURSOR.fullmatch(cursor) is None:
        faults.append(("/cursor", "This is no cursor of such a list."))
    if faults or limit is None:
        raise invalid_request(faults)
    return limit, cursor


def _refuse_parameters(asked: Mapping[str, str]) -> None:
    faults = unknown_parameters(asked, ())
    if faults:
        raise invalid_request(faults)
