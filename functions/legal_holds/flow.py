"""GET, POST and DELETE /api/legal-holds: whoever is held cannot be erased.

Show: 1. admit; 2. read, and tell. Place and release: 1. admit an owner with a fresh proof; 2. read what is asked;
3. read the scope, and the hold that is to be released; 4. commit the hold, the row of its scope as it was read, and the
event; 5. answer. Of a hold and an erasure at the same moment one comes first: both touch the row of the scope.

A hold keeps what erasure would delete, and nothing else: retention of the vault runs on its own (docs/operations.md).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.legal_holds.record import Chronicler, Told, hold_document
from shared.audit.event import new_event_id
from shared.edge.bodies import IDENTIFIER, LEGAL_HOLD, MEASURE
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import Refused, invalid_request, invalid_token
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.store.attribute import Row
from shared.store.condition import differs, present
from shared.store.item import Item, check, get
from shared.store.legal_holds import ACTIVE, STAFF, Hold, active_in, holds_of, placed, read_hold, read_scope, released
from shared.store.tenant_staff import ERASED, gate_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

MAX_ACTIVE: Final = 100  # of one scope
MAX_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHolds:
    dynamodb: JsonService
    table: str
    tenant_staff_table: str
    ledger: Ledger
    guard: Guard
    chronicler: Chronicler

    def show(self, request: Request) -> Reply:
        # 1. Admit.
        tenant = self.guard.admit(request).acting.tenant
        if faults := unknown_parameters(request.query, ()):
            raise invalid_request(faults)
        # 2. Read, and tell.
        rows = list(holds_of(self.dynamodb, self.table, tenant, limit=MAX_LISTED))
        return json_reply(200, {"holds": [hold_document(row) for row in rows], "truncated": len(rows) == MAX_LISTED})

    def place(self, request: Request) -> Reply:
        for _ in rounds():
            # 1. Admit, 2. what is asked.
            principal = self.guard.admit(request)
            hold = _asked(request, principal)
            # 3. The scope.
            self._refuse_nobody(hold)
            scope = read_scope(self.dynamodb, self.table, hold.tenant, hold.staff_id)
            if len(active_in(scope)) >= MAX_ACTIVE:
                raise Refused(409, "hold_limit", "Release a hold of this scope first.")
            # 4. Commit.
            told = Told(request, principal, hold.hold_id, hold.staff_id, hold.case, hold.reason)
            items = [*placed(self.table, hold, scope), *self._still_there(principal, hold.staff_id)]
            outcome = self.ledger.commit(hold.tenant, items, [self.chronicler.placed(told)], acting=principal.acting)
            if not isinstance(outcome, Refuted):
                # 5. Answer.
                return json_reply(201, hold_document(_row_of(hold)))
            if died(outcome):
                raise invalid_token()
        raise Contended("the holds of a scope kept changing")

    def release(self, request: Request) -> Reply:
        for _ in rounds():
            # 1. Admit, 2. what is asked.
            principal = self.guard.admit(request)
            reason, tenant = read_body(request, MEASURE)["reason"], principal.acting.tenant
            # 3. The hold, and its scope.
            row = self._active(request, tenant)
            scope = read_scope(self.dynamodb, self.table, tenant, row.get("staff_id"))
            # 4. Commit.
            told = Told(request, principal, row["hold_id"], row.get("staff_id"), row.get("case"), reason)
            by, now = principal.acting.staff_id, int(request.now)
            items = released(self.table, row, scope, by, reason, now)
            outcome = self.ledger.commit(tenant, items, [self.chronicler.released(told)], acting=principal.acting)
            if not isinstance(outcome, Refuted):
                # 5. Answer.
                after = {"status": "RELEASED", "released_by": by, "released_at": now, "release_reason": reason}
                return json_reply(200, hold_document({**row, **after}))
            if died(outcome):
                raise invalid_token()
        raise Contended("the holds of a scope kept changing")

    def _active(self, request: Request, tenant: str) -> Row:
        hold_id, row = request.path_parameters["hold_id"], None
        if re.fullmatch(IDENTIFIER, hold_id):
            row = read_hold(self.dynamodb, self.table, tenant, hold_id)
        if row is None:
            raise Refused(404, "not_found", "There is no legal hold with this id.")
        if row["status"] != ACTIVE:
            raise Refused(409, "already_used", "The hold has been released.")
        return row

    def _refuse_nobody(self, hold: Hold) -> None:
        if hold.staff_id is None:
            return
        gate = get(self.dynamodb, self.tenant_staff_table, gate_key(hold.tenant, hold.staff_id))
        if gate is None or gate["status"] == ERASED:
            raise Refused(404, "not_found", "Nobody of your tenant has this id.")

    def _still_there(self, principal: Principal, staff_id: str | None) -> list[Item]:
        """Check that the person was not erased; of whoever asks for himself the commit checks more than that."""
        if staff_id in {None, principal.acting.staff_id}:
            return []
        key = gate_key(principal.acting.tenant, str(staff_id))
        return [check(self.tenant_staff_table, key, present("tenant"), differs("status", ERASED), label="gate")]


def _asked(request: Request, principal: Principal) -> Hold:
    """Read the body; raises `Refused` (400)."""
    body: Mapping[str, Any] = read_body(request, LEGAL_HOLD)
    staff_id = body["staff_id"]
    if (body["scope"] == STAFF) != (staff_id is not None):
        raise invalid_request([("/staff_id", "A hold of the scope staff names a person, and no other one does.")])
    return Hold(
        tenant=principal.acting.tenant,
        hold_id=new_event_id(request.now),
        staff_id=staff_id,
        reason=body["reason"],
        case=body["case"],
        placed_by=principal.acting.staff_id,
        placed_at=int(request.now),
    )


def _row_of(hold: Hold) -> Row:
    """Give a hold as its row is."""
    told = {"hold_id": hold.hold_id, "status": ACTIVE, "reason": hold.reason}
    told |= {name: value for name, value in (("staff_id", hold.staff_id), ("case", hold.case)) if value is not None}
    return {**told, "placed_by": hold.placed_by, "placed_at": hold.placed_at}
