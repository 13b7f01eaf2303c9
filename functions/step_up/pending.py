"""POST /api/auth/step-up/verify without an access token: the answer to a risk that met a sign-in or a refresh.

1. Read the challenge; what is none of these, answered, expired or out of tries is refused. 2. Read the person, and
refuse what may not go on any more, or not from this address. 3. Judge the answer. 4. A wrong one is counted, in one
commit. A right one spends its code, closes the challenge and lets go on what waits, in one commit: a session opens, or
the refresh token is exchanged. 5. Answer with the tokens.

Who answers proves nothing else: the challenge was put to somebody who had the password, or the refresh token, and it is
bound to that very request.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from functions.step_up.factors import Answer, Desk, Proof, Wrong, open_factor
from functions.step_up.record import gone, refuse_unless_open
from functions.step_up.waiting import Person, Waiting
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.domain.session import ACTIVE
from shared.domain.step_up import Challenge, challenge_state
from shared.edge.address_rules import AddressRules, Origin
from shared.edge.bodies import VERIFY
from shared.edge.cookies import refuse_cross_site
from shared.edge.fields import read_body
from shared.edge.problem import invalid_credentials
from shared.edge.provenance import auth_of, context_of
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.risk_challenge import told
from shared.store.histories import history_key, history_of
from shared.store.item import batch_get
from shared.store.second_factors import factor_keys, factors_of
from shared.store.step_up_challenges import StoredChallenge, answered, missed, read_challenge
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import gate_key, gate_of, named
from shared.store.tenants import tenant_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.user_sessions import session_key

_ATTEMPTS: Final = 4
_NOBODY: Final = Actor("anonymous", None)

GoOn = Callable[[Request, Answer, StoredChallenge, Person], Waiting]


@dataclass(frozen=True, slots=True)
class PendingTables:
    tenants: str
    tenant_staff: str
    subject_keys: str
    user_sessions: str
    step_up_challenges: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """`purposes` maps the purpose of a challenge to what goes on when it is answered."""

    desk: Desk
    tables: PendingTables
    ledger: Ledger
    purposes: Mapping[str, GoOn]
    addresses: AddressRules
    allowed_origins: Sequence[str]

    def verify(self, request: Request) -> Reply:
        answer = Answer(**read_body(request, VERIFY))
        for _ in range(_ATTEMPTS):
            reply = self._verify(request, answer)
            if reply is not None:
                return reply
        raise Contended("the challenge kept changing")

    def _verify(self, request: Request, answer: Answer) -> Reply | None:
        """Decide once; None when the rows changed before the commit, so that it must be decided anew."""
        # 1. The challenge, and in browser mode a page of ours.
        stored = read_challenge(self.desk.dynamodb, self.tables.step_up_challenges, answer.challenge_id)
        if stored is None or stored.challenge.purpose not in self.purposes:
            raise gone()
        challenge = stored.challenge
        if stored.pending["cookie"]:
            refuse_cross_site(request, self.allowed_origins)
        refuse_unless_open(challenge_state(challenge, challenge.owner, challenge.session_id, request.now))
        # 2. The person, from where, and what waits.
        person = self._person(challenge)
        if person is None or person.tenant["status"] != ACTIVE or person.gate.status != ACTIVE:
            raise gone()
        self.addresses.refuse(request, person.tenant, lambda: _origin(stored, person))
        waiting = self.purposes[challenge.purpose](request, answer, stored, person)
        # 3. Judge.
        open_factor(person.factors, request.now, answer.method)
        judged = self.desk.judge(person.tenant_id, person.staff_id, person.factors, answer, stored, request.now)
        # 4. Commit, 5. answer.
        if isinstance(judged, Wrong):
            self._miss(request, stored, person, judged)
            return None
        return self._go_on(request, stored, person, waiting, judged)

    def _person(self, challenge: Challenge) -> Person | None:
        """Read everything about the person of a challenge in one consistent call; None where the tenant is gone."""
        tenant, _, staff_id = challenge.owner.partition("#")
        sessions = [session_key(tenant, staff_id, challenge.session_id)] if challenge.session_id else []
        gate, history = gate_key(tenant, staff_id), history_key(tenant, staff_id)
        found = batch_get(
            self.desk.dynamodb,
            {
                self.tables.tenants: [tenant_key(tenant)],
                self.tables.tenant_staff: [gate, history, *factor_keys(tenant, staff_id)],
                self.tables.subject_keys: [subject_key(tenant, staff_id)],
                self.tables.user_sessions: sessions,
            },
        )
        rows, salts = named(found[self.tables.tenant_staff]), found[self.tables.subject_keys]
        if not found[self.tables.tenants]:
            return None
        return Person(
            tenant=found[self.tables.tenants][0],
            staff_id=staff_id,
            gate=gate_of(rows.get(gate["item"])),
            history=history_of(rows.get(history["item"])),
            factors=factors_of(rows, staff_id, salts[0]["salt"] if salts else None),
            session=next(iter(found[self.tables.user_sessions]), None),
        )

    def _go_on(
        self, request: Request, stored: StoredChallenge, person: Person, waiting: Waiting, proof: Proof
    ) -> Reply | None:
        challenge, now = stored.challenge, int(request.now)
        gone_on = waiting.go_on(proof)
        verified = self._event(
            request,
            stored,
            person,
            "STEP_UP_VERIFIED",
            actor=Actor(
                "user",
                person.staff_id,
                person.gate.role,
                gone_on.session_id,
                auth_of(gone_on.standing.amr),
                told(challenge.challenge_id),
            ),
            meta={"purpose": challenge.purpose, "method": proof.method},
        )
        items = [answered(self.tables.step_up_challenges, challenge, now), *proof.spends, *gone_on.items]
        outcome = self.ledger.commit(person.tenant_id, items, [verified, *gone_on.events])
        return None if isinstance(outcome, Refuted) else gone_on.reply(proof.advice(gone_on.standing))

    def _miss(self, request: Request, stored: StoredChallenge, person: Person, wrong: Wrong) -> None:
        """Count a wrong answer, then refuse; returns when the rows changed meanwhile."""
        challenge = stored.challenge
        meta: dict[str, Json] = {"purpose": challenge.purpose, "method": wrong.method, "tries": challenge.tries + 1}
        miss = self.desk.missed(person.tenant_id, person.staff_id, person.factors, wrong, request.now)
        events = [self._event(request, stored, person, "STEP_UP_FAILED", reason=wrong.reason, meta=meta)]
        if miss.lock is not None:
            events.append(self._event(request, stored, person, "STEP_UP_LOCKED", reason=miss.lock, meta=meta))
        items = [missed(self.tables.step_up_challenges, challenge), *miss.items]
        if not isinstance(self.ledger.commit(person.tenant_id, items, events), Refuted):
            raise invalid_credentials()

    def _event(
        self,
        request: Request,
        stored: StoredChallenge,
        person: Person,
        action: str,
        *,
        meta: Mapping[str, Json],
        actor: Actor = _NOBODY,
        reason: str | None = None,
    ) -> Draft:
        """Write an event with the sealed address, chained to the risk that asked; one with a `reason` is a failure."""
        event_id, challenge, incident = new_event_id(request.now), stored.challenge, str(stored.pending["incident_id"])
        session = (Target("session", challenge.session_id),) if challenge.session_id else ()
        return Draft(
            event_id=event_id,
            action=action,
            outcome="success" if reason is None else "failure",
            actor=actor,
            resource=f"step_up_challenges/{told(challenge.challenge_id)}",
            context=context_of(request, str(stored.pending["device_hash"]), incident),
            reason=reason,
            targets=(Target("user", person.staff_id), *session),
            personal=self.desk.sealed(request, person.tenant, person.staff_id, person.factors.salt, event_id),
            meta=meta,
        )


def _origin(stored: StoredChallenge, person: Person) -> Origin:
    """Say who was asked; that he is the one who answers is not proved yet."""
    asked = (Target("user", person.staff_id),)
    return Origin(_NOBODY, person.staff_id, device_hash=str(stored.pending["device_hash"]), targets=asked)
