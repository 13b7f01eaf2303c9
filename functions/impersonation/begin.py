"""POST /api/impersonation: act in another person's name.

1. Admit; 2. read what is asked; 3. read the other person; 4. refuse on the record what must not be; 5. make the token;
6. commit the session, the row and the events, on everything that was relied on: both people as they were read, and the
tenant's settings; 7. answer. What changed meanwhile is decided anew.

Whoever has one open leaves it with the same commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from functions.impersonation.asked import UNKNOWN, Asked, asked_of, objection
from functions.impersonation.document import impersonation_document
from functions.impersonation.record import Chronicler, denied, started, started_effects
from functions.impersonation.standing import Standing
from shared.audit.event import Draft, new_event_id
from shared.domain.impersonation import SUPERSEDED
from shared.domain.security_policy import SecurityPolicy, policy_of
from shared.domain.session import Standing as Worth
from shared.edge.bodies import IMPERSONATION
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.problem import Refused, invalid_token, rate_limited
from shared.edge.provenance import binding_of, context_of
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.store.attribute import Row
from shared.store.impersonation_ends import End, EndTables, ended
from shared.store.impersonations import Beginning, Person, begun, open_by, opened_session
from shared.store.item import Item, batch_get
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import GateRow, gate_key, gate_of, unchanged_gate
from shared.store.tenants import unchanged_policy
from shared.store.throttles import digest, reserve_budget
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

BUDGET: Final = 12
BUDGET_SECONDS: Final = 300
_ATTEMPTS: Final = 4


class _Found(NamedTuple):
    """The other person's gate, and the salts of both by id; of whoever was erased there is none."""

    gate: GateRow
    salts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    dynamodb: JsonService
    tables: EndTables
    tenants_table: str
    tenant_staff_table: str
    subject_keys_table: str
    throttles_table: str
    ledger: Ledger
    guard: Guard
    standing: Standing
    chronicler: Chronicler
    issuer: TokenIssuer

    def __call__(self, request: Request) -> Reply:
        for number in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race.
            principal = self.guard.admit(request)
            row = principal.tenant
            policy = policy_of(row["policy"], row["policy_version"], {})
            # 2. What is asked.
            asked = asked_of(read_body(request, IMPERSONATION), policy)
            # 3. Who that is.
            found = self._find(principal, asked.target_id)
            # 4. Whether it may be.
            self._refuse(request, principal, asked, found, policy)
            if number == 0:
                self._take_from_budget(request, principal)
            # 5. to 7.
            reply = self._begin(request, principal, asked, found, policy)
            if reply is not None:
                return reply
        raise Contended("the people kept changing")

    def _find(self, principal: Principal, target_id: str) -> _Found:
        tenant, actor = principal.acting.tenant, principal.acting.staff_id
        rows = batch_get(
            self.dynamodb,
            {
                self.tenant_staff_table: [gate_key(tenant, target_id)],
                self.subject_keys_table: [subject_key(tenant, person) for person in {actor, target_id}],
            },
        )
        gate = gate_of(next(iter(rows[self.tenant_staff_table]), None))
        return _Found(gate, {row["subject"]: row["salt"] for row in rows[self.subject_keys_table]})

    def _take_from_budget(self, request: Request, principal: Principal) -> None:
        """Take one beginning from the actor's budget: each is a mail to somebody, and ends the one before."""
        bucket = f"impersonate#{digest(principal.acting.tenant, principal.acting.staff_id)}"
        budget = (bucket, BUDGET, BUDGET_SECONDS, request.now)
        wait = reserve_budget(self.dynamodb, self.throttles_table, *budget)
        if wait is not None:
            raise rate_limited(wait.retry_after_seconds)

    def _refuse(
        self, request: Request, principal: Principal, asked: Asked, found: _Found, policy: SecurityPolicy
    ) -> None:
        """Raise `Refused` for what must not be, after the refusal is on record."""
        reason = objection(principal, asked, found.gate, policy)
        if reason is None:
            return
        event = denied(request, principal, asked.target_id, reason, {"mode": asked.mode})
        event = self.chronicler.sealed(request, principal.tenant, event, found.salts)
        if isinstance(self.ledger.commit(principal.acting.tenant, [], [event], acting=principal.acting), Refuted):
            raise invalid_token()
        raise _not_there() if reason == UNKNOWN else _may_not()

    def _begin(
        self, request: Request, principal: Principal, asked: Asked, found: _Found, policy: SecurityPolicy
    ) -> Reply | None:
        acting, tenant = principal.acting, principal.acting.tenant
        beginning = _beginning(request, principal, asked, found.gate, policy)
        target = beginning.target
        # 5. The token, signed before anything is committed.
        worth = _worth(principal, beginning)
        bearer = Bearer(
            tenant,
            target.staff_id,
            beginning.impersonation_id,
            target.session_version,
            1,
            worth,
            beginning.impersonator,
        )
        access_token = self.issuer.mint(bearer, beginning.started_at)
        # 6. All or nothing.
        open_row = open_by(self.dynamodb, self.tables.impersonations, tenant, acting.staff_id)
        left_items, left_events = self._left(request, principal, open_row, found.salts)
        binding = binding_of(request, principal.session.binding.device_hash)
        items = [
            unchanged_policy(self.tenants_table, tenant, principal.tenant["policy_version"]),
            unchanged_gate(self.tenant_staff_table, tenant, target.staff_id, found.gate),
            opened_session(self.tables.user_sessions, beginning, binding, worth),
            begun(self.tables.impersonations, beginning, None if open_row is None else open_row["impersonation_id"]),
            *left_items,
            *started_effects(self.tables.outbox, request, beginning),
        ]
        event = started(request, principal, beginning)
        event = self.chronicler.sealed(request, principal.tenant, event, found.salts, beginning.reason)
        events = [*left_events, event]
        outcome = self.ledger.commit(tenant, items, events, acting=acting)
        if isinstance(outcome, Refuted):
            if died(outcome):
                raise invalid_token()
            return None
        # 7. Answer.
        return _answer(request, beginning, access_token)

    def _left(
        self, request: Request, principal: Principal, row: Row | None, salts: Mapping[str, bytes]
    ) -> tuple[list[Item], list[Draft]]:
        """End what the asker has open: he acts in one name at a time."""
        if row is None:
            return [], []
        (judged,) = self.standing.judged(row["tenant"], [row], request.now)
        context = context_of(request, principal.session.binding.device_hash)
        end = End(judged.cause or SUPERSEDED, principal.actor(), context, request.now, replaced=True)
        items, event = ended(self.tables, row, judged.session, end)
        return items, [self.chronicler.sealed(request, principal.tenant, event, salts)]


def _beginning(
    request: Request, principal: Principal, asked: Asked, gate: GateRow, policy: SecurityPolicy
) -> Beginning:
    acting, now = principal.acting, int(request.now)
    return Beginning(
        tenant=acting.tenant,
        impersonation_id=new_event_id(request.now),
        actor=Person(acting.staff_id, acting.session_version, acting.role),
        actor_session=acting.session_id,
        target=Person(asked.target_id, gate.session_version, gate.role),
        mode=asked.mode,
        reason=asked.reason,
        ticket=asked.ticket,
        notice=policy.impersonation_notice,
        started_at=now,
        expires_at=now + 60 * asked.minutes,
    )


def _worth(principal: Principal, beginning: Beginning) -> Worth:
    """Say what its session is worth: proved as the actor's is, and for as long as was asked."""
    own, started_at, expires_at = principal.session, beginning.started_at, beginning.expires_at
    return Worth(
        beginning.target.role, own.acr, own.amr, own.auth_time, started_at, expires_at, expires_at - started_at
    )


def _answer(request: Request, beginning: Beginning, access_token: str) -> Reply:
    row = {
        **beginning._asdict(),
        "actor": beginning.actor.staff_id,
        "actor_role": beginning.actor.role,
        "target": beginning.target.staff_id,
        "target_role": beginning.target.role,
    }
    members = {
        "token_type": "Bearer",
        "access_token": access_token,
        "expires_in": beginning.expires_at - int(request.now),
        "impersonation": impersonation_document(row),
    }
    return json_reply(201, members)


def _not_there() -> Refused:
    return Refused(404, "not_found", "There is nobody with this id.")


def _may_not() -> Refused:
    return Refused(403, "permission_denied", "This is nobody in whose name you may act in this way.")
