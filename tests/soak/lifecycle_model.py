"""The lifecycle as a small model: what a person's sessions are, and what each token of them must lead to.

The model knows clients, answers and the clock. It reads no row, so that it can be held against them. What the risk
policy thinks of another place it does not compute: `JUDGED` stands for any of its actions, each with its consequences.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.functions.estate import PASSWORD, Person, Place

NETWORKS: Final = {"DE": 10, "FR": 20}
CONCURRENCY_WINDOW, LOST_RESPONSE_WINDOW, MAX_REPLAYS = 10, 86_400, 8
CHALLENGE_SECONDS, CHALLENGE_TRIES, LOCKING_STREAK = 300, 5, 10
SKEW_SECONDS: Final = 5
SESSION_LIMIT: Final = 5

DEAD, EXPIRED, WAITS, ROTATES, REPLAYS, REUSED, TOO_OFTEN, JUDGED, JUDGED_RETRY = (
    "dead",
    "expired",
    "waits",
    "rotates",
    "replays",
    "reused",
    "too often",
    "judged",
    "judged retry",
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A device in a country, on a network of its own for each country and kind of client."""

    device: str
    country: str = "DE"
    agent: str = "Firefox/130 (X11; Linux)"

    @property
    def network(self) -> int:
        return NETWORKS[self.country] + len(self.agent) % 2

    def place(self, district: int) -> Place:
        """Give where it is: addresses are counted over all tenants, so each town has its own."""
        address = f"{self.network}.{district >> 8 & 255}.{district & 255}.7"
        return Place(address=address, country=self.country, user_agent=self.agent)


@dataclass(eq=False, slots=True)
class Member:
    """A person. `wrong` counts codes since the last right one, `unproved` the passwords from a network since then.

    `moved_at`: when a session was kept while all others ended.
    """

    person: Person
    active: bool = True
    version: int = 1
    last_step: int = 0
    wrong: int = 0
    unproved: Counter[int] = field(default_factory=Counter)
    moved_at: list[int] = field(default_factory=list)
    password: str = PASSWORD

    def counted(self, spot: Spot, *, proved: bool) -> None:
        """Count an attempt with a password as the throttle does."""
        self.unproved[spot.network] = 0 if proved else self.unproved[spot.network] + 1

    @property
    def has_factor(self) -> bool:
        return self.person.totp_secret is not None


@dataclass(eq=False, slots=True)
class Asked:
    """A challenge; `version` and `spot` are those of the sign-in that waits, `generation` is of the refresh."""

    challenge_id: str
    expires_at: int
    member: Member
    spot: Spot
    version: int = 0
    generation: int = 0
    tries: int = 0
    answered: bool = False

    def refusal(self, now: int) -> int | None:
        """Give the status that the challenge itself refuses an answer with; None while it takes one."""
        if self.answered:
            return 409
        if now >= self.expires_at:
            return 410
        return 423 if self.tries >= CHALLENGE_TRIES else None


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    version: int


@dataclass(eq=False, slots=True)
class Held:
    """A session as its client knows it, and the row as it must be. `ended`: the row itself has ended."""

    member: Member
    session_id: str
    spot: Spot
    version: int
    rotated_at: int
    tokens: dict[int, Token] = field(default_factory=dict)
    generation: int = 1
    confirmed: int = 1
    replays: int = 0
    access_token: str | None = None
    access_generation: int = 1
    access_version: int = 1
    access_ends_at: int = 0
    idle_ends_at: int = 0
    absolute_ends_at: int = 0
    pending: Asked | None = None
    asked: list[Asked] = field(default_factory=list)
    ended: bool = False

    def lives(self, now: int) -> bool:
        return not self.dead and now < min(self.idle_ends_at, self.absolute_ends_at)

    @property
    def dead(self) -> bool:
        return self.ended or not self.member.active or self.version != self.member.version

    @property
    def newest(self) -> int:
        """Name the youngest generation whose token its client has."""
        return max(self.tokens)

    def admitted(self, now: int) -> bool:
        """Tell whether the access token opens a guarded route."""
        fresh = self.access_token is not None and now < self.access_ends_at + SKEW_SECONDS
        return fresh and self.access_version == self.version and self.lives(now) and self.pending is None

    def seen(self) -> None:
        """Note that a guarded request came through: the answer that brought its token did arrive."""
        self.confirmed = max(self.confirmed, self.access_generation)

    def verdict(self, generation: int, spot: Spot, now: int) -> str:
        """Say what presenting the token of `generation` from `spot` leads to."""
        if self.dead or self.tokens[generation].version != self.version:
            return DEAD
        if not self.lives(now):
            return EXPIRED
        if generation == self.generation:
            if self.pending and now < self.pending.expires_at:
                return WAITS
            return JUDGED if self.pending or spot != self.spot else ROTATES
        return self._retry(generation, spot, now)

    def _retry(self, generation: int, spot: Spot, now: int) -> str:
        age = now - self.rotated_at
        unconfirmed = self.confirmed < self.generation
        in_time = age <= CONCURRENCY_WINDOW or (unconfirmed and age <= LOST_RESPONSE_WINDOW)
        parent = generation == self.generation - 1
        if not (parent and spot.device == self.spot.device and in_time):
            return REUSED
        if self.replays >= MAX_REPLAYS:  # a burst of one client's tabs is no theft
            return TOO_OFTEN if age <= CONCURRENCY_WINDOW else REUSED
        if self.pending and now < self.pending.expires_at:
            return WAITS
        at_home = age <= CONCURRENCY_WINDOW or spot == self.spot
        return REPLAYS if at_home and not self.pending else JUDGED_RETRY

    def rotated(self, spot: Spot, now: int) -> None:
        self.generation, self.confirmed, self.replays = self.generation + 1, self.generation, 0
        self.rotated_at, self.spot, self.pending = now, spot, None

    def moved(self, now: int) -> None:
        """All other sessions were ended, and this one goes on under the new version."""
        self.rotated(self.spot, now)
        self.version = self.member.version

    def given(self, body: dict[str, Any], now: int) -> None:
        """Keep the tokens of an answer. One generation has one token, whenever and however often it is told."""
        known = self.tokens.setdefault(self.generation, Token(body["refresh_token"], self.version))
        assert known.text == body["refresh_token"], "two successors of one token"
        self.access_token = body["access_token"]
        self.access_generation, self.access_version = self.generation, self.version
        self.access_ends_at = now + body["expires_in"] if body["expires_in"] else now - SKEW_SECONDS

    def expect(self, row: dict[str, Any], device_hash: str) -> None:
        """Hold the model against the row, and keep the limits that only ever come closer."""
        found = {name: row[name] for name in ("generation", "confirmed_generation", "replay_count", "session_version")}
        assert found == {
            "generation": self.generation,
            "confirmed_generation": self.confirmed,
            "replay_count": self.replays,
            "session_version": self.version,
        }, self.session_id
        assert (row["status"] != "ACTIVE") is self.ended, row["status"]
        assert (row["device_hash"], row["country"]) == (device_hash, self.spot.country)
        waits = row.get("pending_challenge", {}).get("challenge_id")
        assert self.ended or waits == (self.pending.challenge_id if self.pending else None)
        assert not self.absolute_ends_at or row["absolute_expires_at"] <= self.absolute_ends_at, "a limit moved away"
        self.idle_ends_at, self.absolute_ends_at = row["idle_expires_at"], row["absolute_expires_at"]
