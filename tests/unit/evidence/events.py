"""Event lines for the tests of evidence, composed by the log's own code."""

from collections.abc import Sequence
from typing import Any

from shared.audit.event import GENESIS, Actor, Draft, Position, compose
from shared.evidence.segment import Event, parse

AT = "2026-09-21T14:13:20.000Z"


def event_of(
    *, lane: str = "0", seq: int = 1, prev: str = GENESIS, time: str = AT, action: str = "AUTH_LOGOUT", **members: Any
) -> Event:
    draft = Draft(
        event_id=f"01ARZ3NDEKTSV4RRFFQ6{seq:06d}",
        action=action,
        outcome="success",
        actor=Actor("user", "u_1", "admin", "s_1", "password+totp", None),
        resource="session/s_1",
        context={},
    )
    line = compose(draft._replace(**members), Position("local", "acme", 1, lane, seq, prev), time)
    return parse(line.text.encode())


def chain(number: int, *, lane: str = "0", times: Sequence[str] = ()) -> list[Event]:
    events: list[Event] = []
    for seq in range(1, number + 1):
        prev = events[-1].leaf.hex() if events else GENESIS
        time = times[seq - 1] if times else AT
        events.append(event_of(lane=lane, seq=seq, prev=prev, time=time))
    return events
