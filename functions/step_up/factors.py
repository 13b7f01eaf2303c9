"""The factors of a person as step-up reads them, and the codes that prove them.

A recovery code reads `NN-XXXXX-XXXXX`: its number, which picks the one hash to check, and 50 random bits in Crockford's
base 32. Letters that Crockford's alphabet leaves out are read as what they look like.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import pyotp

from shared.audit.canonical import Json
from shared.domain.session import AAL2, Standing
from shared.domain.step_up import (
    METHOD_REFERENCES,
    RECOVERY_CODE,
    RECOVERY_CODES,
    TOTP,
    TOTP_DIGITS,
    TOTP_STEP_SECONDS,
    spent_step,
)
from shared.edge.guard import Principal
from shared.edge.provenance import sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.argon2id import DUMMY, proves
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer, totp_context
from shared.store.attribute import Row
from shared.store.item import Item, batch_get
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import (
    RecoveryRow,
    TotpRow,
    factor_key,
    named,
    recovery_of,
    spent_totp_step,
    totp_of,
    used_recovery_code,
)
from shared.store.wire import JsonService

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_CHARACTERS: Final = 10  # 5 bits each
_FORM: Final = re.compile(r"([0-9]{2})-?([0-9A-Z]{5})-?([0-9A-Z]{5})")
_LOOKALIKES: Final = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class FactorTables:
    tenant_staff: str
    subject_keys: str


@dataclass(frozen=True, slots=True)
class Factors:
    """`totp` None: no authenticator is enrolled. `salt` None: the person has no sealed data (any more)."""

    totp: TotpRow | None
    recovery: RecoveryRow | None
    recovery_row: Row | None
    salt: bytes | None

    @property
    def methods(self) -> list[str]:
        spare = self.recovery is not None and any(self.recovery.codes)
        return [TOTP, RECOVERY_CODE] if spare else [TOTP]


@dataclass(frozen=True, slots=True)
class Proof:
    """A right answer: by which method, and the change that spends it."""

    method: str
    spends: Item

    def raised(self, standing: Standing, now: int) -> Standing:
        """Give what the session is worth once this proof is committed."""
        reference = METHOD_REFERENCES[self.method]
        amr = standing.amr if reference in standing.amr else (*standing.amr, reference)
        return replace(standing, acr=AAL2, amr=amr, auth_time=now)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong answer; `reason` is for the audit log."""

    method: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Reads factors, judges codes, and seals who presented them."""

    dynamodb: JsonService
    tables: FactorTables
    sealer: SecretSealer
    data_keys: DataKeys

    def factors(self, tenant: str, staff_id: str) -> Factors:
        """Read the factors and the salt of a person in one consistent call."""
        totp, recovery = factor_key(tenant, staff_id, "totp"), factor_key(tenant, staff_id, "recovery")
        found = batch_get(
            self.dynamodb,
            {
                self.tables.tenant_staff: [totp, recovery],
                self.tables.subject_keys: [subject_key(tenant, staff_id)],
            },
        )
        rows = named(found[self.tables.tenant_staff])
        salts = found[self.tables.subject_keys]
        recovery_row = rows.get(recovery["item"])
        return Factors(
            totp=totp_of(rows.get(totp["item"])),
            recovery=recovery_of(recovery_row),
            recovery_row=recovery_row,
            salt=salts[0]["salt"] if salts else None,
        )

    def judge_totp(self, principal: Principal, totp: TotpRow, code: str, now: float) -> Proof | Wrong:
        tenant, staff_id = principal.acting.tenant, principal.acting.staff_id
        code_at = self.code_at(tenant, staff_id, totp.secret_sealed)
        step = spent_step(code, now, totp.last_totp_step, code_at)
        if step is not None:
            return Proof(TOTP, spent_totp_step(self.tables.tenant_staff, tenant, staff_id, step))
        right_once = spent_step(code, now, -1, code_at) is not None
        return Wrong(TOTP, "CODE_REPLAYED" if right_once else "WRONG_CODE")

    def judge_recovery(self, principal: Principal, factors: Factors, text: str, now: int) -> Proof | Wrong:
        """Judge a recovery code; one argon2id run whatever was sent."""
        tenant, staff_id = principal.acting.tenant, principal.acting.staff_id
        match = _FORM.fullmatch(text.strip().upper().translate(_LOOKALIKES))
        index = int(match[1]) - 1 if match else -1
        codes = factors.recovery.codes if factors.recovery else ()
        stored = codes[index] if 0 <= index < len(codes) else None
        proved = proves(match[2] + match[3] if match else "", stored or DUMMY)
        if not proved or stored is None or factors.recovery_row is None:
            return Wrong(RECOVERY_CODE, "WRONG_CODE")
        table = self.tables.tenant_staff
        return Proof(RECOVERY_CODE, used_recovery_code(table, tenant, staff_id, factors.recovery_row, index, now))

    def code_at(self, tenant: str, staff_id: str, secret_sealed: bytes) -> Callable[[int], str]:
        """Unseal an authenticator's secret and give its code of each time step."""
        secret = self.sealer.open(secret_sealed, totp_context(tenant, staff_id)).decode()
        return pyotp.TOTP(secret, digits=TOTP_DIGITS, interval=TOTP_STEP_SECONDS).generate_otp

    def sealed(
        self, request: Request, principal: Principal, salt: bytes | None, event_id: str
    ) -> tuple[Mapping[str, Json], ...]:
        """Seal where the request came from; nothing for a person without a salt."""
        acting = principal.acting
        personal = self.data_keys.personal_data(acting.tenant, principal.tenant["data_key_sealed"])
        return sealed_unless_erased(personal, salt, acting.staff_id, event_id, request)


def new_recovery_codes() -> list[tuple[str, str]]:
    """Make the codes: as they are printed, and the part that is hashed."""
    drawn = ["".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS)) for _ in range(RECOVERY_CODES)]
    return [(f"{number:02d}-{code[:5]}-{code[5:]}", code) for number, code in enumerate(drawn, start=1)]
