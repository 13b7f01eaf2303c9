"""DELETE /api/impersonation: leave the other person's name, with the token of the impersonation or with one's own.

1. Admit; 2. read what the real person has open; 3. end it, with the event, in one commit; 4. answer. One's own token
ends it too: that of the impersonation may be lost.
"""

from dataclasses import dataclass
from typing import Final

from functions.impersonation.record import Chronicler
from functions.impersonation.standing import Standing
from shared.domain.impersonation import ENDED
from shared.edge.bodies import EMPTY
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.problem import Refused, invalid_token
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, no_content
from shared.edge.request import Request
from shared.store.impersonation_ends import End, EndTables, ended
from shared.store.impersonations import open_by
from shared.store.item import batch_get
from shared.store.subject_keys import subject_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    dynamodb: JsonService
    tables: EndTables
    subject_keys_table: str
    ledger: Ledger
    guard: Guard
    standing: Standing
    chronicler: Chronicler

    def __call__(self, request: Request) -> Reply:
        for _ in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race.
            principal = self.guard.admit(request)
            read_body(request, EMPTY)
            # 2. to 4.
            if self._finished(request, principal):
                return no_content()
        raise Contended("the impersonation kept changing")

    def _finished(self, request: Request, principal: Principal) -> bool:
        """End it; False where it changed meanwhile."""
        acting, by = principal.acting, principal.by
        actor = acting.staff_id if by is None else by.staff_id
        # 2. What is open.
        row = open_by(self.dynamodb, self.tables.impersonations, acting.tenant, actor)
        if row is None or (by is not None and row["impersonation_id"] != acting.session_id):
            raise invalid_token() if by is not None else _none_open()
        (judged,) = self.standing.judged(acting.tenant, [row], request.now)
        # 3. End it; where it was over before, that is the cause.
        end = End(
            judged.cause or ENDED,
            principal.actor(),
            context_of(request, principal.session.binding.device_hash),
            request.now,
            acting=acting if by is not None else None,
        )
        items, event = ended(self.tables, row, judged.session, end)
        event = self.chronicler.sealed(request, principal.tenant, event, self._salts(acting.tenant, actor))
        outcome = self.ledger.commit(acting.tenant, items, [event], acting=acting)
        if not isinstance(outcome, Refuted):
            return True
        if died(outcome):
            raise invalid_token()
        return False

    def _salts(self, tenant: str, person: str) -> dict[str, bytes]:
        table = self.subject_keys_table
        rows = batch_get(self.dynamodb, {table: [subject_key(tenant, person)]})[table]
        return {row["subject"]: row["salt"] for row in rows}


def _none_open() -> Refused:
    return Refused(404, "not_found", "You have begun none that is open.")
