"""POST /api/auth/step-up/challenges and /verify: a fresh proof, bound to a session and to one purpose.

Challenge: 1. admit; 2. read the factors; 3. commit the challenge, which voids the one before; 4. answer.
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

from functions.step_up.factors import Desk, Factors, Proof, Wrong
from functions.step_up.record import event, locked, refuse_dead_session, refuse_unless_open
from shared.audit.canonical import Json
from shared.audit.event import Draft, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.step_up import CHALLENGE_SECONDS, PURPOSES, Challenge, Gone, Grant, challenge_state
from shared.edge.bodies import CHALLENGE, VERIFY
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.problem import Refused, invalid_credentials, invalid_token
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.store.step_up_challenges import answered, missed, put_challenge, read_challenge
from shared.store.tenant_staff import TotpRow, failed_factor
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.user_sessions import challenged, granted, owner_of

_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What was sent: exactly one of `code` and `recovery_code` is there."""

    challenge_id: str
    code: str | None
    recovery_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    desk: Desk
    challenges_table: str
    sessions_table: str
    ledger: Ledger
    guard: Guard
    issuer: TokenIssuer

    def challenge(self, request: Request) -> Reply:
        # 1. Admit, 2. and read the factors.
        principal = self.guard.admit(request)
        purpose = read_body(request, CHALLENGE)["purpose"]
        acting = principal.acting
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        _enrolled(factors, request.now)
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
        items = [
            put_challenge(self.challenges_table, challenge),
            challenged(self.sessions_table, acting, challenge.challenge_id),
        ]
        outcome = self.ledger.commit(acting.tenant, items, [asked], acting=acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 4. Answer.
        return json_reply(
            201,
            {
                "challenge_id": challenge.challenge_id,
                "purpose": purpose,
                "methods": factors.methods,
                "expires_at": rfc3339(challenge.expires_at),
            },
        )

    def verify(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        answer = Answer(**read_body(request, VERIFY))
        pending = principal.session.step_up_challenge
        for _ in range(_ATTEMPTS):
            outcome = self._verify(request, principal, answer, pending)
            if isinstance(outcome, Reply):
                return outcome
            # Somebody else changed the rows: a dead session is refused, all else is read and judged anew.
            refuse_dead_session(outcome, principal.acting.session_version)
            row = outcome.failed.get("acting_session")
            pending = row.get("step_up_challenge") if row else pending
        raise Contended("the challenge kept changing")

    def _verify(self, request: Request, principal: Principal, answer: Answer, pending: str | None) -> Reply | Refuted:
        acting = principal.acting
        # 2. Challenge and factors as they are now.
        stored = read_challenge(self.desk.dynamodb, self.challenges_table, answer.challenge_id)
        challenge = stored.challenge if stored else None
        # 3. Open, the session's latest, and within the person's budget of wrong answers.
        owner = owner_of(acting.tenant, acting.staff_id)
        refuse_unless_open(challenge_state(challenge, owner, acting.session_id, request.now))
        if challenge is None or challenge.challenge_id != pending or challenge.purpose not in PURPOSES:
            refuse_unless_open(Gone())
            raise RuntimeError("a challenge that is gone was not refused")
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        totp = _enrolled(factors, request.now)
        # 4. Judge, 5. commit, 6. answer.
        judged = self._judge(request, principal, answer, factors, totp)
        if isinstance(judged, Wrong):
            return self._miss(request, principal, challenge, factors, totp, judged)
        return self._grant(request, principal, challenge, factors, judged)

    def _judge(
        self, request: Request, principal: Principal, answer: Answer, factors: Factors, totp: TotpRow
    ) -> Proof | Wrong:
        if answer.code is not None:
            return self.desk.judge_totp(principal, totp, answer.code, request.now)
        return self.desk.judge_recovery(principal, factors, answer.recovery_code or "", int(request.now))

    def _grant(
        self, request: Request, principal: Principal, challenge: Challenge, factors: Factors, proof: Proof
    ) -> Reply | Refuted:
        acting, now = principal.acting, int(request.now)
        standing = proof.raised(principal.session.standing(acting.role), now)
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
        items = [closed, proof.spends, granted(self.sessions_table, acting, grant, standing)]
        outcome = self.ledger.commit(acting.tenant, items, [verified], acting=acting)
        if isinstance(outcome, Refuted):
            return outcome
        purpose = PURPOSES[challenge.purpose]
        return json_reply(
            200,
            {
                "purpose": purpose.name,
                "granted_until": rfc3339(now + purpose.max_age_seconds),
                "access_token": access_token,
                "expires_in": self.issuer.expires_at(standing, now) - now,
            },
        )

    def _miss(
        self,
        request: Request,
        principal: Principal,
        challenge: Challenge,
        factors: Factors,
        totp: TotpRow,
        wrong: Wrong,
    ) -> Refuted:
        """Count a wrong answer, then refuse; returns when the rows changed meanwhile."""
        acting = principal.acting
        meta: dict[str, Json] = {"purpose": challenge.purpose, "method": wrong.method, "tries": challenge.tries + 1}
        failed = self._event(request, principal, "STEP_UP_FAILED", challenge, factors, meta, reason=wrong.reason)
        after = totp.failures.after_one_more(int(request.now))
        table = self.desk.tables.tenant_staff
        items = [
            missed(self.challenges_table, challenge),
            failed_factor(table, acting.tenant, acting.staff_id, totp.failures, after),
        ]
        outcome = self.ledger.commit(acting.tenant, items, [failed], acting=acting)
        if isinstance(outcome, Refuted):
            return outcome
        raise invalid_credentials()

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
            personal=self.desk.sealed(request, principal, factors.salt, event_id),
        )


def _enrolled(factors: Factors, now: float) -> TotpRow:
    """Give the authenticator; refuse whoever has none, and whoever has answered wrongly too often."""
    if factors.totp is None:
        raise Refused(401, "mfa_enrollment_required", "Enrol an authenticator first.")
    lock = factors.totp.failures.lock(now)
    if lock is not None:
        raise locked(lock)
    return factors.totp
