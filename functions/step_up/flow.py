"""POST /api/auth/step-up/challenges and /verify: a fresh proof, bound to a session and to one purpose.

Challenge: 1. admit; 2. read the factors, and judge the place; 3. commit the challenge, which voids the one before;
4. answer.
Verify: 1. admit; 2. read challenge and factors; 3. refuse what is not open or locked; 4. judge the answer; 5. commit,
in one transaction: a right one spends its code, closes the challenge and grants the session, a wrong one is counted;
6. answer. The refresh token is not rotated: a client that loses this answer loses nothing.

Whatever arrives at once, each commit holds the number of tries and the time step to what was read: of two equal codes
one wins, and of many guesses one counts at a time.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.step_up.factors import Answer, Desk, Proof, Wrong, answer_of, open_factor
from functions.step_up.record import event, refuse_unless_open
from functions.step_up.sensitive import Sensitive
from shared.audit.canonical import Json
from shared.audit.event import Draft, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.passkey import NONCE_OCTETS
from shared.domain.step_up import CHALLENGE_SECONDS, PASSKEY, PURPOSES, Challenge, Gone, Grant, Open, challenge_state
from shared.edge.bodies import CHALLENGE
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.moved_session import refuse_dead
from shared.edge.problem import invalid_credentials, invalid_token
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.second_factors import Factors
from shared.store.step_up_challenges import StoredChallenge, answered, missed, put_challenge, read_challenge
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.user_sessions import challenged, granted, owner_of

_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    desk: Desk
    challenges_table: str
    sessions_table: str
    ledger: Ledger
    guard: Guard
    issuer: TokenIssuer
    policies: TenantPolicies
    sensitive: Sensitive

    def challenge(self, request: Request) -> Reply:
        # 1. Admit, 2. read the factors, and judge the place.
        principal = self.guard.admit(request)
        purpose = read_body(request, CHALLENGE)["purpose"]
        acting = principal.acting
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        methods = open_factor(factors, request.now)
        scored = self.sensitive.judged(request, principal, factors)
        # 3. One open challenge a session: the row of the session names it.
        challenge = Challenge(
            challenge_id=secrets.token_urlsafe(18),
            owner=owner_of(acting.tenant, acting.staff_id),
            session_id=acting.session_id,
            purpose=purpose,
            tries=0,
            expires_at=int(request.now) + CHALLENGE_SECONDS,
            outcome=None,
        )
        asked = self._event(request, principal, "STEP_UP_REQUIRED", challenge, factors, {"purpose": purpose})
        stored = StoredChallenge(
            challenge, passkey_nonce=secrets.token_bytes(NONCE_OCTETS) if PASSKEY in methods else None
        )
        items = [
            put_challenge(self.challenges_table, stored),
            challenged(self.sessions_table, acting, challenge.challenge_id),
        ]
        outcome = self.ledger.commit(acting.tenant, items, [asked, *scored], acting=acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 4. Answer.
        answer = {
            "challenge_id": challenge.challenge_id,
            "purpose": purpose,
            "methods": methods,
            "expires_at": rfc3339(challenge.expires_at),
        }
        options = self.desk.passkey_options(factors, stored)
        return json_reply(201, answer if options is None else answer | {"passkey": options})

    def verify(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        answer = answer_of(request)
        pending = principal.session.step_up_challenge
        for _ in range(_ATTEMPTS):
            outcome = self._verify(request, principal, answer, pending)
            if isinstance(outcome, Reply):
                return outcome
            # Somebody else changed the rows: a dead session is refused, all else is read and judged anew.
            refuse_dead(outcome, principal.acting)
            row = outcome.failed.get("acting_session")
            pending = row.get("step_up_challenge") if row else pending
        raise Contended("the challenge kept changing")

    def _verify(self, request: Request, principal: Principal, answer: Answer, pending: str | None) -> Reply | Refuted:
        acting = principal.acting
        # 2. Challenge and factors as they are now.
        stored = read_challenge(self.desk.dynamodb, self.challenges_table, answer.challenge_id)
        challenge = stored.challenge if stored else None
        # 3. Open, the session's latest, and within the person's budget of wrong codes.
        owner = owner_of(acting.tenant, acting.staff_id)
        state = challenge_state(challenge, owner, acting.session_id, request.now)
        latest = challenge is not None and challenge.challenge_id == pending and challenge.purpose in PURPOSES
        if isinstance(state, Gone) or (isinstance(state, Open) and not latest):
            self._gone(request, principal, challenge if challenge and challenge.owner == owner else None)
        refuse_unless_open(state)
        if stored is None or challenge is None:
            raise RuntimeError("a challenge that is gone was not refused")
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        open_factor(factors, request.now, answer.method)
        # 4. Judge, 5. commit, 6. answer.
        judged = self.desk.judge(acting.tenant, acting.staff_id, factors, answer, stored, request.now)
        if isinstance(judged, Wrong):
            return self._miss(request, principal, challenge, factors, judged)
        return self._grant(request, principal, challenge, factors, judged)

    def _grant(
        self, request: Request, principal: Principal, challenge: Challenge, factors: Factors, proof: Proof
    ) -> Reply | Refuted:
        acting, now = principal.acting, int(request.now)
        limit = self.policies.from_row(principal.tenant).absolute_seconds(acting.role, second_factor=True)
        standing = proof.raised(principal.session.standing(acting.role), now, limit)
        grant = Grant(challenge.purpose, now, proof.method, challenge.challenge_id)
        bearer = Bearer(
            acting.tenant,
            acting.staff_id,
            acting.session_id,
            acting.session_version,
            principal.token.generation,
            standing,
        )
        # Signed before the commit: where no token can be made, no code is spent.
        access_token = self.issuer.mint(bearer, now)
        meta: dict[str, Json] = {"purpose": challenge.purpose, "method": proof.method}
        verified = self._event(request, principal, "STEP_UP_VERIFIED", challenge, factors, meta)
        closed = answered(self.challenges_table, challenge, now)
        remembered = self.sensitive.remembered(principal, now)
        items = [closed, *proof.spends, granted(self.sessions_table, acting, grant, standing), *remembered]
        outcome = self.ledger.commit(acting.tenant, items, [verified], acting=acting)
        if isinstance(outcome, Refuted):
            return outcome
        purpose = PURPOSES[challenge.purpose]
        members = {
            "purpose": purpose.name,
            "granted_until": rfc3339(now + purpose.max_age_seconds),
            "access_token": access_token,
            "expires_in": self.issuer.expires_at(standing, now) - now,
        }
        return json_reply(200, members | proof.advice(standing))

    def _miss(
        self, request: Request, principal: Principal, challenge: Challenge, factors: Factors, wrong: Wrong
    ) -> Refuted:
        """Count a wrong answer, then refuse; returns when the rows changed meanwhile."""
        acting = principal.acting
        meta: dict[str, Json] = {"purpose": challenge.purpose, "method": wrong.method, "tries": challenge.tries + 1}
        events = [self._event(request, principal, "STEP_UP_FAILED", challenge, factors, meta, reason=wrong.reason)]
        miss = self.desk.missed(acting.tenant, acting.staff_id, factors, wrong, request.now)
        if miss.lock is not None:
            events.append(self._event(request, principal, "STEP_UP_LOCKED", challenge, factors, meta, reason=miss.lock))
        items = [missed(self.challenges_table, challenge), *miss.items]
        outcome = self.ledger.commit(acting.tenant, items, events, acting=acting)
        if isinstance(outcome, Refuted):
            return outcome
        raise invalid_credentials()

    def _gone(self, request: Request, principal: Principal, known: Challenge | None) -> None:
        """Record an answer to what is not asked (any more), then refuse; `known` is the person's own challenge."""
        challenge_id = known.challenge_id if known else "unknown"
        meta: dict[str, Json] = {"purpose": known.purpose} if known else {}
        failed = event(
            request, principal, "STEP_UP_FAILED", "failure", challenge_id, meta=meta, reason="CHALLENGE_GONE"
        )
        outcome = self.ledger.commit(principal.acting.tenant, [], [failed], acting=principal.acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        refuse_unless_open(Gone())

    def _event(
        self,
        request: Request,
        principal: Principal,
        action: str,
        challenge: Challenge,
        factors: Factors,
        meta: Mapping[str, Json],
        reason: str | None = None,
    ) -> Draft:
        """Write an event with the sealed address; one with a `reason` is a failure."""
        event_id = new_event_id(request.now)
        return event(
            request,
            principal,
            action,
            "success" if reason is None else "failure",
            challenge.challenge_id,
            meta=meta,
            reason=reason,
            event_id=event_id,
            personal=self.desk.sealed(request, principal.tenant, principal.acting.staff_id, factors.salt, event_id),
        )
