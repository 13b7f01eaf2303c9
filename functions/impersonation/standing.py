"""Which of the open impersonations of a tenant are over, and why: what the guard asks with each request, for many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.domain.impersonation import SETTING, Party, cause_of_end
from shared.domain.session import ACTIVE, expired
from shared.store.attribute import Row
from shared.store.impersonation_ends import session_key_of
from shared.store.impersonations import terms_of
from shared.store.item import batch_get
from shared.store.tenant_staff import gate_key, gate_of, named
from shared.store.tenants import tenant_key
from shared.store.user_sessions import session_key
from shared.store.wire import JsonService

_TOGETHER: Final = 20  # four keys each and the tenant's, of the hundred that one batch takes


class Judged(NamedTuple):
    """An open row with its session, None where that is gone; `cause` None while it counts."""

    row: Row
    session: Row | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    dynamodb: JsonService
    tenants_table: str
    tenant_staff_table: str
    user_sessions_table: str

    def judged(self, tenant: str, rows: Sequence[Row], now: float) -> Iterator[Judged]:
        """Judge open rows of one tenant; raises `Unavailable`."""
        for at in range(0, len(rows), _TOGETHER):
            yield from self._judged(tenant, rows[at : at + _TOGETHER], now)

    def _judged(self, tenant: str, rows: Sequence[Row], now: float) -> Iterator[Judged]:
        people = sorted({row[side] for row in rows for side in ("actor", "target")})
        found = batch_get(
            self.dynamodb,
            {
                self.user_sessions_table: _distinct([key for row in rows for key in _session_keys(row)]),
                self.tenant_staff_table: [gate_key(tenant, person) for person in people],
                self.tenants_table: [tenant_key(tenant)],
            },
        )
        gates = named(found[self.tenant_staff_table])
        sessions = {(row["owner"], row["session_id"]): row for row in found[self.user_sessions_table]}
        policy: Row = next((row["policy"] for row in found[self.tenants_table]), {})
        setting = policy.get("impersonation", SETTING[0])
        for row in rows:
            own, acting = (sessions.get((key["owner"], key["session_id"])) for key in _session_keys(row))
            target = _party(gates, row["target"], own, row["target_version"], now)
            actor = _party(gates, row["actor"], acting, row["actor_version"], now)
            yield Judged(row, own, cause_of_end(terms_of(row), actor, target, setting, now))


def _party(gates: dict[str, Row], staff_id: str, session: Row | None, version: int, now: float) -> Party:
    gate = gate_of(gates.get(f"{staff_id}#gate"))
    return Party(gate.status, gate.role, gate.session_version, session_lives=_lives(session, version, now))


def _lives(session: Row | None, version: int, now: float) -> bool:
    if session is None or (session["status"], session["session_version"]) != (ACTIVE, version):
        return False
    return expired(now, session["idle_expires_at"], session["absolute_expires_at"]) is None


def _session_keys(row: Row) -> tuple[dict[str, str], dict[str, str]]:
    return session_key_of(row), session_key(row["tenant"], row["actor"], row["actor_session"])


def _distinct(keys: list[dict[str, str]]) -> list[dict[str, str]]:
    return [dict(key) for key in {tuple(key.items()) for key in keys}]
