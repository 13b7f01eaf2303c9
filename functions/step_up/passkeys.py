"""/api/auth/factors/passkeys: register a passkey, list them, remove one (WebAuthn 3).

Begin: 1. admit, with a fresh proof; 2. refuse one too many; 3. commit a challenge of this session, which voids the one
before; 4. answer what a browser needs. Confirm: 1. admit, with a fresh proof; 2. read the challenge; 3. judge the
attestation; 4. commit the passkey; 5. show it. Remove: 1. admit, with a fresh proof; 2. read what ends with it;
3. refuse what is not there, and an administrator's last factor; 4. commit the removal, which ends all other sessions;
5. answer.

All passkeys of a person stand in one row: what is read together is changed together, under its version.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.step_up.change import Change
from functions.step_up.factors import Desk
from functions.step_up.record import already_used, event, factor_event, refuse_unless_open
from functions.step_up.removal import ACCOUNT_SECURITY, left_without
from shared.audit.canonical import Json
from shared.audit.moment import rfc3339
from shared.domain.passkey import (
    MAX_PASSKEYS,
    NONCE_OCTETS,
    Passkey,
    creation_options,
    signed_challenge,
    user_handle,
)
from shared.domain.step_up import CHALLENGE_SECONDS, PASSKEY, Challenge, challenge_state
from shared.edge.bodies import EMPTY, PASSKEY_CONFIRM
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.moved_session import refuse_dead
from shared.edge.problem import Refused, invalid_credentials, invalid_token
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.item import get
from shared.store.second_factors import Factors, changed_passkeys
from shared.store.step_up_challenges import (
    StoredChallenge,
    answered,
    missed,
    put_challenge,
    read_challenge,
    registration_id,
)
from shared.store.tenant_staff import profile_key
from shared.store.transaction import Committed, Contended, Ledger, Refuted
from shared.store.user_sessions import owner_of

PURPOSE: Final = "passkey_registration"
_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkeys:
    desk: Desk
    challenges_table: str
    change: Change
    ledger: Ledger
    guard: Guard

    def begin(self, request: Request) -> Reply:
        # 1. Admit, 2. and refuse one too many.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        acting = principal.acting
        registered = self.desk.factors(acting.tenant, acting.staff_id).passkeys
        if len(registered.passkeys) >= MAX_PASSKEYS:
            raise _one_too_many()
        # 3. A new one replaces and voids the one before.
        challenge = Challenge(
            challenge_id=registration_id(acting.session_id),
            owner=owner_of(acting.tenant, acting.staff_id),
            session_id=acting.session_id,
            purpose=PURPOSE,
            tries=0,
            expires_at=int(request.now) + CHALLENGE_SECONDS,
            outcome=None,
        )
        nonce = secrets.token_bytes(NONCE_OCTETS)
        items = [put_challenge(self.challenges_table, StoredChallenge(challenge, passkey_nonce=nonce))]
        asked = event(
            request, principal, "STEP_UP_REQUIRED", "success", challenge.challenge_id, meta={"purpose": PURPOSE}
        )
        outcome = self.ledger.commit(acting.tenant, items, [asked], acting=acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 4. What the browser needs.
        options = creation_options(
            self.desk.party,
            self._user(principal),
            registered.ids,
            signed_challenge(nonce, challenge, None),
            CHALLENGE_SECONDS,
        )
        return json_reply(201, {"publicKey": options, "expires_at": rfc3339(challenge.expires_at)})

    def confirm(self, request: Request) -> Reply:
        for _ in range(_ATTEMPTS):
            # 1. Admit.
            principal = self.guard.admit(request)
            body = read_body(request, PASSKEY_CONFIRM)
            outcome = self._confirm(request, principal, body["passkey"], body["name"])
            if isinstance(outcome, Reply):
                return outcome
            refuse_dead(outcome, principal.acting)
        raise Contended("the registration kept changing")

    def listed(self, request: Request) -> Reply:
        principal = self.guard.admit(request)
        acting = principal.acting
        registered = self.desk.factors(acting.tenant, acting.staff_id).passkeys
        return json_reply(200, {"passkeys": [_shown(passkey) for passkey in registered.passkeys]})

    def remove(self, request: Request) -> Reply:
        for _ in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race.
            principal = self.guard.admit(request)
            read_body(request, EMPTY)
            acting = principal.acting
            # 2. The other sessions, 3. what is there, and whether it may go.
            others = self.change.others(request, principal)
            factors = self.desk.factors(acting.tenant, acting.staff_id)
            wanted = request.path_parameters["passkey_id"]
            kept = [passkey for passkey in factors.passkeys.passkeys if passkey.id != wanted]
            if len(kept) == len(factors.passkeys.passkeys):
                raise Refused(404, "not_found", "None of your passkeys has this id.")
            table = self.desk.tables.tenant_staff
            items = [
                changed_passkeys(table, acting.tenant, acting.staff_id, factors.passkeys, kept),
                *left_without(self.desk, principal, factors, len(kept) + (factors.totp is not None)),
                self.desk.mail(acting.tenant, acting.staff_id, "factor_removed", request.now, factor=PASSKEY),
            ]
            proof = principal.grant(ACCOUNT_SECURITY).challenge_id
            seal = self.desk.seal(request, principal.tenant, acting.staff_id, factors.salt)
            meta: dict[str, Json] = {"factor": PASSKEY, "passkey": wanted, "left": len(kept)}
            removed = factor_event(request, principal, "MFA_REMOVED", meta, seal, proof)
            # 4. Commit, 5. answer.
            outcome = self.change.commit(request, principal, others, items, [removed])
            if isinstance(outcome, Reply):
                return outcome
        raise Contended("the factors kept changing")

    def _confirm(
        self, request: Request, principal: Principal, attestation: Mapping[str, Any], name: str | None
    ) -> Reply | Refuted:
        from functions.step_up.ceremonies import attested  # noqa: PLC0415 - a heavy library, for passkeys only

        acting, now = principal.acting, int(request.now)
        # 2. The challenge of this session.
        stored = read_challenge(self.desk.dynamodb, self.challenges_table, registration_id(acting.session_id))
        owner = owner_of(acting.tenant, acting.staff_id)
        state = challenge_state(stored.challenge if stored else None, owner, acting.session_id, request.now)
        refuse_unless_open(state)
        if stored is None or stored.passkey_nonce is None:
            raise RuntimeError("an open registration without a nonce")
        # 3. The attestation.
        factors = self.desk.factors(acting.tenant, acting.staff_id)
        registered = factors.passkeys
        signed = signed_challenge(stored.passkey_nonce, stored.challenge, None)
        name = name or f"Passkey {len(registered.passkeys) + 1}"
        passkey = attested(self.desk.party, attestation, signed, name, now)
        if passkey is None:
            return self._miss(request, principal, stored.challenge)
        if passkey.id in registered.ids:
            raise already_used("This passkey is registered.")
        if len(registered.passkeys) >= MAX_PASSKEYS:
            raise _one_too_many()
        # 4. Commit.
        outcome = self._register(request, principal, stored.challenge, factors, passkey)
        # 5. Show it.
        return outcome if isinstance(outcome, Refuted) else json_reply(200, {"passkey": _shown(passkey)})

    def _register(
        self, request: Request, principal: Principal, challenge: Challenge, factors: Factors, passkey: Passkey
    ) -> Committed | Refuted:
        acting, before = principal.acting, factors.passkeys
        table = self.desk.tables.tenant_staff
        items = [
            answered(self.challenges_table, challenge, int(request.now)),
            changed_passkeys(table, acting.tenant, acting.staff_id, before, [*before.passkeys, passkey]),
            self.desk.mail(acting.tenant, acting.staff_id, "factor_added", request.now, factor=PASSKEY),
        ]
        proof = principal.grant(ACCOUNT_SECURITY).challenge_id
        seal = self.desk.seal(request, principal.tenant, acting.staff_id, factors.salt)
        meta: dict[str, Json] = {"factor": PASSKEY, "passkey": passkey.id, "backed_up": passkey.backed_up}
        done = factor_event(request, principal, "MFA_ENROLLED", meta, seal, proof)
        return self.ledger.commit(acting.tenant, items, [done], acting=acting)

    def _miss(self, request: Request, principal: Principal, challenge: Challenge) -> Refuted:
        """Count a wrong attestation, then refuse; returns when the challenge changed meanwhile."""
        meta: dict[str, Json] = {"purpose": PURPOSE, "method": PASSKEY, "tries": challenge.tries + 1}
        failed = event(
            request,
            principal,
            "STEP_UP_FAILED",
            "failure",
            challenge.challenge_id,
            meta=meta,
            reason="WRONG_ATTESTATION",
        )
        items = [missed(self.challenges_table, challenge)]
        outcome = self.ledger.commit(principal.acting.tenant, items, [failed], acting=principal.acting)
        if isinstance(outcome, Refuted):
            return outcome
        raise invalid_credentials()

    def _user(self, principal: Principal) -> dict[str, str]:
        """Name the person as his own browser shows him; the handle names nobody."""
        tenant, staff_id = principal.acting.tenant, principal.acting.staff_id
        profile = get(self.desk.dynamodb, self.desk.tables.tenant_staff, profile_key(tenant, staff_id)) or {}
        account = str(profile.get("email", staff_id))
        return {
            "id": user_handle(owner_of(tenant, staff_id)),
            "name": account,
            "displayName": str(profile.get("name", account)),
        }


def _shown(passkey: Passkey) -> dict[str, Any]:
    """Give what its owner may know of a passkey: no key material."""
    used_at = passkey.last_used_at
    return {
        "passkey_id": passkey.id,
        "name": passkey.name,
        "created_at": rfc3339(passkey.created_at),
        "last_used_at": None if used_at is None else rfc3339(used_at),
        "backed_up": passkey.backed_up,
    }


def _one_too_many() -> Refused:
    return Refused(409, "factor_limit", f"Remove one of the {MAX_PASSKEYS} passkeys first.")
