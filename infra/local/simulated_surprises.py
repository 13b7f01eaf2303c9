"""Which day of a simulated quarter somebody signs in unlike himself: on a journey, with a new phone, or as a thief.

The plan is drawn once for a quarter, by the quarter itself. On his day a person does nothing else that signs him in,
but for the day of a theft: then he signs in at home before it and after it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import cycle

from infra.local.simulated_moment import HOUR_SECONDS, Moment, Person, random_id, session_id
from infra.local.simulated_risk import PHONE, Attempt, Spot, at_home, home_of, wrong_password


class Kind(Enum):
    """What is unlike the person."""

    JOURNEY = auto()
    OWN_LAPTOP_ABROAD = auto()
    NEW_PHONE = auto()
    FORGOTTEN = auto()
    AT_NIGHT = auto()
    THEFT = auto()


# Those who act as administrators have sessions at home on fixed days, and somebody leaves in between.
_STAY_AT_HOME = frozenset({"Olivia", "Adam", "Jonas"})
_FIRST_JOURNEY = 15  # before it, a new tenant's places are only observed
_JUDGED_HOURS = 62  # by then everybody has signed in often enough that an hour can be unusual
_GAP = (5, 9)  # days
_LONGEST = 92  # days of a quarter

_DESTINATIONS = (
    Spot("ES", "198.18.1.10", 64502, 40.4, -3.7),
    Spot("IT", "198.18.2.10", 64503, 45.5, 9.2),
    Spot("GB", "198.18.3.10", 64504, 51.5, -0.1),
    Spot("PL", "198.18.4.10", 64505, 52.2, 21.0),
    Spot("AT", "198.18.5.10", 64506, 48.2, 16.4),
    Spot("DK", "198.18.6.10", 64507, 55.7, 12.6),
    Spot("CH", "198.18.7.10", 64508, 47.4, 8.5),
    Spot("IE", "198.18.8.10", 64509, 53.3, -6.3),
)
_NEIGHBOURS = (
    Spot("NO", "198.18.9.10", 64510, 59.9, 10.8),
    Spot("BE", "198.18.10.10", 64511, 50.8, 4.4),
)
# Machines that anybody rents: the numbers are those of the product's table of hosting networks.
_THIEVES = (
    Spot("SG", "198.19.1.10", 14061, 1.3, 103.8),
    Spot("US", "198.19.2.10", 20473, 37.4, -122.1),
    Spot("BR", "198.19.3.10", 16276, -23.5, -46.6),
)


@dataclass(frozen=True, slots=True)
class Surprise:
    kind: Kind
    person: Person
    spot: Spot


def planned(people: Sequence[Person], start: float) -> Mapping[int, tuple[Surprise, ...]]:
    """Give the surprises of the quarter that begins at `start`, by the number of their day; some may lie behind it.

    How long the quarter is changes nothing: a demonstration of its first days tells them as one of all days does.
    """
    chance = random.Random(f"{start}/surprises")  # noqa: S311 - a story, no secret
    drawn = [person for person in people if person.name.partition(" ")[0] not in _STAY_AT_HOME]
    chance.shuffle(drawn)
    travellers, others = cycle(drawn), cycle([*drawn[3:], *drawn[:3]])
    plan: dict[int, list[Surprise]] = {}
    places = cycle(chance.sample(_DESTINATIONS, len(_DESTINATIONS)))
    for day in _spread(_FIRST_JOURNEY, chance):
        plan.setdefault(day, []).append(Surprise(Kind.JOURNEY, next(travellers), next(places)))
    neighbours = cycle(_NEIGHBOURS)
    kinds = cycle((Kind.NEW_PHONE, Kind.OWN_LAPTOP_ABROAD, Kind.FORGOTTEN, Kind.AT_NIGHT))
    for day in _spread(_FIRST_JOURNEY - 5, chance):
        kind, person = next(kinds), next(others)
        if kind == Kind.AT_NIGHT and day < _JUDGED_HOURS:
            kind = Kind.NEW_PHONE
        spot = next(neighbours) if kind == Kind.OWN_LAPTOP_ABROAD else home_of(person)
        _add(plan, day, Surprise(kind, person, spot))
    for spot, day in zip(_THIEVES, (27, 54, 81), strict=True):
        _add(plan, day + chance.randint(-4, 4), Surprise(Kind.THEFT, chance.choice(drawn), spot))
    return {day: tuple(surprises) for day, surprises in plan.items()}


def _spread(first: int, chance: random.Random) -> Iterator[int]:
    day = first + chance.randint(0, 4)
    while day < _LONGEST:
        yield day
        day += chance.randint(*_GAP)


def _add(plan: dict[int, list[Surprise]], day: int, surprise: Surprise) -> None:
    """Add what happens to somebody to whom nothing else happens on that day; otherwise it is left out."""
    if all(other.person != surprise.person for other in plan.get(day, ())):
        plan.setdefault(day, []).append(surprise)


def told(surprise: Surprise, midnight: float, chance: random.Random) -> Iterator[Moment | Attempt]:
    """Give the sign-ins of the day, and what comes before them."""
    person = surprise.person
    at = midnight + chance.uniform(6.5, 9.5) * HOUR_SECONDS
    usual = at_home(person, at, session_id(chance), chance)
    match surprise.kind:
        case Kind.JOURNEY:
            yield replace(usual, spot=surprise.spot, device=random_id(chance))
        case Kind.OWN_LAPTOP_ABROAD:
            yield replace(usual, spot=surprise.spot)
        case Kind.NEW_PHONE:
            yield replace(usual, device=random_id(chance), user_agent=PHONE)
        case Kind.FORGOTTEN:
            number = chance.randint(3, 5)
            mistyped = replace(usual, device=random_id(chance), failures=number)
            for each in range(number):
                yield wrong_password(mistyped, at - 20.0 * (number - each) - chance.uniform(0, 9), random_id(chance))
            yield mistyped
        case Kind.AT_NIGHT:
            yield replace(usual, at=midnight + chance.uniform(20, 22) * HOUR_SECONDS)
        case Kind.THEFT:
            yield usual
            stolen = at + chance.uniform(1.2, 2.5) * HOUR_SECONDS
            thief = at_home(person, stolen, session_id(chance), chance)
            yield replace(thief, spot=surprise.spot, device=random_id(chance))
            later = stolen + chance.uniform(0.3, 1) * HOUR_SECONDS
            yield at_home(person, later, session_id(chance), chance)
