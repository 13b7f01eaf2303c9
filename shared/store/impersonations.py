"""`impersonations`: who acts in whose name, and who did.

| attribute | what it holds |
| --- | --- |
| `tenant` / `item` | `open#<actor>` until its end has been told, then the `impersonation_id` |
| `impersonation_id` | a ULID, so that the newest come last; also the id of its session in `user_sessions` |
| `actor`, `actor_session`, `actor_version`, `actor_role` | the real person, as of the beginning |
| `target`, `target_version`, `target_role` | in whose name |
| `mode`, `reason`, `ticket` | as they were given; `ticket` is absent where none was |
| `notice` | when the target is told, as the tenant had it then |
| `started_at`, `expires_at`, `ended_at` | Unix seconds |
| `cause`, `requests`, `denied` | why it ended, and what was asked meanwhile |
| `ttl` | Unix seconds; an open row has none |

Whether an impersonation still counts is decided by the rows of both people with each request, never by this table: an
open row only says that its end has not been told. There is one of each actor at most, so what is open in a tenant is
read in one query, however long ago anybody looked.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from shared.domain.impersonation import Impersonator, Terms
from shared.domain.session import Binding, Standing
from shared.store.attribute import Row
from shared.store.condition import absent, before, between, equals
from shared.store.item import Item, get, put, query, update
from shared.store.transaction import Acting, acting_session_clauses, acting_session_key
from shared.store.user_sessions import Opening, opened
from shared.store.wire import JsonService, ServiceError

NO_HASH: Final = "none"  # stands where a session has its refresh token: no token hashes to it
_OPEN: Final = "open#"
_AFTER_OPEN: Final = "open$"


class Person(NamedTuple):
    """Somebody as his gate was read."""

    staff_id: str
    session_version: int
    role: str


class Beginning(NamedTuple):
    """An impersonation at its beginning; instants are Unix seconds."""

    tenant: str
    impersonation_id: str
    actor: Person
    actor_session: str
    target: Person
    mode: str
    reason: str
    ticket: str | None
    notice: str
    started_at: int
    expires_at: int

    @property
    def impersonator(self) -> Impersonator:
        return Impersonator(self.actor.staff_id, self.actor_session)


def open_key(tenant: str, actor: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{_OPEN}{actor}"}


def begun(table: str, beginning: Beginning, instead_of: str | None = None) -> Item:
    """Open an impersonation (label "impersonation"); refuted unless the actor's open one is `instead_of`, or none."""
    actor, target = beginning.actor, beginning.target
    row: dict[str, Any] = {
        **open_key(beginning.tenant, actor.staff_id),
        "impersonation_id": beginning.impersonation_id,
        "actor": actor.staff_id,
        "actor_session": beginning.actor_session,
        "actor_version": actor.session_version,
        "actor_role": actor.role,
        "target": target.staff_id,
        "target_version": target.session_version,
        "target_role": target.role,
        "mode": beginning.mode,
        "reason": beginning.reason,
        "notice": beginning.notice,
        "started_at": beginning.started_at,
        "expires_at": beginning.expires_at,
    }
    if beginning.ticket is not None:
        row["ticket"] = beginning.ticket
    clause = absent("tenant") if instead_of is None else equals("impersonation_id", instead_of)
    return put(table, row, clause, label="impersonation")


def opened_session(table: str, beginning: Beginning, binding: Binding, standing: Standing) -> Item:
    """Put its session among those of the target (label "session"): without a refresh token, and beyond cleanup."""
    actor, target = beginning.actor, beginning.target
    act = {
        **beginning.impersonator._asdict(),
        "session_version": actor.session_version,
        "mode": beginning.mode,
        "reason": beginning.reason,
    }
    opening = Opening(
        tenant=beginning.tenant,
        staff_id=target.staff_id,
        session_id=beginning.impersonation_id,
        session_version=target.session_version,
        current_hash=NO_HASH,
        binding=binding,
        standing=standing,
        idle_expires_at=beginning.expires_at,
    )
    return opened(table, opening, act)


def terms_of(row: Row) -> Terms:
    return Terms(row["mode"], row["actor_version"], row["target_role"], row["target_version"], row["expires_at"])


def open_by(dynamodb: JsonService, table: str, tenant: str, actor: str) -> Row | None:
    """Read the one that `actor` began and whose end has not been told."""
    return get(dynamodb, table, open_key(tenant, actor))


def all_open(dynamodb: JsonService, table: str, tenant: str) -> list[Row]:
    """Read those whose end has not been told, at most one of each administrator; some may be over."""
    return list(query(dynamodb, table, equals("tenant", tenant), between("item", _OPEN, _AFTER_OPEN)))


def active_of(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> list[Row]:
    """Read those whose end has not been told in which `staff_id` is the actor or the target."""
    return [row for row in all_open(dynamodb, table, tenant) if staff_id in {row["actor"], row["target"]}]


def past(dynamodb: JsonService, table: str, tenant: str, older_than: str | None, limit: int) -> Iterator[Row]:
    """Read what has ended, newest first, from before the id `older_than` on."""
    upper = before("item", _OPEN if older_than is None else older_than)
    return query(dynamodb, table, equals("tenant", tenant), upper, descending=True, limit=limit)


def count_request(dynamodb: JsonService, user_sessions_table: str, acting: Acting, now: int) -> None:
    """Count a request of an impersonation that counts, in its session. One unaudited write, as `touch` is.

    A lost race counts nothing. Raises `Unavailable`.
    """
    item = _counted(user_sessions_table, acting, "requests", {"last_seen_at": now})
    try:
        dynamodb.call("UpdateItem", dict(item.request))
    except ServiceError as refusal:
        if refusal.code not in {"ConditionalCheckFailedException", "TransactionConflictException"}:
            raise


def counted_denial(user_sessions_table: str, acting: Acting) -> Item:
    """Count a refusal together with its event (label "acting_session")."""
    return _counted(user_sessions_table, acting, "denied", None)


def _counted(table: str, acting: Acting, counter: str, changes: Mapping[str, Any] | None) -> Item:
    clauses = acting_session_clauses(acting)
    key = acting_session_key(acting)
    return update(table, key, *clauses, set_=changes, add={counter: 1}, label="acting_session")
