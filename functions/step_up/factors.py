"""The factors of a person as step-up reads them, and what proves them.

Rules of this module
- A judgement depends on the person, his factors and the challenge, never on who asks: sessions, sign-ins and refreshes
  are all answered by the same desk.
- A right answer is a value that carries the changes which spend it; what is not committed proves nothing.
- Whatever proves a person forgets his wrong codes; what is counted and locked are codes alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import pyotp

from functions.step_up.record import disabled, locked
from functions.step_up.recovery_code import read_recovery_code
from shared.audit.canonical import Json
from shared.audit.moment import rfc3339
from shared.domain.passkey import RelyingParty, request_options, signed_challenge, user_handle
from shared.domain.session import AAL2, Standing
from shared.domain.step_up import (
    CHALLENGE_SECONDS,
    FACTOR_WARNING,
    METHOD_REFERENCES,
    PASSKEY,
    RECOVERY_CODE,
    TOTP,
    TOTP_DIGITS,
    TOTP_STEP_SECONDS,
    Failures,
    spent_step,
)
from shared.edge.bodies import VERIFY
from shared.edge.fields import read_body
from shared.edge.problem import Refused
from shared.edge.provenance import sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.argon2id import DUMMY, proves
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer, totp_context
from shared.store.attribute import Row
from shared.store.item import Item, batch_get
from shared.store.outbox import mail
from shared.store.second_factors import (
    Factors,
    changed_passkeys,
    factor_keys,
    factors_of,
    failed_factor,
    forgotten_failures,
    spent_totp_step,
    used_recovery_code,
)
from shared.store.step_up_challenges import StoredChallenge
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import named
from shared.store.wire import JsonService

REPLAYED: Final = "CODE_REPLAYED"  # it was right once
CLONED: Final = "CLONED_AUTHENTICATOR"
FAILURES: Final = "second_factor_failures"


@dataclass(frozen=True, slots=True)
class FactorTables:
    tenant_staff: str
    subject_keys: str
    outbox: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was sent for a challenge: exactly one of `code`, `recovery_code` and `passkey` is there. Untrusted."""

    challenge_id: str
    code: str | None = None
    recovery_code: str | None = None
    passkey: Mapping[str, Any] | None = None
    refresh_token: str | None = None
    device_id: str | None = None

    @property
    def method(self) -> str:
        if self.passkey is not None:
            return PASSKEY
        return RECOVERY_CODE if self.recovery_code is not None else TOTP


@dataclass(frozen=True, slots=True)
class Proof:
    """A right answer: by which method, and the changes that spend it."""

    method: str
    spends: tuple[Item, ...]

    def raised(self, standing: Standing, now: int, absolute_seconds: int) -> Standing:
        """Give what the session is worth once this proof is committed.

        `absolute_seconds` is the tenant's absolute limit of a session with a second factor: one that rises to it lives
        no longer than one that is opened with it now.
        """
        reference = METHOD_REFERENCES[self.method]
        amr = standing.amr if reference in standing.amr else (*standing.amr, reference)
        limit = standing.absolute_expires_at
        limit = limit if standing.acr == AAL2 else min(limit, now + absolute_seconds)
        return replace(standing, acr=AAL2, amr=amr, auth_time=now, absolute_expires_at=limit)

    def advice(self, standing: Standing) -> dict[str, bool]:
        """Say in an answer that a spare code was all there was: an authenticator or a passkey should be enrolled."""
        lacking = not {METHOD_REFERENCES[TOTP], METHOD_REFERENCES[PASSKEY]} & set(standing.amr)
        return {"enrolment_advised": True} if self.method == RECOVERY_CODE and lacking else {}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong answer; `reason` is for the audit log."""

    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class Miss:
    """What a wrong answer changes beside its challenge.

    `lock` is the reason of the STEP_UP_LOCKED that belongs into the same commit, None where nothing was locked.
    """

    items: tuple[Item, ...]
    lock: str | None


def open_factor(factors: Factors, now: float, method: str | None = None) -> list[str]:
    """Give the methods that can prove the person at `now`.

    Raises `Refused` when there is no second factor (401), or when `method`, or without one all methods, are locked
    (423). A method that the person does not have is no refusal: its answer is judged, and wrong.
    """
    if not factors.enrolled:
        raise Refused(401, "mfa_enrollment_required", "Enrol an authenticator or a passkey first.")
    methods = factors.open_methods(now)
    if method == PASSKEY or (method is None and methods):
        return methods
    lock = factors.failures.lock(now)
    if lock is not None:
        raise locked(lock)
    if factors.failures.disabled and method in {TOTP, None}:
        raise disabled()
    return methods


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Reads factors, judges answers, and seals who presented them. It knows no session: any challenge may ask it."""

    dynamodb: JsonService
    tables: FactorTables
    sealer: SecretSealer
    data_keys: DataKeys
    party: RelyingParty

    def factors(self, tenant: str, staff_id: str) -> Factors:
        """Read the factors and the salt of a person in one consistent call."""
        wanted = {
            self.tables.tenant_staff: factor_keys(tenant, staff_id),
            self.tables.subject_keys: [subject_key(tenant, staff_id)],
        }
        found = batch_get(self.dynamodb, wanted)
        salts = found[self.tables.subject_keys]
        return factors_of(named(found[self.tables.tenant_staff]), staff_id, salts[0]["salt"] if salts else None)

    def judge(
        self, tenant: str, staff_id: str, factors: Factors, answer: Answer, stored: StoredChallenge, now: float
    ) -> Proof | Wrong:
        """Judge the answer to an open challenge of this person; `open_factor` has let its method through."""
        if answer.passkey is not None:
            return self._judge_passkey(tenant, staff_id, factors, answer.passkey, stored, int(now))
        if answer.recovery_code is not None:
            return self._judge_recovery(tenant, staff_id, factors, answer.recovery_code, now)
        return self._judge_totp(tenant, staff_id, factors, answer.code or "", now)

    def missed(self, tenant: str, staff_id: str, factors: Factors, wrong: Wrong, now: float) -> Miss:
        """Say what a wrong answer changes; the try that it costs its challenge is the caller's item."""
        if wrong.method == PASSKEY:  # no guess ever proves one: the tries of the challenge suffice
            cloned = wrong.reason == CLONED
            return Miss((self.mail(tenant, staff_id, FAILURES, now, kind="cloned"),) if cloned else (), None)
        before = factors.failures
        after = before.after_one_more(int(now))
        lock = "BUDGET_SPENT" if after.locks > before.locks else None
        lock = "DISABLED" if after.disabled and not before.disabled else lock
        counted = failed_factor(self.tables.tenant_staff, tenant, staff_id, before, after)
        kind = _worth_telling(wrong, after, lock)
        told = () if kind is None else (self.mail(tenant, staff_id, FAILURES, now, kind=kind),)
        return Miss((counted, *told), lock)

    def mail(self, tenant: str, staff_id: str, template: str, now: float, **values: str | int) -> Item:
        """Tell the person by mail, in the same commit; `values` are in the clear."""
        return mail(self.tables.outbox, tenant, staff_id, template, now, values={"time": rfc3339(now), **values})

    def passkey_options(self, factors: Factors, stored: StoredChallenge) -> dict[str, Any] | None:
        """Give what a browser needs to answer `stored` with a passkey; None when none is registered."""
        if stored.passkey_nonce is None or not factors.passkeys.passkeys:
            return None
        signed = signed_challenge(stored.passkey_nonce, stored.challenge, stored.request_digest)
        return {"publicKey": request_options(self.party, factors.passkeys.ids, signed, CHALLENGE_SECONDS)}

    def _judge_totp(self, tenant: str, staff_id: str, factors: Factors, code: str, now: float) -> Proof | Wrong:
        totp = factors.totp
        if totp is None:
            return Wrong(TOTP, "WRONG_CODE")
        code_at = self.code_at(tenant, staff_id, totp.secret_sealed)
        step = spent_step(code, now, totp.last_totp_step, code_at)
        if step is not None:
            spent = spent_totp_step(self.tables.tenant_staff, tenant, staff_id, totp, step)
            return self._proof(tenant, staff_id, factors, TOTP, spent)
        right_once = spent_step(code, now, -1, code_at) is not None
        return Wrong(TOTP, REPLAYED if right_once else "WRONG_CODE")

    def _judge_recovery(self, tenant: str, staff_id: str, factors: Factors, text: str, now: float) -> Proof | Wrong:
        """Judge a recovery code; one argon2id run whatever was sent."""
        index, secret = read_recovery_code(text)
        codes = factors.recovery.codes
        stored = codes[index] if 0 <= index < len(codes) else None
        proved = proves(secret, stored.hash if stored else DUMMY)
        if not proved or stored is None:
            return Wrong(RECOVERY_CODE, "WRONG_CODE")
        if stored.used_at is not None:
            return Wrong(RECOVERY_CODE, REPLAYED)
        used = used_recovery_code(self.tables.tenant_staff, tenant, staff_id, factors.recovery, index, int(now))
        told = self.mail(tenant, staff_id, "recovery_code_used", now, left=factors.recovery.left - 1)
        return self._proof(tenant, staff_id, factors, RECOVERY_CODE, used, told)

    def _judge_passkey(
        self,
        tenant: str,
        staff_id: str,
        factors: Factors,
        assertion: Mapping[str, Any],
        stored: StoredChallenge,
        now: int,
    ) -> Proof | Wrong:
        from functions.step_up.ceremonies import Cloned, asserted  # noqa: PLC0415 - a heavy library, for passkeys only

        if stored.passkey_nonce is None:
            return Wrong(PASSKEY, "WRONG_ASSERTION")
        signed = signed_challenge(stored.passkey_nonce, stored.challenge, stored.request_digest)
        handle = user_handle(stored.challenge.owner)
        outcome = asserted(self.party, factors.passkeys.passkeys, handle, assertion, signed, now)
        if outcome is None:
            return Wrong(PASSKEY, "WRONG_ASSERTION")
        if isinstance(outcome, Cloned):
            return Wrong(PASSKEY, CLONED)
        kept = [outcome if passkey.id == outcome.id else passkey for passkey in factors.passkeys.passkeys]
        changed = changed_passkeys(self.tables.tenant_staff, tenant, staff_id, factors.passkeys, kept)
        return self._proof(tenant, staff_id, factors, PASSKEY, changed)

    def _proof(self, tenant: str, staff_id: str, factors: Factors, method: str, *spends: Item) -> Proof:
        """Give a proof that also forgets the wrong codes before it."""
        before = factors.failures
        if before.streak:
            spends = (*spends, forgotten_failures(self.tables.tenant_staff, tenant, staff_id, before))
        return Proof(method, spends)

    def code_at(self, tenant: str, staff_id: str, secret_sealed: bytes) -> Callable[[int], str]:
        """Unseal an authenticator's secret and give its code of each time step."""
        secret = self.sealer.open(secret_sealed, totp_context(tenant, staff_id)).decode()
        return pyotp.TOTP(secret, digits=TOTP_DIGITS, interval=TOTP_STEP_SECONDS).generate_otp

    def sealed(
        self, request: Request, tenant_row: Row, staff_id: str, salt: bytes | None, event_id: str
    ) -> tuple[Mapping[str, Json], ...]:
        """Seal where the request came from; nothing for a person without a salt."""
        personal = self.data_keys.personal_data(tenant_row["tenant"], tenant_row["data_key_sealed"])
        return sealed_unless_erased(personal, salt, staff_id, event_id, request)

    def seal(
        self, request: Request, tenant_row: Row, staff_id: str, salt: bytes | None
    ) -> Callable[[str], tuple[Mapping[str, Json], ...]]:
        """Give `sealed` for an event whose id is not known yet."""
        return partial(self.sealed, request, tenant_row, staff_id, salt)


def answer_of(request: Request) -> Answer:
    """Read the body of a verification; raises `Refused` (400)."""
    return Answer(**read_body(request, VERIFY))


def _worth_telling(wrong: Wrong, after: Failures, lock: str | None) -> str | None:
    """Say what a person should hear of his wrong codes: a replay (NIST SP 800-63B 3.1.4.2), several, or a lock."""
    if lock == "DISABLED":
        return "disabled"
    if lock is not None:
        return "locked"
    if wrong.reason == REPLAYED:
        return "replay"
    return "failures" if after.count == FACTOR_WARNING else None
