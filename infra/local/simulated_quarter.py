"""A believable quarter of a small company: who signs in when, from where, and what goes wrong now and then.

Pure and repeatable: the same quarter gives the same events, so two demonstrations can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from infra.local.simulated_administration import BLOCKED_SINCE_DAY, administration, refused_address
from infra.local.simulated_moment import DAY_SECONDS, HOUR_SECONDS, Moment, Person, context_of, random_id, session_id
from infra.local.simulated_risk import Attempt, Familiar, at_home, wrong_password
from infra.local.simulated_surprises import planned, told
from shared.audit.event import Actor, Outcome
from shared.store.subject_keys import unknown_subject

_SATURDAY = 5
_MONTHS_OF_QUARTER = 3
# How often things happen: on any day, at a sign-in, at the end of a working day.
_STRANGER, _TYPING_ERROR, _SIGN_OUT = 0.3, 0.06, 0.4
_THEFT_EVERY = 31  # days
_OF_A_WORKING_DAY = frozenset({"AUTH_LOGIN_FAILED", "AUTH_TOKEN_REFRESH", "AUTH_LOGOUT", "SESSION_INVALIDATED"})


def _person(number: int, name: str, role: str, country: str, demo_role: str | None = None) -> Person:
    local = demo_role or name.split(" ", maxsplit=1)[0].lower()
    address = f"{'203.0.113' if country == 'DE' else '198.51.100'}.{10 + number}"
    return Person(f"s_{number:04d}", name, f"{local}@acme.example", role, country, address, f"{number:016x}", demo_role)


PEOPLE = (
    _person(1, "Olivia Brandt", "owner", "DE", "owner"),
    _person(2, "Adam Keller", "admin", "DE", "admin"),
    _person(3, "Mina Roux", "member", "FR", "member"),
    _person(4, "Ingrid Falk", "auditor", "SE", "auditor"),
    _person(5, "Tomas Weber", "member", "DE"),
    _person(6, "Lea Moreau", "member", "FR"),
    _person(7, "Jonas Lind", "member", "SE"),
    _person(8, "Sofia Costa", "member", "PT"),
    _person(9, "Emil Novak", "admin", "CZ"),
    _person(10, "Clara Jansen", "member", "NL"),
)


@dataclass(frozen=True, slots=True)
class Quarter:
    """A calendar quarter as Unix seconds, `end` exclusive."""

    start: float
    end: float
    people: tuple[Person, ...] = PEOPLE

    @property
    def founded(self) -> float:
        """When the tenant is made: in the morning of the first day."""
        return self.start + 7 * HOUR_SECONDS

    @classmethod
    def before(cls, present: float) -> Quarter:
        """Give the last quarter that was over at `present`."""
        now = datetime.fromtimestamp(present, UTC)
        month = (now.month - 1) // _MONTHS_OF_QUARTER * _MONTHS_OF_QUARTER + 1
        end = datetime(now.year, month, 1, tzinfo=UTC)
        last = end - timedelta(days=1)
        start = datetime(last.year, last.month - _MONTHS_OF_QUARTER + 1, 1, tzinfo=UTC)
        return cls(start.timestamp(), end.timestamp())


def moments(quarter: Quarter, midnight: float) -> tuple[Moment, ...]:
    """Give the events of the day that begins at `midnight`, in time order; none outside of the quarter."""
    return _story(quarter).get(midnight, ())


@cache
def _story(quarter: Quarter) -> Mapping[float, tuple[Moment, ...]]:
    """Tell all days, one after the other: what a sign-in weighs depends on those before it."""
    familiar = Familiar(int(quarter.founded))
    days = round((quarter.end - quarter.start) / DAY_SECONDS)
    surprises = planned(quarter.people, quarter.start)
    story = {}
    for number in range(1, days):  # the first day belongs to the tenant's creation
        midnight = quarter.start + number * DAY_SECONDS
        chance = random.Random(f"{quarter.start}/{midnight}")  # noqa: S311 - a story, no secret
        day: list[Moment | Attempt] = list(_ordinary_day(quarter.people, number, midnight, chance))
        for surprise in surprises.get(number, ()):
            day = [each for each in day if not _works(each, surprise.person)]
            day += told(surprise, midnight, chance)
        judged: list[Moment] = []
        for each in sorted(day, key=lambda each: each.at):
            if isinstance(each, Attempt):
                judged += familiar.judged(each, chance)
            else:
                familiar.note(each)
                judged.append(each)
        story[midnight] = tuple(sorted(judged, key=lambda moment: moment.at))
    return story


def _ordinary_day(
    people: tuple[Person, ...], number: int, midnight: float, chance: random.Random
) -> Iterator[Moment | Attempt]:
    weekend = datetime.fromtimestamp(midnight, UTC).weekday() >= _SATURDAY
    for person in people:
        if chance.random() < (0.04 if weekend else 0.5):
            yield from _working_day(person, midnight, chance)
    if chance.random() < _STRANGER:
        stranger = _stranger(midnight, chance)
        yield stranger if number <= BLOCKED_SINCE_DAY else refused_address(stranger)
    if number % _THEFT_EVERY == _THEFT_EVERY // 2:
        yield from _stolen_token(chance.choice(people), midnight, chance)
    yield from administration(people, number, midnight, chance)


def _works(each: Moment | Attempt, person: Person) -> bool:
    """Tell whether it is of the person's working day at his own desk."""
    if isinstance(each, Attempt):
        return each.person == person
    return each.actor.id == person.staff_id and each.action in _OF_A_WORKING_DAY and each.reason != "reuse_detected"


def _working_day(person: Person, midnight: float, chance: random.Random) -> Iterator[Moment | Attempt]:
    """Sign in, perhaps after a typing error, refresh while working, perhaps sign out."""
    at = midnight + chance.uniform(6.5, 9.5) * 3_600
    session = session_id(chance)
    actor = Actor("user", person.staff_id, person.role, session, "password")
    if chance.random() < _TYPING_ERROR:
        attempt = at_home(person, at, session, chance)
        yield wrong_password(attempt, at - chance.uniform(8, 40), random_id(chance))
    yield at_home(person, at, session, chance)
    for number in range(1, chance.randint(1, 2) + 1):
        at += chance.uniform(0.7, 2.2) * 3_600
        meta, context = {"generation": number + 1}, context_of(person, chance)
        yield Moment(at, "AUTH_TOKEN_REFRESH", "success", actor, f"user_sessions/{session}", context, meta=meta)
    if chance.random() < _SIGN_OUT:
        at += chance.uniform(0.2, 1.0) * 3_600
        yield from _ended(person, at, actor, "logout", chance)


def _ended(person: Person, at: float, actor: Actor, reason: str, chance: random.Random) -> Iterator[Moment]:
    context = context_of(person, chance)
    if reason == "logout":
        yield Moment(at, "AUTH_LOGOUT", "success", actor, f"user_sessions/{actor.session}", context)
    yield Moment(
        at + 0.002, "SESSION_INVALIDATED", "success", actor, f"user_sessions/{actor.session}", context, reason=reason
    )


def _stranger(midnight: float, chance: random.Random) -> Moment:
    """Somebody whom nobody knows tries a name."""
    at = midnight + chance.uniform(0, 24) * 3_600 * 0.99
    values = {"email": f"{chance.choice(('info', 'root', 'test'))}@acme.example", "ip": "192.0.2.44"}
    context = {"request_id": random_id(chance), "correlation_id": None, "route": "POST /api/auth/login"}
    return Moment(
        at,
        "AUTH_LOGIN_FAILED",
        "failure",
        Actor("anonymous", None),
        "login",
        context | {"ip_net": "192.0.2.0/24", "country": chance.choice(("US", "BR", "VN")), "device": None},
        subject=unknown_subject(at),
        personal=values | {"user_agent": "python-requests/2.32"},
        reason="UNKNOWN_USER",
    )


def _stolen_token(person: Person, midnight: float, chance: random.Random) -> Iterator[Moment]:
    """Present a spent token from elsewhere: detection, alarm and containment share one correlation id."""
    at = midnight + chance.uniform(11, 20) * 3_600
    session = session_id(chance)
    incident = random_id(chance)
    context = context_of(person, chance) | {"correlation_id": incident, "ip_net": "192.0.2.0/24", "country": "RO"}
    actor = Actor("user", person.staff_id, person.role, session, "password")
    chain: tuple[tuple[str, Outcome, str], ...] = (
        ("REFRESH_TOKEN_REUSED", "denied", "reuse_detected"),
        ("SUSPICIOUS_LOGIN_DETECTED", "denied", "REFRESH_TOKEN_REUSED"),
        ("SESSION_INVALIDATED", "success", "reuse_detected"),
    )
    for number, (action, outcome, reason) in enumerate(chain):
        yield Moment(at + number / 1_000, action, outcome, actor, f"user_sessions/{session}", context, reason=reason)
