"""Races of a revocation against what it must stop: real threads, the real handlers, and the lane as the judge.

A race has acts and one revocation. The lane numbers what was committed, so it says who came first: after the last event
of the revocation nothing of what was revoked may have committed, whatever its guard had seen before. Half of the races
run freely, begun within the time that an act takes; in the other half the act is held before one of its calls until the
revocation has returned, so that each gap between two calls is met.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from shared.store.attribute import Row
from shared.store.condition import equals, present
from shared.store.item import batch_get, query, update
from shared.store.user_sessions import owner_of
from tests.functions.estate import Estate, Person, Response
from tests.functions.lifecycle_world import COUNTERS, UNAUDITED, Conflicts, Lane, Wiretap, Written

PATIENCE_SECONDS: Final = 30.0
_REFUSED: Final = 400
_USUAL_CALLS: Final = 6
_LONG_LANE: Final = 150
_LONGEST_SECONDS: Final = 0.1  # that a revocation waits for the act to be under way
_ITEMS: Final = ("gate", "profile", "history", *(f"factor#{kind}" for kind in ("password", "totp", "recovery")))
_MORE_ITEMS: Final = ("factor#passkeys", "factor#failures")


@dataclass(slots=True)
class Tally:
    """What so many races of one kind led to; `violations` say what must not happen and did."""

    name: str
    races: int = 0
    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """`mine` tells whether an event is an act of what is revoked; `afterwards` presents the dead tokens."""

    person: Person
    acts: Sequence[Callable[[], Response]]
    revoke: Callable[[], object]
    mine: Callable[[Mapping[str, Any]], bool]
    afterwards: Callable[[Sequence[Response]], list[str]] = lambda _: []
    conflicts: float = 0.0


class Hold:
    """Stops its thread before call number `at` until the revocation has returned, and counts the calls."""

    def __init__(self, at: int | None, conflicts: Conflicts) -> None:
        self.calls = 0
        self.reached, self.released = threading.Event(), threading.Event()
        self._at = at
        self._conflicts = conflicts

    def before(self, operation: str, request: Mapping[str, Any]) -> None:
        if self.calls == self._at:
            self.reached.set()
            assert self.released.wait(PATIENCE_SECONDS), "the revocation did not return"
        self.calls += 1
        self._conflicts.before(operation, request)


class Arena:
    """Tenants with one policy in which races are run one after the other, each with people of its own."""

    def __init__(self, estate: Estate, tap: Wiretap) -> None:
        self.estate, self.tap = estate, tap
        self.policy: dict[str, Any] = {}
        self.pool = ThreadPoolExecutor(50)
        self.lane = self._new_lane()
        self._usual_seconds = 0.02
        self._usual_calls = _USUAL_CALLS

    def use(self, policy: Mapping[str, Any]) -> None:
        """Go on in tenants with these settings."""
        self.policy = dict(policy)
        self.lane = self._new_lane()

    def new_person(self, role: str, *, totp: bool = False) -> Person:
        """Make a person; in another tenant when the lane has become long, which the embedded engine reads slowly."""
        if self.lane.seq > _LONG_LANE:
            self.lane = self._new_lane()
        return self.estate.new_person(self.lane.tenant, role, totp=totp)

    def _new_lane(self) -> Lane:
        tenant, table = self.estate.new_tenant(), f"{self.estate.prefix}tenants"
        if self.policy:
            item = update(table, {"tenant": tenant}, present("tenant"), set_={"policy": self.policy})
            self.estate.dynamodb.call("UpdateItem", dict(item.request))
        return Lane(self.estate, tenant)

    def run(self, race: Race, tally: Tally) -> None:
        """Run a race, judge it, and count what became of each act."""
        self.tap.forget()
        held = secrets.randbelow(2) == 0
        holds = [self._hold(race, held=held) for _ in race.acts]
        acting = [self.pool.submit(self._act, act, hold) for act, hold in zip(race.acts, holds, strict=True)]
        revoking = self.pool.submit(self._revoke, race, holds, held=held)
        revoker, then = revoking.result(PATIENCE_SECONDS)
        outcomes = [each.result(PATIENCE_SECONDS) for each in acting]
        threads, answers = [thread for thread, _ in outcomes], [answer for _, answer in outcomes]
        events, now = self.lane.new(), self.rows(race.person)
        own = [each for each in self.tap.written if each.thread == revoker and each.lines]
        returned_at = max((each.last_seq for each in own if not each.refuted), default=0)
        faults = self._judged(race, events, revoker, returned_at)
        if returned_at:
            faults += [f"changed after the revocation returned: {change}" for change in _changes(then, now)]
        for thread, answer in zip(threads, answers, strict=True):
            mine = [each for each in self.tap.written if each.thread == thread and each.lines]
            tally.outcomes[_outcome(answer, mine, returned_at)] += 1
            if answer.status < _REFUSED and not [each for each in mine if not each.refuted]:
                faults.append(f"answered {answer.status} without a commit")
            if answer.status == 500:
                faults.append(f"answered 500: {answer.text}")
        faults += race.afterwards(answers)
        tally.races += 1
        tally.violations += [f"race {tally.races} ({'held' if held else 'free'}): {fault}" for fault in faults]

    def rows(self, person: Person) -> dict[str, Row]:
        """Read the rows of a person, and the tenant's."""
        prefix, staff_id = self.estate.prefix, person.staff_id
        keys = [{"tenant": person.tenant, "item": f"{staff_id}#{item}"} for item in (*_ITEMS, *_MORE_ITEMS)]
        wanted = {f"{prefix}tenant_staff": keys, f"{prefix}tenants": [{"tenant": person.tenant}]}
        found = batch_get(self.estate.dynamodb, wanted)
        rows = {str(row.get("item", "tenant")): row for table in found.values() for row in table}
        owner = equals("owner", owner_of(person.tenant, staff_id))
        for row in query(self.estate.dynamodb, f"{prefix}user_sessions", owner):
            exempt = UNAUDITED["user_sessions"]
            rows[row["session_id"]] = {name: value for name, value in row.items() if name not in exempt}
        return rows

    def _hold(self, race: Race, *, held: bool) -> Hold:
        return Hold(secrets.randbelow(self._usual_calls + 1) if held else None, Conflicts(race.conflicts))

    def _act(self, act: Callable[[], Response], hold: Hold) -> tuple[int, Response]:
        began = time.perf_counter()
        with self.tap.interrupted(before=hold.before):
            answer = act()
        if not hold.reached.is_set():  # nobody held it
            self._usual_seconds = 0.8 * self._usual_seconds + 0.2 * min(_LONGEST_SECONDS, time.perf_counter() - began)
        self._usual_calls = max(2, hold.calls)
        hold.reached.set()
        return threading.get_ident(), answer

    def _revoke(self, race: Race, holds: Sequence[Hold], *, held: bool) -> tuple[int, dict[str, Row]]:
        if held:
            assert all(hold.reached.wait(PATIENCE_SECONDS) for hold in holds)
        else:
            time.sleep(self._usual_seconds * secrets.randbelow(1_000) / 1_000)
        with self.tap.interrupted(before=Conflicts(race.conflicts).before):
            race.revoke()
        rows = self.rows(race.person)
        for hold in holds:
            hold.released.set()
        return threading.get_ident(), rows

    def _judged(self, race: Race, events: Sequence[Mapping[str, Any]], revoker: int, returned_at: int) -> list[str]:
        if not returned_at:
            return []
        late = [event for event in events if event["seq"] > returned_at and race.mine(event)]
        faults = [f"{event['action']} is event {event['seq']}, the revocation {returned_at}" for event in late]
        for written in self.tap.written:
            if written.thread != revoker and not written.refuted:
                faults += _silent(written)
        return faults


def _silent(written: Written) -> list[str]:
    """Say what was written without an event, but for what may be."""
    if written.lines:
        return []
    return [
        f"{table} {dict(key)} was written without an event"
        for (table, key), fields in written.touched.items()
        if table != COUNTERS and not (fields is not None and fields <= UNAUDITED.get(table, frozenset()))
    ]


def _changes(before: Mapping[str, Row], after: Mapping[str, Row]) -> list[str]:
    return [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]


def _outcome(answer: Response, mine: Sequence[Written], returned_at: int) -> str:
    if any(not each.refuted and each.last_seq < returned_at for each in mine):
        return "came before"
    return "stopped at its commit" if any(each.refuted for each in mine) else f"turned away ({answer.status})"
