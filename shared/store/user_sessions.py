"""`user_sessions`: one row a session, which is also the family of its refresh tokens.

| attribute | what it holds |
| --- | --- |
| `owner` / `session_id` | `<tenant>#<staff>` / a ULID with random bits |
| `status`, `revoke_reason`, `ended_at` | ACTIVE, then EXPIRED or REVOKED for good |
| `current_hash`, `parent_hash` | the one token that rotates, and the one that it came from |
| `sealed` | the current token, readable only with its parent at hand; removed once the successor was seen in use |
| `generation`, `confirmed_generation`, `replay_count`, `rotated_at` | of the latest rotation |
| `replays` | over the whole life |
| `session_version` | of the staff gate when the session was opened; another number there means that it is dead |
| `device_hash`, `country`, `network`, `agent`, `latitude`, `longitude` | where it is used, as of its last rotation |
| `acr`, `amr`, `auth_time` | how strongly and when it was authenticated |
| `grants` | purpose -> `{at, factor, challenge_id}` of verified step-ups |
| `step_up_challenge` | the one challenge that may be answered |
| `pending_challenge` | `{challenge_id, expires_at, methods}` of a risk: nothing is served until it is verified |
| `incident_id` | of the events of its violent end |
| `act` | `{staff_id, session_id, session_version, mode, reason}` of who acts here in its owner's name |
| `requests`, `denied` | of an impersonation: how many requests came, and how many of them were forbidden |
| `review_at` | when cleanup looks at it next; absent once it has ended (the sparse index `due_for_review`) |
| `idle_seconds`, `cookie` | the idle limit of this session, and whether its refresh tokens travel in a cookie |
| `created_at`, `last_seen_at`, `idle_expires_at`, `absolute_expires_at`, `ttl` | Unix seconds |

DynamoDB deletes by `ttl` late: whether a session lives is a comparison of instants, never presence. A session that was
ended for security stays as long as the log does.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from shared.domain.impersonation import Impersonation, impersonation_of
from shared.domain.refresh_token import Family, Pending
from shared.domain.session import ACTIVE, MAX_CONCURRENCY_WINDOW_SECONDS, TOUCH_SECONDS, Binding, Standing
from shared.store.attribute import Row
from shared.store.condition import Clause, above, absent, at_least, below, equals
from shared.store.item import Item, put, update
from shared.store.transaction import Acting, acting_session_clauses, acting_session_key
from shared.store.wire import JsonService, ServiceError

if TYPE_CHECKING:
    from shared.domain.step_up import Grant, Purpose

EVIDENCE_SECONDS: Final = 30 * 86_400


class Session(NamedTuple):
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
    binding: Binding
    grants: Mapping[str, "Grant"]
    step_up_challenge: str | None
    pending: Pending | None
    pending_methods: tuple[str, ...]
    created_at: int
    last_seen_at: int
    idle_expires_at: int
    absolute_expires_at: int
    idle_seconds: int
    cookie: bool
    impersonation: Impersonation | None = None

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


class Opening(NamedTuple):
    """A session at its login."""

    tenant: str
    staff_id: str
    session_id: str
    session_version: int
    current_hash: str
    binding: Binding
    standing: Standing
    idle_expires_at: int


class Rotation(NamedTuple):
    """A successor takes the place of the presented token, if the session is what `expected` and `standing` say.

    `answers` is the pending challenge that was verified for it; without one, none may be pending.
    """

    tenant: str
    staff_id: str
    session_id: str
    presented_hash: str
    successor_hash: str
    sealed: bytes
    generation: int
    expected: Binding
    expected_standing: Standing
    binding: Binding
    standing: Standing
    idle_expires_at: int
    now: int
    answers: str | None = None


def owner_of(tenant: str, staff_id: str) -> str:
    return f"{tenant}#{staff_id}"


def session_key(tenant: str, staff_id: str, session_id: str) -> dict[str, str]:
    return {"owner": owner_of(tenant, staff_id), "session_id": session_id}


def binding_of(row: Row) -> Binding:
    place = (row.get("latitude"), row.get("longitude"))
    return Binding(row["device_hash"], row["country"], row["network"], row["agent"], *place)


def session_of(row: Row) -> Session:
    from shared.domain.step_up import Grant  # noqa: PLC0415 - the usual refresh reads no session

    pending = row.get("pending_challenge")
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
        binding=binding_of(row),
        grants={name: Grant(name, **grant) for name, grant in row["grants"].items()},
        step_up_challenge=row.get("step_up_challenge"),
        pending=None if pending is None else Pending(pending["challenge_id"], pending["expires_at"]),
        pending_methods=() if pending is None else tuple(pending["methods"]),
        created_at=row["created_at"],
        last_seen_at=row["last_seen_at"],
        idle_expires_at=row["idle_expires_at"],
        absolute_expires_at=row["absolute_expires_at"],
        idle_seconds=row["idle_seconds"],
        cookie=row["cookie"],
        impersonation=impersonation_of(row.get("act")),
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
        binding=session.binding,
        standing=session.standing(role),
        idle_expires_at=session.idle_expires_at,
        pending=session.pending,
    )


def opened(table: str, opening: Opening, act: Mapping[str, Any] | None = None) -> Item:
    """Put a new session (label "session"). Its first token needs no confirmation: it has no parent to be replayed.

    `act` says who acts here in its owner's name; such a session is none of cleanup's.
    """
    standing = opening.standing
    row: dict[str, Any] = {
        **session_key(opening.tenant, opening.staff_id, opening.session_id),
        "tenant": opening.tenant,
        "staff": opening.staff_id,
        "status": ACTIVE,
        "current_hash": opening.current_hash,
        "generation": 1,
        "confirmed_generation": 1,
        "replay_count": 0,
        "replays": 0,
        "rotated_at": standing.created_at,
        "session_version": opening.session_version,
        **_place(opening.binding),
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
        "review_at": opening.idle_expires_at,
        "ttl": standing.absolute_expires_at + EVIDENCE_SECONDS,
    }
    if act is not None:
        del row["review_at"]
        row |= {"act": dict(act), "requests": 0, "denied": 0}
    return put(table, row, absent("session_id"), label="session")


def rotated(table: str, rotation: Rotation) -> Item:
    """Move the family to its successor (label "session"); every clause is a reason why it would not rotate."""
    alive = (equals("status", ACTIVE), *_unexpired(rotation.now))
    current = equals("current_hash", rotation.presented_hash)
    expected, standing = rotation.expected, rotation.expected_standing
    same_place = (
        equals("device_hash", expected.device_hash),
        equals("country", expected.country),
        equals("agent", expected.agent),
    )
    # A step-up since the token was written: its successor must carry the new standing.
    same_standing = (equals("auth_time", standing.auth_time), equals("acr", standing.acr))
    waiting = (
        absent("pending_challenge")
        if rotation.answers is None
        else equals("pending_challenge.challenge_id", rotation.answers)
    )
    return update(
        table,
        session_key(rotation.tenant, rotation.staff_id, rotation.session_id),
        *(*alive, current, *same_place, *same_standing, waiting),
        set_={
            "current_hash": rotation.successor_hash,
            "parent_hash": rotation.presented_hash,
            "sealed": rotation.sealed,
            "generation": rotation.generation,
            "confirmed_generation": rotation.generation - 1,  # its parent has just been presented
            "replay_count": 0,
            "rotated_at": rotation.now,
            "last_seen_at": rotation.now,
            **_place(rotation.binding),
            "idle_expires_at": rotation.idle_expires_at,
            **(_worth(rotation.standing) if rotation.answers else {}),
        },
        remove=("pending_challenge",) if rotation.answers else (),
        label="session",
    )


def replayed(table: str, key: Mapping[str, str], family: Family, now: int, answers: str | None = None) -> Item:
    """Count a replay of the family as it was read (label "session"); refuted when it has moved on since.

    `answers` is the pending challenge that was verified for it. Without one the challenge is what was read: none, or
    one that ran out and was judged harmless since.
    """
    known = answers or (family.pending.challenge_id if family.pending else None)
    waiting = absent("pending_challenge") if known is None else equals("pending_challenge.challenge_id", known)
    return update(
        table,
        key,
        equals("status", ACTIVE),
        *_unexpired(now),
        equals("current_hash", family.current_hash),
        equals("confirmed_generation", family.confirmed_generation),  # a confirmed successor closes the longer window
        equals("replay_count", family.replay_count),
        waiting,
        set_={"replay_count": family.replay_count + 1},
        add={"replays": 1},
        remove=("pending_challenge",) if known else (),
        label="session",
    )


def made_to_wait(
    table: str, key: Mapping[str, str], family: Family, pending: Pending, methods: Sequence[str], now: int
) -> Item:
    """Put the challenge of a risk before everything else of the session (label "session")."""
    known = family.pending
    waiting = (
        absent("pending_challenge") if known is None else equals("pending_challenge.challenge_id", known.challenge_id)
    )
    value = {"challenge_id": pending.challenge_id, "expires_at": pending.expires_at, "methods": list(methods)}
    return update(
        table,
        key,
        equals("status", ACTIVE),
        *_unexpired(now),
        equals("current_hash", family.current_hash),
        waiting,
        set_={"pending_challenge": value},
        label="session",
    )


def challenged(table: str, acting: Acting, challenge_id: str) -> Item:
    """Make `challenge_id` the one challenge that this session may answer (label "acting_session")."""
    return _acting_update(table, acting, set_={"step_up_challenge": challenge_id})


def granted(table: str, acting: Acting, grant: "Grant", standing: Standing) -> Item:
    """Record a verified step-up and what the session is worth from now on (label "acting_session")."""
    value = {"at": grant.at, "factor": grant.factor, "challenge_id": grant.challenge_id}
    return _acting_update(
        table,
        acting,
        equals("step_up_challenge", grant.challenge_id),
        set_={f"grants.{grant.purpose}": value, **_worth(standing)},
        remove=("step_up_challenge",),
    )


def consumed_grant(table: str, acting: Acting, grant: "Grant", purpose: "Purpose", now: int) -> Item:
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


def _place(binding: Binding) -> dict[str, str | int | None]:
    return {
        "device_hash": binding.device_hash,
        "country": binding.country,
        "network": binding.network,
        "agent": binding.agent,
        "latitude": binding.latitude,
        "longitude": binding.longitude,
    }


def _worth(standing: Standing) -> dict[str, Any]:
    return {
        "acr": standing.acr,
        "amr": list(standing.amr),
        "auth_time": standing.auth_time,
        "absolute_expires_at": standing.absolute_expires_at,
    }
