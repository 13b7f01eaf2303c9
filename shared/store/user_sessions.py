"""`user_sessions`: one row a session, which is also the family of its refresh tokens.

| attribute | what it holds |
| --- | --- |
| `owner` / `session_id` | `<tenant>#<staff>` / a ULID with random bits |
| `status`, `revoke_reason`, `ended_at` | ACTIVE, then EXPIRED or REVOKED for good |
| `current_hash`, `parent_hash` | the one token that rotates, and the one that it came from |
| `sealed` | the current token, readable only with its parent at hand; removed once the successor was seen in use |
| `generation`, `confirmed_generation`, `replay_count`, `rotated_at` | of the latest rotation |
| `session_version` | of the staff gate when the session was opened; another number there means that it is dead |
| `device_hash`, `country`, `network` | what the session is bound to, and where it was last refreshed |
| `acr`, `amr`, `auth_time` | how strongly and when it was authenticated |
| `grants` | purpose -> `{at, factor, challenge_id}` of verified step-ups |
| `step_up_challenge` | the one challenge that may be answered |
| `idle_seconds`, `cookie` | the idle limit of this session, and whether its refresh tokens travel in a cookie |
| `created_at`, `last_seen_at`, `idle_expires_at`, `absolute_expires_at`, `ttl` | Unix seconds |

DynamoDB deletes by `ttl` late: whether a session lives is a comparison of instants, never presence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.refresh_token import Family
from shared.domain.session import ACTIVE, EXPIRED, MAX_CONCURRENCY_WINDOW_SECONDS, REVOKED, TOUCH_SECONDS, Standing
from shared.domain.step_up import Grant, Purpose
from shared.store.attribute import Row
from shared.store.condition import Clause, above, absent, at_least, below, differs, equals
from shared.store.item import Item, put, update
from shared.store.transaction import Acting, acting_session_clauses, acting_session_key
from shared.store.wire import JsonService, ServiceError

EVIDENCE_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Session:
    """A session as a request reads it."""

    session_id: str
    status: str
    session_version: int
    generation: int
    confirmed_generation: int
    rotated_at: int
    sealed: bool
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    device_hash: str
    country: str
    grants: Mapping[str, Grant]
    step_up_challenge: str | None
    created_at: int
    last_seen_at: int
    idle_expires_at: int
    absolute_expires_at: int
    idle_seconds: int
    cookie: bool

    def standing(self, role: str) -> Standing:
        return Standing(
            role,
            self.acr,
            self.amr,
            self.auth_time,
            self.created_at,
            self.absolute_expires_at,
            self.idle_seconds,
            cookie=self.cookie,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A session at its login."""

    tenant: str
    staff_id: str
    session_id: str
    session_version: int
    current_hash: str
    device_hash: str
    country: str
    network: str
    standing: Standing
    idle_expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A successor takes the place of the presented token, if the session is what `standing` and the rest say."""

    tenant: str
    staff_id: str
    session_id: str
    presented_hash: str
    successor_hash: str
    sealed: bytes
    generation: int
    device_hash: str
    expected_country: str
    country: str
    network: str
    standing: Standing
    idle_expires_at: int
    now: int


def owner_of(tenant: str, staff_id: str) -> str:
    return f"{tenant}#{staff_id}"


def session_key(tenant: str, staff_id: str, session_id: str) -> dict[str, str]:
    return {"owner": owner_of(tenant, staff_id), "session_id": session_id}


def session_of(row: Row) -> Session:
    return Session(
        session_id=row["session_id"],
        status=row["status"],
        session_version=row["session_version"],
        generation=row["generation"],
        confirmed_generation=row["confirmed_generation"],
        rotated_at=row["rotated_at"],
        sealed="sealed" in row,
        acr=row["acr"],
        amr=tuple(row["amr"]),
        auth_time=row["auth_time"],
        device_hash=row["device_hash"],
        country=row["country"],
        grants={name: Grant(name, **grant) for name, grant in row["grants"].items()},
        step_up_challenge=row.get("step_up_challenge"),
        created_at=row["created_at"],
        last_seen_at=row["last_seen_at"],
        idle_expires_at=row["idle_expires_at"],
        absolute_expires_at=row["absolute_expires_at"],
        idle_seconds=row["idle_seconds"],
        cookie=row["cookie"],
    )


def family_of(row: Row, role: str) -> Family:
    """Read the token family; `role` comes from the gate row, which this row does not repeat."""
    session = session_of(row)
    return Family(
        status=session.status,
        session_version=session.session_version,
        current_hash=row["current_hash"],
        parent_hash=row.get("parent_hash"),
        generation=session.generation,
        confirmed_generation=session.confirmed_generation,
        rotated_at=session.rotated_at,
        replay_count=row["replay_count"],
        sealed=session.sealed,
        device_hash=session.device_hash,
        country=session.country,
        standing=session.standing(role),
        idle_expires_at=session.idle_expires_at,
    )


def opened(table: str, opening: Opening) -> Item:
    """Put a new session (label "session"). Its first token needs no confirmation: it has no parent to be replayed."""
    standing = opening.standing
    row = {
        **session_key(opening.tenant, opening.staff_id, opening.session_id),
        "tenant": opening.tenant,
        "staff": opening.staff_id,
        "status": ACTIVE,
        "current_hash": opening.current_hash,
        "generation": 1,
        "confirmed_generation": 1,
        "replay_count": 0,
        "rotated_at": standing.created_at,
        "session_version": opening.session_version,
        "device_hash": opening.device_hash,
        "country": opening.country,
        "network": opening.network,
        "acr": standing.acr,
        "amr": list(standing.amr),
        "auth_time": standing.auth_time,
        "grants": {},
        "created_at": standing.created_at,
        "last_seen_at": standing.created_at,
        "idle_expires_at": opening.idle_expires_at,
        "absolute_expires_at": standing.absolute_expires_at,
        "idle_seconds": standing.idle_seconds,
        "cookie": standing.cookie,
        "ttl": standing.absolute_expires_at + EVIDENCE_SECONDS,
    }
    return put(table, row, absent("session_id"), label="session")


def rotated(table: str, rotation: Rotation) -> Item:
    """Move the family to its successor (label "session"); every clause is a reason why it would not rotate."""
    alive = (equals("status", ACTIVE), *_unexpired(rotation.now))
    current = equals("current_hash", rotation.presented_hash)
    same_place = (equals("device_hash", rotation.device_hash), equals("country", rotation.expected_country))
    # A step-up since the token was written: its successor must carry the new standing.
    same_standing = (equals("auth_time", rotation.standing.auth_time), equals("acr", rotation.standing.acr))
    return update(
        table,
        session_key(rotation.tenant, rotation.staff_id, rotation.session_id),
        *(*alive, current, *same_place, *same_standing),
        set_={
            "current_hash": rotation.successor_hash,
            "parent_hash": rotation.presented_hash,
            "sealed": rotation.sealed,
            "generation": rotation.generation,
            "confirmed_generation": rotation.generation - 1,  # its parent has just been presented
            "replay_count": 0,
            "rotated_at": rotation.now,
            "last_seen_at": rotation.now,
            "country": rotation.country,
            "network": rotation.network,
            "idle_expires_at": rotation.idle_expires_at,
        },
        label="session",
    )


def replayed(table: str, key: Mapping[str, str], family: Family, now: int) -> Item:
    """Count a replay of the family as it was read (label "session"); refuted when it has moved on since."""
    return update(
        table,
        key,
        equals("status", ACTIVE),
        *_unexpired(now),
        equals("current_hash", family.current_hash),
        equals("confirmed_generation", family.confirmed_generation),  # a confirmed successor closes the longer window
        equals("replay_count", family.replay_count),
        add={"replay_count": 1},
        label="session",
    )


def expired_session(table: str, key: Mapping[str, str], limit: str, now: int) -> Item:
    """End a session whose `limit` ("idle" or "absolute") has passed (label "session")."""
    changes = {"status": EXPIRED, "revoke_reason": f"{limit}_expired", "ended_at": now}
    passed = below(f"{limit}_expires_at", now + 1)
    return update(table, key, equals("status", ACTIVE), passed, set_=changes, remove=("sealed",), label="session")


def reuse_revoked(table: str, key: Mapping[str, str], presented_hash: str, reason: str, now: int) -> Item:
    """End the family of a spent token (label "session"): ACTIVE, so there is one incident, not one a presentation."""
    changes = {"status": REVOKED, "revoke_reason": reason, "ended_at": now}
    spent = differs("current_hash", presented_hash)
    return update(table, key, equals("status", ACTIVE), spent, set_=changes, remove=("sealed",), label="session")


def logged_out(table: str, acting: Acting, now: int) -> Item:
    """End the acting session (label "acting_session")."""
    changes = {"status": REVOKED, "revoke_reason": "logout", "ended_at": now}
    return _acting_update(table, acting, set_=changes, remove=("sealed",))


def challenged(table: str, acting: Acting, challenge_id: str) -> Item:
    """Make `challenge_id` the one challenge that this session may answer (label "acting_session")."""
    return _acting_update(table, acting, set_={"step_up_challenge": challenge_id})


def granted(table: str, acting: Acting, grant: Grant, standing: Standing) -> Item:
    """Record a verified step-up and what the session is worth from now on (label "acting_session")."""
    value = {"at": grant.at, "factor": grant.factor, "challenge_id": grant.challenge_id}
    return _acting_update(
        table,
        acting,
        equals("step_up_challenge", grant.challenge_id),
        set_={
            f"grants.{grant.purpose}": value,
            "acr": standing.acr,
            "amr": list(standing.amr),
            "auth_time": standing.auth_time,
        },
        remove=("step_up_challenge",),
    )


def consumed_grant(table: str, acting: Acting, grant: Grant, purpose: Purpose, now: int) -> Item:
    """Take a single-use grant away (label "acting_session"): of two acts on one grant, one commits."""
    path = f"grants.{purpose.name}"
    return _acting_update(
        table,
        acting,
        equals(f"{path}.challenge_id", grant.challenge_id),
        at_least(f"{path}.at", now - purpose.max_age_seconds + 1),
        remove=(path,),
    )


def touch(dynamodb: JsonService, table: str, acting: Acting, session: Session, generation: int, now: int) -> bool:
    """Move `last_seen_at`, and confirm a generation seen in use; False when there was nothing to write.

    One unaudited write: it decides nothing. Lost races are left to the winner. Raises `Unavailable`.
    """
    confirms = session.confirmed_generation < generation <= session.generation
    if not confirms and now < session.last_seen_at + TOUCH_SECONDS:
        return False
    changes: dict[str, Any] = {"last_seen_at": now}
    clauses = [*acting_session_clauses(acting), equals("generation", session.generation)]
    if confirms:
        changes["confirmed_generation"] = generation
        clauses.append(below("confirmed_generation", generation))
    # Inside the concurrency window a parent may still ask for its successor, confirmed or not.
    confirmed = max(session.confirmed_generation, generation if confirms else 0) >= session.generation
    settled = session.sealed and confirmed and now > session.rotated_at + MAX_CONCURRENCY_WINDOW_SECONDS
    item = update(
        table, acting_session_key(acting), *clauses, set_=changes, remove=("sealed",) if settled else (), label="touch"
    )
    try:
        dynamodb.call("UpdateItem", dict(item.request))
    except ServiceError as refusal:
        if refusal.code not in {"ConditionalCheckFailedException", "TransactionConflictException"}:
            raise
    return True


def _acting_update(
    table: str, acting: Acting, *clauses: Clause, set_: Mapping[str, Any] | None = None, remove: tuple[str, ...] = ()
) -> Item:
    """Change the acting session under the clauses that every act on it must carry."""
    return update(
        table,
        acting_session_key(acting),
        *acting_session_clauses(acting),
        *clauses,
        set_=set_,
        remove=remove,
        label="acting_session",
    )


def _unexpired(now: int) -> tuple[Clause, Clause]:
    return above("idle_expires_at", now), above("absolute_expires_at", now)
