"""A town of two people whose every act is looked at: rows before and after, events, and whether the act was a crash."""

import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from shared.domain.session import device_hash_of
from shared.store.attribute import Row
from tests.functions.estate import Estate, Person, Place, Response, me, refresh
from tests.functions.lifecycle_world import UNAUDITED, Crash, Lane, Snapshot, Wiretap, unaudited
from tests.soak.lifecycle_model import Asked, Held, Member, Spot

_REFUSED: Final = 400
_HOUR: Final = 3_600
_districts = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Step:
    """One act that was answered."""

    response: Response
    before: Snapshot
    after: Snapshot
    events: list[dict[str, Any]]

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def code(self) -> str:
        return self.response.code

    @property
    def body(self) -> dict[str, Any]:
        return self.response.body

    def changed(self) -> dict[str, list[str]]:
        """Name the rows that are not as they were, with their fields, but for what may change without an event."""
        found = {}
        for key in self.before.keys() | self.after.keys():
            fields = _differing(self.before.get(key, {}), self.after.get(key, {}))
            fields -= UNAUDITED.get(key[0], frozenset())
            if fields:
                found[str(key)] = sorted(fields)
        return found

    def actions(self) -> list[str]:
        return [each["action"] for each in self.events]

    def left_everything(self) -> bool:
        """Tell whether it was a refusal that changed nothing."""
        assert self.status >= _REFUSED, self.response.text
        assert self.changed() == {}, (self.response.text, self.changed())
        return True


class Town:
    """`act` is the one way to do something in it; time passes by it and by `wait`, a little each."""

    reached: ClassVar[Counter[str]] = Counter()  # what the lives of this process led to, to see that little is missing

    def __init__(self, estate: Estate, tap: Wiretap) -> None:
        self.estate, self.tap = estate, tap
        # The next full hour, so that a life can be lived again; in the middle of a second, which a slow call stays in.
        self.instant = (int(time.time()) // _HOUR + 1) * _HOUR + 0.5
        self.district = next(_districts)
        self.tenant = estate.new_tenant()
        self.members = [
            Member(estate.new_person(self.tenant, "admin", totp=True)),
            Member(estate.new_person(self.tenant, "member")),
        ]
        self.held: list[Held] = []
        self.asked: list[Asked] = []
        self.lane = Lane(estate, self.tenant)
        self.lane.new()
        self.rows = tap.snapshot(estate)

    @property
    def now(self) -> int:
        return int(self.instant)

    def place(self, spot: Spot) -> Place:
        return spot.place(self.district)

    def wait(self, seconds: int) -> None:
        self.instant += seconds

    def act(self, request: Callable[[], Response], crash: str | None = None) -> Step | None:
        """Send a request a second later, and hold what it wrote to the rules; None when the environment crashed.

        A crash after its commit brings the model to what the rows say: the client has learned nothing.
        """
        self.wait(1)
        self.estate.clock.offset = self.instant - time.time()
        death, first = Crash(crash), len(self.tap.written)
        with self.tap.interrupted(before=death.before, after=death.after):
            response = request()
        before, self.rows = self.rows, self.tap.snapshot(self.estate)
        step = Step(response, before, self.rows, self.lane.new())
        self._held_to_the_rules(first, step)
        self.reached[f"crash {crash}" if death.happened else f"{response.status} {_code(response)}"] += 1
        if not death.happened:
            assert response.status not in {500, 503}, response.text
            return step
        assert response.status == 503, response.text
        if crash == "before":
            assert step.left_everything()
            assert step.events == []
        else:
            assert step.events
            self._learn_from_the_rows()
        return None

    def administer(self, act: Callable[[Estate, Person], int], member: Member) -> None:
        """Let an administrator do something to a person."""
        self.wait(1)
        self.estate.clock.offset = self.instant - time.time()
        act(self.estate, member.person)
        self.rows = self.tap.snapshot(self.estate)
        assert [each["actor"]["id"] for each in self.lane.new()] == ["u_administrator"]

    def bury(self, held: Held) -> None:
        """Present every token of a session that is dead: none works, and none does anything."""
        if held.access_token is not None:
            assert me(held.access_token).status == 401, "an access token of a dead session"
        for generation in {held.newest, min(held.tokens)} if held.tokens else ():
            text = held.tokens[generation].text
            step = self.act(lambda text=text: refresh(text, device=held.spot.device, place=self.place(held.spot)))  # type: ignore[misc]
            assert step is not None
            assert (step.status, step.code) == (401, "invalid_grant"), "a refresh token of a dead session"
            assert step.left_everything()
            assert step.events == []

    def agree(self) -> None:
        """Hold the model against the rows, and look for forks."""
        for held in self.held:
            held.expect(self.row(held), device_hash_of(held.spot.device))
        for member in self.members:
            gate = self.gate(member)
            assert (gate["status"], gate["session_version"]) == (
                "ACTIVE" if member.active else "DEACTIVATED",
                member.version,
            )
        parents = [
            (row["session"], row["parent_hash"]) for row in self._table("refresh_tokens") if "parent_hash" in row
        ]
        assert len(parents) == len(set(parents)), "two successors of one token"

    def row(self, held: Held) -> Row:
        person = held.member.person
        owner = ("owner", f"{person.tenant}#{person.staff_id}")
        return self.rows[("user_sessions", (owner, ("session_id", held.session_id)))]

    def gate(self, member: Member) -> Row:
        return self._staff(member, "gate") or {}

    def alive(self, member: Member) -> list[Row]:
        """Give the rows of a person that count as living sessions."""
        staff, version = member.person.staff_id, self.gate(member)["session_version"]
        return [
            row
            for row in self._table("user_sessions")
            if (row["staff"], row["status"], row["session_version"]) == (staff, "ACTIVE", version)
            and self.now < min(row["idle_expires_at"], row["absolute_expires_at"])
        ]

    def _held_to_the_rules(self, first: int, step: Step) -> None:
        written = self.tap.written[first:]
        faults = [fault for each in written if not each.refuted for fault in unaudited(each)]
        assert faults == [], faults
        lines = [line["id"] for each in written if not each.refuted for line in each.lines]
        assert lines == [event["id"] for event in step.events], "what was committed stands in the lane"
        if step.changed():
            assert step.events, step.changed()

    def _learn_from_the_rows(self) -> None:
        for member in self.members:
            gate = self.gate(member)
            member.active, member.version = gate["status"] == "ACTIVE", gate["session_version"]
            totp, failures = self._staff(member, "factor#totp"), self._staff(member, "factor#failures")
            member.last_step = totp["last_totp_step"] if totp else 0
            member.wrong = failures["streak"] if failures else 0
        for asked in self.asked:
            row = self.rows[("step_up_challenges", (("challenge_id", asked.challenge_id),))]
            asked.tries, asked.answered = row["tries"], "outcome" in row
        for held in self.held:
            self._learn(held, self.row(held))

    def _learn(self, held: Held, row: Row) -> None:
        held.generation, held.confirmed = row["generation"], row["confirmed_generation"]
        held.version, held.replays, held.rotated_at = row["session_version"], row["replay_count"], row["rotated_at"]
        held.ended = row["status"] != "ACTIVE"
        known = {asked.challenge_id: asked for asked in self.asked}
        waits = row.get("pending_challenge")
        if waits is None or held.ended:
            held.pending = None
        elif held.pending is None or held.pending.challenge_id != waits["challenge_id"]:
            asked = Asked(waits["challenge_id"], waits["expires_at"], held.member, held.spot)
            held.pending = known.get(asked.challenge_id, asked)
            self.asked.append(held.pending)
        current = row.get("step_up_challenge")
        if current is not None and current not in {asked.challenge_id for asked in held.asked}:
            held.asked.append(Asked(current, self.now + 300, held.member, held.spot))
            self.asked.append(held.asked[-1])

    def _staff(self, member: Member, item: str) -> Row | None:
        person = member.person
        key = (("tenant", person.tenant), ("item", f"{person.staff_id}#{item}"))
        return self.rows.get(("tenant_staff", key))

    def _table(self, name: str) -> list[Row]:
        return [row for (table, _), row in self.rows.items() if table == name]


def _code(response: Response) -> str:
    return response.code if response.status >= _REFUSED else ""


def _differing(before: Row, after: Row) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
