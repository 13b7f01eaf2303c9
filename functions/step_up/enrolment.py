"""POST /api/auth/factors/totp and .../confirm: an authenticator is offered, then proved, and only then enrolled.

Begin: 1. admit; 2. of whoever has a second factor, ask a fresh proof (ASVS 7.5.1); 3. make a secret, sealed; 4. commit
it as a challenge of this session; 5. show it, once. Confirm: 1. admit; 2. read the challenge; 3. judge the code;
4. commit factor and recovery codes; 5. show those, once. Until the last commit nothing about the person has changed:
what is abandoned expires by itself, and an authenticator that is to be replaced works until then.

A replaced authenticator ends all other sessions in the same commit. The first one lets an administrator who had to
enrol do all that his role may.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import pyotp

from functions.step_up.change import Change
from functions.step_up.factors import Desk
from functions.step_up.record import already_used, event, factor_event, refuse_unless_open
from functions.step_up.recovery_code import NewCodes, new_recovery_codes
from functions.step_up.removal import ACCOUNT_SECURITY
from shared.audit.canonical import Json
from shared.domain.step_up import (
    ENROLMENT_SECONDS,
    PURPOSES,
    TOTP,
    Challenge,
    challenge_state,
    fresh,
    spent_step,
)
from shared.edge.bodies import EMPTY, TOTP_CONFIRM
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.moved_session import refuse_dead
from shared.edge.problem import invalid_credentials, invalid_token, step_up_needed
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.sealed_secret import totp_context
from shared.store.item import get
from shared.store.second_factors import Factors, TotpRow, no_longer_must_enrol, replaced_recovery_codes, replaced_totp
from shared.store.step_up_challenges import (
    StoredChallenge,
    answered,
    enrolment_id,
    missed,
    put_challenge,
    read_challenge,
)
from shared.store.tenant_staff import enrolled_totp, profile_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.user_sessions import owner_of

PURPOSE: Final = "totp_enrolment"
_ATTEMPTS: Final = 3
_SECRET_CHARACTERS: Final = 32  # of base 32: 160 bits, what RFC 4226 section 4 recommends


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    desk: Desk
    challenges_table: str
    change: Change
    ledger: Ledger
    guard: Guard
    issuer_name: str

    def begin(self, request: Request) -> Reply:
        # 1. Admit, 2. and ask a fresh proof of whoever can give one: a stolen session must not add a factor of its own.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        acting = principal.acting
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        purpose = PURPOSES[ACCOUNT_SECURITY]
        if factors.enrolled and not fresh(principal.session.grants.get(purpose.name), purpose, request.now):
            raise step_up_needed(purpose.name, factors.open_methods(request.now), purpose.acr, purpose.max_age_seconds)
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
        stored = StoredChallenge(challenge, pending_sealed=sealed, pending={"replaces": _identity(factors.totp)})
        items = [put_challenge(self.challenges_table, stored)]
        outcome = self.ledger.commit(acting.tenant, items, [asked], acting=acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 5. The one time that the secret is shown.
        return json_reply(201, {"secret": secret, "otpauth_uri": self._uri(principal, secret)})

    def confirm(self, request: Request) -> Reply:
        codes = cache(new_recovery_codes)  # hashed once, however often the commit must be tried
        for _ in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race.
            principal = self.guard.admit(request)
            code = read_body(request, TOTP_CONFIRM)["code"]
            outcome = self._confirm(request, principal, code, codes)
            if isinstance(outcome, Reply):
                return outcome
            refuse_dead(outcome, principal.acting)
        raise Contended("the enrolment kept changing")

    def _confirm(
        self, request: Request, principal: Principal, code: str, codes: Callable[[], NewCodes]
    ) -> Reply | Refuted:
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
            return self._miss(request, principal, stored.challenge)
        # 4. and 5., if nobody has enrolled another one since it was begun.
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        if stored.pending.get("replaces") != _identity(factors.totp):
            raise already_used("The authenticator has been changed since.")
        return self._enrol(request, principal, stored, stored.pending_sealed, factors, step, codes())

    def _enrol(
        self,
        request: Request,
        principal: Principal,
        stored: StoredChallenge,
        sealed: bytes,
        factors: Factors,
        step: int,
        codes: NewCodes,
    ) -> Reply | Refuted:
        acting, now, table = principal.acting, int(request.now), self.desk.tables.tenant_staff
        before = factors.totp
        items = [
            answered(self.challenges_table, stored.challenge, now),
            enrolled_totp(table, acting.tenant, acting.staff_id, sealed, step, now)
            if before is None
            else replaced_totp(table, acting.tenant, acting.staff_id, before, sealed, step, now),
            replaced_recovery_codes(table, acting.tenant, acting.staff_id, factors.recovery, codes.hashes),
            self.desk.mail(acting.tenant, acting.staff_id, "factor_added", request.now, factor=TOTP),
            *([no_longer_must_enrol(table, acting)] if principal.must_enrol else []),
        ]
        meta: dict[str, Json] = {"factor": TOTP, "recovery_codes": len(codes.printed), "replaced": before is not None}
        seal = self.desk.seal(request, principal.tenant, acting.staff_id, factors.salt)
        done = factor_event(request, principal, "MFA_ENROLLED", meta, seal, stored.challenge.challenge_id)
        members = {"recovery_codes": codes.printed}
        if before is not None:
            others = self.change.others(request, principal)
            return self.change.commit(request, principal, others, items, [done], members)
        outcome = self.ledger.commit(acting.tenant, items, [done], acting=acting)
        return outcome if isinstance(outcome, Refuted) else json_reply(200, members)

    def _miss(self, request: Request, principal: Principal, challenge: Challenge) -> Refuted:
        """Count a wrong code, then refuse; returns when the challenge changed meanwhile."""
        meta: dict[str, Json] = {"purpose": PURPOSE, "method": TOTP, "tries": challenge.tries + 1}
        failed = event(
            request, principal, "STEP_UP_FAILED", "failure", challenge.challenge_id, meta=meta, reason="WRONG_CODE"
        )
        items = [missed(self.challenges_table, challenge)]
        outcome = self.ledger.commit(principal.acting.tenant, items, [failed], acting=principal.acting)
        if isinstance(outcome, Refuted):
            return outcome
        raise invalid_credentials()

    def _uri(self, principal: Principal, secret: str) -> str:
        acting = principal.acting
        profile = get(self.desk.dynamodb, self.desk.tables.tenant_staff, profile_key(acting.tenant, acting.staff_id))
        account = str(profile["email"]) if profile else acting.staff_id
        return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=self.issuer_name)


def _identity(totp: TotpRow | None) -> str | None:
    """Name an authenticator by what it is sealed as; None for none."""
    return None if totp is None else hashlib.sha256(totp.secret_sealed).hexdigest()
