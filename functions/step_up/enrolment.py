"""POST /api/auth/factors/totp and .../confirm: an authenticator is offered, then proved, and only then enrolled.

Begin: 1. admit; 2. refuse whoever has one; 3. make a secret, sealed; 4. commit it as a challenge of this session;
5. show it, once. Confirm: 1. admit; 2. read the challenge; 3. judge the code; 4. commit factor and recovery codes;
5. show those, once. Until the last commit nothing about the person has changed: what is abandoned expires by itself.
"""

from dataclasses import dataclass
from typing import Final

import pyotp

from functions.step_up.factors import Desk, new_recovery_codes
from functions.step_up.record import already_used, event, refuse_dead_session, refuse_unless_open
from shared.audit.canonical import Json
from shared.domain.step_up import ENROLMENT_SECONDS, TOTP, Challenge, challenge_state, spent_step
from shared.edge.bodies import EMPTY, TOTP_CONFIRM
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.problem import invalid_credentials, invalid_token
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.argon2id import hashed
from shared.runtime.sealed_secret import totp_context
from shared.store.item import get
from shared.store.step_up_challenges import (
    StoredChallenge,
    answered,
    enrolment_id,
    missed,
    put_challenge,
    read_challenge,
)
from shared.store.tenant_staff import enrolled_totp, profile_key
from shared.store.tenant_staff import new_recovery_codes as put_recovery_codes
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.user_sessions import owner_of

PURPOSE: Final = "totp_enrolment"
_ATTEMPTS: Final = 3
_SECRET_CHARACTERS: Final = 32  # of base 32: 160 bits, what RFC 4226 section 4 recommends


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    desk: Desk
    challenges_table: str
    ledger: Ledger
    guard: Guard
    issuer_name: str

    def begin(self, request: Request) -> Reply:
        # 1. Admit, 2. and refuse whoever has an authenticator.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        acting = principal.acting
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        if factors.totp is not None:
            raise already_used("An authenticator is enrolled.")
        # 3. A secret, sealed for this person.
        secret = pyotp.random_base32(_SECRET_CHARACTERS)
        sealed = self.desk.sealer.seal(secret.encode(), totp_context(acting.tenant, acting.staff_id))
        # 4. A new one replaces and voids the one before.
        challenge = Challenge(
            challenge_id=enrolment_id(acting.session_id),
            owner=owner_of(acting.tenant, acting.staff_id),
            session_id=acting.session_id,
            purpose=PURPOSE,
            tries=0,
            expires_at=int(request.now) + ENROLMENT_SECONDS,
            outcome=None,
        )
        asked = event(
            request, principal, "STEP_UP_REQUIRED", "success", challenge.challenge_id, meta={"purpose": PURPOSE}
        )
        items = [put_challenge(self.challenges_table, challenge, sealed)]
        outcome = self.ledger.commit(acting.tenant, items, [asked], acting=acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 5. The one time that the secret is shown.
        return json_reply(201, {"secret": secret, "otpauth_uri": self._uri(principal, secret)})

    def confirm(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        code = read_body(request, TOTP_CONFIRM)["code"]
        for _ in range(_ATTEMPTS):
            reply = self._confirm(request, principal, code)
            if reply is not None:
                return reply
        raise Contended("the enrolment kept changing")

    def _confirm(self, request: Request, principal: Principal, code: str) -> Reply | None:
        """Decide once; None when the rows changed before the commit, so that it must be decided anew."""
        acting = principal.acting
        # 2. The challenge of this session.
        stored = read_challenge(self.desk.dynamodb, self.challenges_table, enrolment_id(acting.session_id))
        owner = owner_of(acting.tenant, acting.staff_id)
        state = challenge_state(stored.challenge if stored else None, owner, acting.session_id, request.now)
        refuse_unless_open(state)
        if stored is None or stored.pending_sealed is None:
            raise RuntimeError("an open enrolment without a secret")
        # 3. The code; its time step is spent by the enrolment itself.
        code_at = self.desk.code_at(acting.tenant, acting.staff_id, stored.pending_sealed)
        step = spent_step(code, request.now, 0, code_at)
        if step is None:
            self._miss(request, principal, stored.challenge)
            return None
        # 4. and 5.
        return self._enrol(request, principal, stored, stored.pending_sealed, step)

    def _enrol(
        self, request: Request, principal: Principal, stored: StoredChallenge, sealed: bytes, step: int
    ) -> Reply | None:
        acting, now, table = principal.acting, int(request.now), self.desk.tables.tenant_staff
        codes = new_recovery_codes()
        hashes = [hashed(secret) for _, secret in codes]
        items = [
            answered(self.challenges_table, stored.challenge, now),
            enrolled_totp(table, acting.tenant, acting.staff_id, sealed, step, now),
            put_recovery_codes(table, acting.tenant, acting.staff_id, hashes, now),
        ]
        meta: dict[str, Json] = {"factor": TOTP, "recovery_codes": len(codes)}
        done = event(request, principal, "MFA_ENROLLED", "success", stored.challenge.challenge_id, meta=meta)
        outcome = self.ledger.commit(acting.tenant, items, [done], acting=acting)
        if isinstance(outcome, Refuted):
            refuse_dead_session(outcome, acting.session_version)
            if "totp" in outcome.failed:
                raise already_used("An authenticator is enrolled.")
            return None
        return json_reply(200, {"recovery_codes": [printed for printed, _ in codes]})

    def _miss(self, request: Request, principal: Principal, challenge: Challenge) -> None:
        """Count a wrong code, then refuse; returns when the challenge changed meanwhile."""
        meta: dict[str, Json] = {"purpose": PURPOSE, "method": TOTP, "tries": challenge.tries + 1}
        failed = event(
            request, principal, "STEP_UP_FAILED", "failure", challenge.challenge_id, meta=meta, reason="WRONG_CODE"
        )
        items = [missed(self.challenges_table, challenge)]
        outcome = self.ledger.commit(principal.acting.tenant, items, [failed], acting=principal.acting)
        if not isinstance(outcome, Refuted):
            raise invalid_credentials()
        refuse_dead_session(outcome, principal.acting.session_version)

    def _uri(self, principal: Principal, secret: str) -> str:
        acting = principal.acting
        profile = get(self.desk.dynamodb, self.desk.tables.tenant_staff, profile_key(acting.tenant, acting.staff_id))
        account = str(profile["email"]) if profile else acting.staff_id
        return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=self.issuer_name)
