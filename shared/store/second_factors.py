"""The second factors of a person: rows of `tenant_staff`, and the changes of them.

| `item` | what it holds |
| --- | --- |
| `<staff>#factor#totp` | `secret_sealed` (KMS), `last_totp_step`, `confirmed_at` |
| `<staff>#factor#recovery` | `codes`: a list of `{hash, used_at}`, `version` |
| `<staff>#factor#passkeys` | `passkeys`: a list of credentials (public keys, no secrets), `version` |
| `<staff>#factor#failures` | wrong codes, as `Failures` counts them; no row where there are none |

Each change holds its row to what was read. A code that was accepted is spent by moving `last_totp_step` up, under the
condition that it moves up: of two requests with one code, one commits (RFC 6238 section 5.2). Lists that have become
empty stay, so that their `version` never begins anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from shared.domain.passkey import Passkey
from shared.domain.step_up import PASSKEY, RECOVERY_CODE, TOTP, Failures
from shared.store.attribute import Row
from shared.store.condition import Clause, absent, below, equals
from shared.store.item import Item, check, delete, put, update
from shared.store.tenant_staff import factor_key
from shared.store.transaction import Acting, acting_gate_clauses, acting_gate_key

_KINDS: Final = ("totp", "recovery", "passkeys", "failures")


@dataclass(frozen=True, slots=True)
class TotpRow:
    secret_sealed: bytes
    last_totp_step: int


@dataclass(frozen=True, slots=True)
class RecoveryCode:
    """An argon2id hash; `used_at` in Unix seconds, None while the code can be used."""

    hash: str
    used_at: int | None


@dataclass(frozen=True, slots=True)
class RecoveryRow:
    """`codes` stand in the order of their printed numbers. `version` 0: there is no row."""

    codes: tuple[RecoveryCode, ...] = ()
    version: int = 0

    @property
    def left(self) -> int:
        return sum(code.used_at is None for code in self.codes)


@dataclass(frozen=True, slots=True)
class PasskeysRow:
    """`version` 0: there is no row."""

    passkeys: tuple[Passkey, ...] = ()
    version: int = 0

    @property
    def ids(self) -> list[str]:
        return [passkey.id for passkey in self.passkeys]


@dataclass(frozen=True, slots=True)
class Factors:
    """`totp` None: no authenticator is enrolled. `salt` None: the person has no sealed data (any more)."""

    totp: TotpRow | None
    recovery: RecoveryRow
    passkeys: PasskeysRow
    failures: Failures
    salt: bytes | None

    @property
    def enrolled(self) -> bool:
        """Whether there is a second factor; recovery codes only stand in for one."""
        return self.totp is not None or bool(self.passkeys.passkeys)

    def open_methods(self, now: float) -> list[str]:
        """Name what can prove the person at `now`: no lock of codes touches passkeys."""
        methods = []
        codes_open = self.enrolled and self.failures.lock(now) is None
        if codes_open and self.totp is not None and not self.failures.disabled:
            methods.append(TOTP)
        if codes_open and self.recovery.left:
            methods.append(RECOVERY_CODE)
        if self.passkeys.passkeys:
            methods.append(PASSKEY)
        return methods


def factor_keys(tenant: str, staff_id: str) -> list[dict[str, str]]:
    """Give the keys of the rows that `factors_of` reads."""
    return [factor_key(tenant, staff_id, kind) for kind in _KINDS]


def factors_of(rows: Mapping[str, Row], staff_id: str, salt: bytes | None) -> Factors:
    """Read the factors of a person among `rows`, which are indexed by their `item`; absent ones are not enrolled."""
    totp, recovery, passkeys, failures = (rows.get(f"{staff_id}#factor#{kind}") for kind in _KINDS)
    return Factors(
        totp=None if totp is None else TotpRow(totp["secret_sealed"], totp["last_totp_step"]),
        recovery=RecoveryRow() if recovery is None else _recovery_of(recovery),
        passkeys=PasskeysRow() if passkeys is None else _passkeys_of(passkeys),
        failures=Failures() if failures is None else Failures(**{name: failures[name] for name in _FAILURES}),
        salt=salt,
    )


def no_longer_must_enrol(table: str, acting: Acting) -> Item:
    """Let the acting administrator do more than enrol (label "acting_gate"), with what the gate must still say."""
    return update(
        table, acting_gate_key(acting), *acting_gate_clauses(acting), remove=("must_enrol",), label="acting_gate"
    )


def spent_totp_step(table: str, tenant: str, staff_id: str, totp: TotpRow, step: int) -> Item:
    """Spend a time step; refuted when that step or a later one was spent, or the authenticator is another one."""
    return update(
        table,
        factor_key(tenant, staff_id, "totp"),
        equals("secret_sealed", totp.secret_sealed),
        below("last_totp_step", step),
        set_={"last_totp_step": step},
        label="totp",
    )


def replaced_totp(
    table: str, tenant: str, staff_id: str, before: TotpRow, secret_sealed: bytes, step: int, now: int
) -> Item:
    """Put a confirmed authenticator in the place of `before` (label "totp")."""
    changes = {"secret_sealed": secret_sealed, "last_totp_step": step, "confirmed_at": now}
    unchanged = equals("secret_sealed", before.secret_sealed)
    return put(table, {**factor_key(tenant, staff_id, "totp"), **changes}, unchanged, label="totp")


def removed_totp(table: str, tenant: str, staff_id: str, before: TotpRow) -> Item:
    unchanged = equals("secret_sealed", before.secret_sealed)
    return delete(table, factor_key(tenant, staff_id, "totp"), unchanged, label="totp")


def failed_factor(table: str, tenant: str, staff_id: str, before: Failures, after: Failures) -> Item:
    """Count a wrong answer (label "failures"); refuted when another one was counted in between."""
    row = {**factor_key(tenant, staff_id, "failures"), **asdict(after)}
    return put(table, row, _as_counted(before), label="failures")


def forgotten_failures(table: str, tenant: str, staff_id: str, before: Failures) -> Item:
    """Forget the wrong answers that were read (label "failures"); there must be some."""
    return delete(table, factor_key(tenant, staff_id, "failures"), _as_counted(before), label="failures")


def replaced_recovery_codes(table: str, tenant: str, staff_id: str, before: RecoveryRow, hashes: Sequence[str]) -> Item:
    """Put new codes in the place of those that were read, used or not (label "recovery"); no hashes: there are none."""
    return _changed_codes(table, tenant, staff_id, before, [RecoveryCode(hash_, None) for hash_ in hashes])


def used_recovery_code(table: str, tenant: str, staff_id: str, before: RecoveryRow, index: int, now: int) -> Item:
    """Cross out code `index` (label "recovery"); refuted when the row has changed since it was read."""
    codes = list(before.codes)
    codes[index] = RecoveryCode(codes[index].hash, now)
    return _changed_codes(table, tenant, staff_id, before, codes)


def changed_passkeys(table: str, tenant: str, staff_id: str, before: PasskeysRow, passkeys: Sequence[Passkey]) -> Item:
    """Put `passkeys` in the place of those that were read (label "passkeys")."""
    row = {
        **factor_key(tenant, staff_id, "passkeys"),
        "passkeys": [asdict(passkey) for passkey in passkeys],
        "version": before.version + 1,
    }
    return put(table, row, _as_read(before.version), label="passkeys")


def unchanged_factors(table: str, tenant: str, staff_id: str, factors: Factors) -> tuple[Item, Item]:
    """Check that what is enrolled is what was read (labels "totp" and "passkeys"): nothing came, and nothing went."""
    totp = absent("tenant") if factors.totp is None else equals("secret_sealed", factors.totp.secret_sealed)
    passkeys = _as_read(factors.passkeys.version)
    return (
        check(table, factor_key(tenant, staff_id, "totp"), totp, label="totp"),
        check(table, factor_key(tenant, staff_id, "passkeys"), passkeys, label="passkeys"),
    )


def removed_factors(table: str, tenant: str, staff_id: str, factors: Factors) -> list[Item]:
    """Take away all that was read, and what was counted against it; refuted when anything else is enrolled by then."""
    totp, passkeys = unchanged_factors(table, tenant, staff_id, factors)
    items = [
        totp if factors.totp is None else removed_totp(table, tenant, staff_id, factors.totp),
        changed_passkeys(table, tenant, staff_id, factors.passkeys, ()) if factors.passkeys.passkeys else passkeys,
        replaced_recovery_codes(table, tenant, staff_id, factors.recovery, ()),
    ]
    if factors.failures.streak:
        items.append(forgotten_failures(table, tenant, staff_id, factors.failures))
    return items


def _changed_codes(table: str, tenant: str, staff_id: str, before: RecoveryRow, codes: Sequence[RecoveryCode]) -> Item:
    row: dict[str, Any] = {
        **factor_key(tenant, staff_id, "recovery"),
        "codes": [asdict(code) for code in codes],
        "version": before.version + 1,
    }
    return put(table, row, _as_read(before.version), label="recovery")


def _as_read(version: int) -> Clause:
    return equals("version", version) if version else absent("version")


def _as_counted(before: Failures) -> Clause:
    """Every wrong answer makes the streak longer by one, so it says which count was read."""
    return equals("streak", before.streak) if before.streak else absent("streak")


def _recovery_of(row: Row) -> RecoveryRow:
    return RecoveryRow(tuple(RecoveryCode(**code) for code in row["codes"]), row["version"])


def _passkeys_of(row: Row) -> PasskeysRow:
    return PasskeysRow(tuple(Passkey(**passkey) for passkey in row["passkeys"]), row["version"])


_FAILURES: Final = tuple(asdict(Failures()))
