"""Who has which access in a tenant, as the rows say it: gates lead, so that nobody with a gate is left out.

A person without a profile (a torn restore, say) is listed all the same: it is the gate that lets people in.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

from shared.domain.permission import permissions_of
from shared.domain.session import ACTIVE
from shared.store.attribute import Row
from shared.store.condition import equals
from shared.store.histories import history_of
from shared.store.identities import identities_of
from shared.store.item import query
from shared.store.live_sessions import lives
from shared.store.second_factors import Factors, factors_of
from shared.store.tenant_staff import ERASED, GateRow, Granted, gate_of, granted_of, people_of
from shared.store.user_sessions import owner_of, session_of
from shared.store.wire import JsonService

MAX_SESSIONS: Final = 1_000  # rows of one person that are looked at, the newest first


class AccessTables(NamedTuple):
    tenant_staff: str
    user_sessions: str


class Holder(NamedTuple):
    """Somebody with a gate. `connections` are those by which his identities at providers were linked."""

    staff_id: str
    gate: GateRow
    granted: Granted
    factors: tuple[str, ...]
    connections: tuple[str, ...]
    last_sign_in_at: int
    name: str | None
    email: str | None


class Access(NamedTuple):
    """What a list of access tells of somebody; instants are Unix seconds, None where there is none."""

    staff_id: str
    role: str
    permissions: tuple[str, ...]
    status: str
    mfa: bool
    factors: tuple[str, ...]
    last_seen: int | None
    sessions: int
    granted: Granted
    connections: tuple[str, ...]


def holders_of(dynamodb: JsonService, table: str, tenant: str) -> Iterator[Holder]:
    """Read everybody of a tenant but the erased, in the order of the staff ids. Raises `Unavailable`."""
    rows = people_of(dynamodb, table, tenant)
    for staff_id, his in groupby(rows, key=lambda row: str(row["item"]).partition("#")[0]):
        holder = _holder(staff_id, his)
        if holder is not None:
            yield holder


def access_of(dynamodb: JsonService, table: str, tenant: str, holder: Holder, now: int) -> Access:
    """Add what the sessions of somebody say; those in which another person acts in his name are not his."""
    gate = holder.gate
    rows = query(
        dynamodb, table, equals("owner", owner_of(tenant, holder.staff_id)), descending=True, limit=MAX_SESSIONS
    )
    own = [session for session in map(session_of, rows) if session.impersonation is None]
    seen = max((holder.last_sign_in_at, *(session.last_seen_at for session in own)))
    alive = sum(lives(session, now, gate.session_version) for session in own) if gate.status == ACTIVE else 0
    return Access(
        staff_id=holder.staff_id,
        role=gate.role,
        permissions=permissions_of(gate.role),
        status=gate.status,
        mfa=bool({"totp", "passkey"} & set(holder.factors)),
        factors=holder.factors,
        last_seen=seen or None,
        sessions=alive,
        granted=holder.granted,
        connections=holder.connections,
    )


def _holder(staff_id: str, his: Iterable[Row]) -> Holder | None:
    named = {row["item"]: row for row in his}
    gate = named.get(f"{staff_id}#gate")
    if gate is None or gate["status"] == ERASED:
        return None
    profile = named.get(f"{staff_id}#profile", {})
    links = identities_of(named.get(f"{staff_id}#identities")).links.values()
    password = f"{staff_id}#factor#password" in named
    return Holder(
        staff_id=staff_id,
        gate=gate_of(gate),
        granted=granted_of(gate),
        factors=_kinds(factors_of(named, staff_id, None), password=password),
        connections=tuple(sorted({link.connection_id for link in links})),
        last_sign_in_at=history_of(named.get(f"{staff_id}#history")).last_at,
        name=profile.get("name"),
        email=profile.get("email"),
    )


def _kinds(factors: Factors, *, password: bool) -> tuple[str, ...]:
    """Name the kinds of proof that somebody has, sorted."""
    kinds = {
        "password": password,
        "totp": factors.totp is not None,
        "passkey": bool(factors.passkeys.passkeys),
        "recovery_code": bool(factors.recovery.left),
    }
    return tuple(sorted(name for name, there in kinds.items() if there))
