"""How an impersonation ends: its open row makes way for the record of it, its session ends, and its event says why.

The open row can be taken away once, so each end is told once, whoever tells it: the actor, an administrator's commit
that takes somebody's rights, or the sweep. The counts are those of the session as it was read: requests that come in
between are not waited for, since they could be made to never stop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.session import ACTIVE, REVOKED
from shared.store.attribute import Row
from shared.store.condition import Clause, absent, equals
from shared.store.impersonations import open_key
from shared.store.item import Item, delete, put, update
from shared.store.outbox import bus_event, mail
from shared.store.session_ends import LIVING
from shared.store.transaction import Acting, acting_session_clauses
from shared.store.user_sessions import session_key

KEPT_SECONDS: Final = 180 * 86_400
SESSION_ENDED: Final = "impersonation_ended"


@dataclass(frozen=True, slots=True)
class EndTables:
    impersonations: str
    user_sessions: str
    outbox: str


class End(NamedTuple):
    """Why and by whom; `now` is the instant of the decision, `context` that of its event.

    `acting` where it is the session of the impersonation itself that asks for its end; `replaced` where the same commit
    opens the actor's next one.
    """

    cause: str
    actor: Actor
    context: Mapping[str, Json]
    now: float
    acting: Acting | None = None
    replaced: bool = False


def session_key_of(row: Row) -> dict[str, str]:
    """Give the key of the session of an impersonation."""
    return session_key(row["tenant"], row["target"], row["impersonation_id"])


def ended(tables: EndTables, row: Row, session: Row | None, end: End) -> tuple[list[Item], Draft]:
    """End the impersonation of the open `row`, with what was read of its `session`, None where that is gone.

    At most five items. Labels: "impersonation#<id>" is refuted when its end was told before, "ended_session#<id>" (or
    "acting_session") when the session ended since it was read.
    """
    impersonation_id, now = row["impersonation_id"], int(end.now)
    ended_at = min(now, row["expires_at"])  # whoever tells it later: it was over by then
    counts = {name: None if session is None else session[name] for name in ("requests", "denied")}
    record = {
        **row,
        "item": impersonation_id,
        "ended_at": ended_at,
        "cause": end.cause,
        **counts,
        "ttl": now + KEPT_SECONDS,
    }
    items = [put(tables.impersonations, record, absent("tenant"), label=f"impersonation_record#{impersonation_id}")]
    if not end.replaced:
        untold = equals("impersonation_id", impersonation_id)
        open_row = open_key(row["tenant"], row["actor"])
        items.append(delete(tables.impersonations, open_row, untold, label=f"impersonation#{impersonation_id}"))
    return [*items, *_session(tables, row, session, end), *_effects(tables, record, end)], _event(record, end)


def _session(tables: EndTables, row: Row, session: Row | None, end: End) -> list[Item]:
    if session is None or session["status"] != ACTIVE:
        return []
    alive: tuple[Clause, ...] = (equals("status", ACTIVE),)
    label = f"ended_session#{row['impersonation_id']}"
    if end.acting is not None:
        alive, label = acting_session_clauses(end.acting), "acting_session"
    changes = {"status": REVOKED, "revoke_reason": SESSION_ENDED, "ended_at": int(end.now)}
    return [update(tables.user_sessions, session_key_of(row), *alive, set_=changes, remove=LIVING, label=label)]


def _effects(tables: EndTables, record: Row, end: End) -> list[Item]:
    tenant, target = record["tenant"], record["target"]
    told = ("impersonation_id", "actor", "actor_role", "mode", "started_at", "ended_at", "cause")
    detail = {name: record[name] for name in told}
    effects = [
        bus_event(
            tables.outbox,
            tenant,
            "impersonation_ended",
            end.now,
            staff_id=target,
            correlation=str(end.context["correlation_id"]),
            detail=detail,
        )
    ]
    if record["notice"] == "end":
        values = {
            **{name: record.get(name) for name in ("mode", "reason", "ticket", "cause")},
            "time": rfc3339(record["ended_at"]),
            "role": record["actor_role"],
            "minutes": minutes_of(record),
        }
        effects.append(mail(tables.outbox, tenant, target, "impersonation_ended", end.now, values=values))
    return effects


def minutes_of(row: Row) -> int:
    """Say for how many minutes it was begun."""
    minutes: int = (row["expires_at"] - row["started_at"]) // 60
    return minutes


def _event(record: Row, end: End) -> Draft:
    impersonation_id, target = record["impersonation_id"], record["target"]
    told = {name: record[name] for name in ("mode", "requests", "denied")}
    ticket = {"ticket": record["ticket"]} if "ticket" in record else {}
    return Draft(
        event_id=new_event_id(end.now),
        action="IMPERSONATION_ENDED",
        outcome="success",
        actor=end.actor,
        resource=f"impersonations/{impersonation_id}",
        context=end.context,
        reason=end.cause,
        # Whoever else tells of the end does it in his own name.
        on_behalf_of=target if end.actor.id == record["actor"] else None,
        targets=(Target("user", target), Target("session", impersonation_id)),
        meta={
            "impersonation_id": impersonation_id,
            "impersonator": record["actor"],
            **told,
            **ticket,
            "seconds": record["ended_at"] - record["started_at"],
        },
    )
