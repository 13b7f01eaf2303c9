"""POST /api/staff/{staff_id}/erase.

1. Admit an owner with a fresh proof; 2. read why; 3. read who it is, under every id that his address had; 4. decide,
and refuse what must not be, on the record; 5. commit: the salts go, and with them all that the log holds of him, the
gate becomes a tombstone, profile and address go, what else is held is ordered to go, and PII_ERASED tells it;
6. answer. The sweep (functions/erasure/sweep.py) takes the rest away. Who was erased before is answered alike, whatever
holds by now.

The commit holds the gate to what was read, and asks the legal holds again. Of an erasure beside anything else that
needs the gate (a sign-in, a reactivation, an invite that is accepted), one comes first and the other sees it. So it is
with every further id whose salt goes: its gate becomes a tombstone too, and the address is whose it was.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.erasure.decision import Conflict, Denied, decide
from functions.erasure.record import Chronicler, Told, erased_effect
from functions.erasure.subject import Known, Subject, Tables, read_subject
from shared.audit.event import Target, new_event_id
from shared.audit.moment import rfc3339
from shared.edge.bodies import IDENTIFIER, MEASURE
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.problem import Refused
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.condition import absent, equals
from shared.store.erasures import Erasure, begun
from shared.store.item import Item, check, delete, put
from shared.store.legal_holds import unheld
from shared.store.subject_keys import forgotten
from shared.store.tenant_staff import ERASED, changed_gate, email_key, gate_key, profile_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

_ATTEMPTS: Final = 12
_SALTS: Final = 30  # of one commit, each with a gate; it takes a hundred items, and more salts several commits
_STAFF_ID: Final = re.compile(IDENTIFIER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    guard: Guard
    chronicler: Chronicler

    def __call__(self, request: Request) -> Reply:
        for _ in range(_ATTEMPTS):
            # 1. Admit.
            principal = self.guard.admit(request)
            # 2. Why.
            reason = read_body(request, MEASURE)["reason"]
            # 3. Who.
            known = self._known(request, principal)
            if known.erased is not None:
                return json_reply(200, _told(known.erased))
            if known.subject is None:
                raise _nobody()
            # 4. Decide.
            self._refuse(request, principal, known.subject)
            # 5. Commit.
            erasure = self._committed(Told(request, principal, known.subject, known.actor_salt, reason))
            if erasure is not None:
                # 6. Answer.
                return json_reply(200, _told(erasure))
        raise Contended("the rows of the person kept changing")

    def _known(self, request: Request, principal: Principal) -> Known:
        staff_id, acting = request.path_parameters["staff_id"], principal.acting
        if _STAFF_ID.fullmatch(staff_id) is None:
            raise _nobody()
        return read_subject(self.dynamodb, self.tables, acting.tenant, acting.staff_id, staff_id)

    def _refuse(self, request: Request, principal: Principal, subject: Subject) -> None:
        verdict = decide(principal.acting.staff_id, subject)
        if isinstance(verdict, Conflict):
            raise Refused(409, verdict.code, verdict.detail)
        if isinstance(verdict, Denied):
            self.guard.deny(request, principal, verdict.reason, {}, (Target("user", subject.staff_id),))
            raise Refused(verdict.status, verdict.code, verdict.detail)

    def _committed(self, told: Told) -> Erasure | None:
        """Commit; None when rows changed before, or when there are more salts than a commit takes."""
        subject, now = told.subject, told.request.now
        others = [one for one in subject.salted if one != subject.staff_id]
        last = len(others) < _SALTS
        salts = (*(others if last else others[:_SALTS]), *((subject.staff_id,) if last else ()))
        event_id = new_event_id(now)
        erasure = Erasure(subject.tenant, subject.staff_id, subject.subjects, int(now), event_id)
        items = [forgotten(self.tables.subject_keys, subject.tenant, one) for one in salts]
        items += unheld(self.tables.legal_holds, subject.tenant, subject.staff_id)
        items += [_nobody_comes(self.tables.tenant_staff, subject, one) for one in salts if one != subject.staff_id]
        items += _address(self.tables.tenant_staff, subject, last=last)
        if last:
            items += [*_rows(self.tables.tenant_staff, subject), begun(self.tables.erasures, erasure)]
            items.append(erased_effect(self.tables.outbox, told, event_id))
        event = self.chronicler.erased(told, event_id, salts, last=last)
        outcome = self.ledger.commit(subject.tenant, items, [event], acting=told.principal.acting)
        return None if isinstance(outcome, Refuted) or not last else erasure


def _rows(table: str, subject: Subject) -> list[Item]:
    """Make the gate a tombstone, held to what was read, and take the profile away."""
    tenant, staff_id, gate = subject.tenant, subject.staff_id, subject.gate
    if gate is None:  # never came, and may not come any more: an acceptance puts the gate too
        return [_tombstone(table, tenant, staff_id, "gate")]
    after = gate._replace(status=ERASED, session_version=gate.session_version + 1, must_enrol=False)
    return [changed_gate(table, tenant, staff_id, gate, after), delete(table, profile_key(tenant, staff_id))]


def _nobody_comes(table: str, subject: Subject, other: str) -> Item:
    """Hold it that nobody is behind another id whose salt goes, and that nobody will be (label "other_gate")."""
    if other in subject.tombstones:
        key = gate_key(subject.tenant, other)
        return check(table, key, equals("status", ERASED), label="other_gate")
    return _tombstone(table, subject.tenant, other, "other_gate")


def _tombstone(table: str, tenant: str, staff_id: str, label: str) -> Item:
    row = {**gate_key(tenant, staff_id), "status": ERASED, "role": "", "session_version": 1}
    return put(table, row, absent("tenant"), label=label)


def _address(table: str, subject: Subject, *, last: bool) -> list[Item]:
    """Hold the address to whose it was (label "email"); the last commit of a person takes it from him."""
    if subject.address is None:
        return []
    key = email_key(subject.tenant, subject.address)
    if subject.address_of is None:
        return [check(table, key, absent("tenant"), label="email")]
    his = equals("staff_id", subject.address_of)
    return [delete(table, key, his, label="email") if last else check(table, key, his, label="email")]


def _nobody() -> Refused:
    return Refused(404, "not_found", "Nobody of your tenant has this id.")


def _told(erasure: Erasure) -> Mapping[str, Any]:
    return {
        "staff_id": erasure.staff_id,
        "status": ERASED,
        "erased_at": rfc3339(erasure.erased_at),
        "event_id": erasure.event_id,
        "completed": erasure.done,
    }
