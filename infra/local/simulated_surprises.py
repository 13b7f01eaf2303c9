"""Which day of a simulated quarter somebody signs in unlike himself: on a journey, with a new phone, or as a thief.

The plan is drawn once for a quarter, by the quarter itself. On his day a person does nothing else that signs him in,
but for the day of a theft: then he signs in at home before it and after it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

from infra.local.simulated_moment import HOUR_SECONDS, Moment, Person, random_id
from infra.local.simulated_risk import Attempt, Spot, home_of, wrong_password

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
    "AcmeMobile/4.2 (iOS 18.5)",
)
_JOURNEY, _THEFT = "journey", "theft"
_NEW_PHONE, _OWN_LAPTOP_ABROAD, _FORGOTTEN, _AT_NIGHT = "new_phone", "own_laptop_abroad", "forgotten", "at_night"
# Those who act as administrators have sessions at home on fixed days, and somebody leaves in between.
_STAY_AT_HOME = frozenset({"Olivia", "Adam", "Jonas"})
_FIRST_JOURNEY = 15  # before it, a new tenant's places are only observed
_JUDGED_HOURS = 62  # by then everybody has signed in often enough that an hour can be unusual
_GAP = (5, 9)  # days

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
    kind: str
    person: Person
    spot: Spot


def planned(people: Sequence[Person], start: float, days: int) -> Mapping[int, tuple[Surprise, ...]]:
    """Give the surprises of a quarter of `days` that begins at `start`, by the number of their day."""
    chance = random.Random(f"{start}/surprises")  # noqa: S311 - a story, no secret
    drawn = [person for person in people if person.name.partition(" ")[0] not in _STAY_AT_HOME]
    chance.shuffle(drawn)
    travellers, others = cycle(drawn), cycle([*drawn[3:], *drawn[:3]])  # three apart: never one person twice a day
    plan: dict[int, list[Surprise]] = {}
    places = cycle(chance.sample(_DESTINATIONS, len(_DESTINATIONS)))
    for day in _spread(_FIRST_JOURNEY, days, chance):
        plan.setdefault(day, []).append(Surprise(_JOURNEY, next(travellers), next(places)))
    neighbours = cycle(_NEIGHBOURS)
    kinds = cycle((_NEW_PHONE, _OWN_LAPTOP_ABROAD, _FORGOTTEN, _AT_NIGHT))
    for day in _spread(_FIRST_JOURNEY - 5, days, chance):
        kind, person = next(kinds), next(others)
        if kind == _AT_NIGHT and day < _JUDGED_HOURS:
            kind = _NEW_PHONE
        spot = next(neighbours) if kind == _OWN_LAPTOP_ABROAD else home_of(person)
        _add(plan, day, Surprise(kind, person, spot))
    for spot, day in zip(_THIEVES, (27, 54, 81), strict=True):
        _add(plan, day + chance.randint(-4, 4), Surprise(_THEFT, chance.choice(drawn), spot))
    return {day: tuple(surprises) for day, surprises in plan.items() if day < days}


def _spread(first: int, days: int, chance: random.Random) -> Iterator[int]:
    day = first + chance.randint(0, 4)
    while day < days:
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
    usual = _attempt(person, at, home_of(person), chance)
    match surprise.kind:
        case "journey":
            yield replace(usual, spot=surprise.spot, device=random_id(chance))
        case "own_laptop_abroad":
            yield replace(usual, spot=surprise.spot)
        case "new_phone":
            yield replace(usual, device=random_id(chance), user_agent=AGENTS[2])
        case "forgotten":
            number = chance.randint(3, 5)
            mistyped = replace(usual, device=random_id(chance), failures=number)
            for each in range(number):
                yield wrong_password(mistyped, at - 20.0 * (number - each) - chance.uniform(0, 9), random_id(chance))
            yield mistyped
        case "at_night":
            yield replace(usual, at=midnight + chance.uniform(20, 22) * HOUR_SECONDS)
        case _:
            yield usual
            stolen = at + chance.uniform(1.2, 2.5) * HOUR_SECONDS
            yield replace(_attempt(person, stolen, surprise.spot, chance), device=random_id(chance))
            yield _attempt(person, stolen + chance.uniform(0.3, 1) * HOUR_SECONDS, home_of(person), chance)


def _attempt(person: Person, at: float, spot: Spot, chance: random.Random) -> Attempt:
    return Attempt(
        at=at,
        person=person,
        spot=spot,
        device=person.device,
        user_agent=chance.choice(AGENTS),
        session=f"ses{chance.getrandbits(64):016x}",
        request_id=random_id(chance),
    )
