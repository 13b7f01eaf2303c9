"""Distances, middles of countries, and journeys that nobody makes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.geography import (
    WHOLE_DEGREES_KM,
    Place,
    great_circle_km,
    impossible_journey,
    middle_of,
    remembered_place,
    too_fast,
)

BERLIN, MUNICH, NEW_YORK, SYDNEY = (52.52, 13.40), (48.14, 11.58), (40.71, -74.01), (-33.87, 151.21)
HOUR = 3_600
NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        (BERLIN, BERLIN, 0),
        (BERLIN, MUNICH, 504),
        (BERLIN, NEW_YORK, 6_385),
        (BERLIN, SYDNEY, 16_090),
        ((0, 179.5), (0, -179.5), 111),
        ((90, 0), (-90, 0), 20_015),
        ((0, 0), (0, 180), 20_015),
        ((89.9, 0), (89.9, 180), 22),
        ((-37.1, -41.6), (37.1, 138.4), 20_015),  # the sine of half the globe comes out above 1
    ],
)
def test_distances_are_those_of_the_globe(
    one: tuple[float, float], other: tuple[float, float], kilometres: int
) -> None:
    assert great_circle_km(*one, *other) == pytest.approx(kilometres, rel=0.01, abs=1)
    assert great_circle_km(*other, *one) == pytest.approx(great_circle_km(*one, *other))


points = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(points, points)
def test_distance_is_a_number_between_nothing_and_half_the_globe(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    kilometres = great_circle_km(*one, *other)
    assert math.isfinite(kilometres)
    assert 0 <= kilometres <= 20_016


@given(points)
def test_remembering_a_place_moves_it_by_less_than_its_slack(point: tuple[float, float]) -> None:
    kept = remembered_place(Place("DE", *point, NOW))
    assert kept.latitude is not None
    assert kept.longitude is not None
    assert (kept.latitude, kept.longitude) == (int(kept.latitude), int(kept.longitude))
    assert great_circle_km(*point, kept.latitude, kept.longitude) < WHOLE_DEGREES_KM
    assert impossible_journey(kept, Place("DE", *point, NOW)) is None


def test_every_country_has_a_middle_on_the_map_and_an_unknown_one_has_none() -> None:
    codes = [chr(first) + chr(second) for first in range(65, 91) for second in range(65, 91)]
    middles = {code: middle for code in codes if (middle := middle_of(code))}
    assert len(middles) == 250  # 249 of ISO 3166-1, and XK
    assert all(abs(latitude) <= 90 and abs(longitude) <= 180 for latitude, longitude in middles.values())
    assert [middle_of(code) for code in ("ZZ", "EU", "AP", "de", "")] == [None] * 5


@pytest.mark.parametrize(
    ("kilometres", "seconds", "nearest", "verdict"),
    [
        (800, HOUR, 100, False),
        (800.1, HOUR, 100, True),
        (800, HOUR - 1, 100, True),
        (99.9, 0, 100, False),
        (100, 0, 100, True),
        (100, 450, 100, False),
        (100, 449, 100, True),
        (999.9, 0, 1_000, False),
        (1_000, 0, 1_000, True),
        (20_000, 25 * HOUR, 100, False),
        (20_000, 25 * HOUR - 1, 100, True),
    ],
)
def test_more_than_800_kilometres_an_hour_is_too_fast(
    kilometres: float, seconds: int, nearest: int, *, verdict: bool
) -> None:
    assert too_fast(kilometres, seconds, nearest) is verdict


def journey(before: Place, here: Place) -> int | None:
    found = impossible_journey(before, here)
    return None if found is None else found.kilometres


@pytest.mark.parametrize(
    ("before", "here", "impossible"),
    [
        # Coordinates on both sides: from 100 km on, the remembered side known to 79 km.
        (Place("DE", 53, 13, NOW), Place("DE", *MUNICH, NOW + 600), True),
        (Place("DE", 53, 13, NOW), Place("DE", *MUNICH, NOW + HOUR), False),
        (Place("DE", 53, 13, NOW), Place("US", *NEW_YORK, NOW + 7 * HOUR), True),
        (Place("DE", 53, 13, NOW), Place("US", *NEW_YORK, NOW + 8 * HOUR), False),
        (Place("DE", 0, 0, NOW), Place("DE", 0, 1.6, NOW), False),  # 178 km, at least 99 of them travelled
        (Place("DE", 0, 0, NOW), Place("DE", 0, 1.62, NOW), True),  # 180 km, at least 101
        # A middle on either side: from 1,000 km on, and never within one country.
        (Place("DE", None, None, NOW), Place("AT", None, None, NOW), False),
        (Place("DE", None, None, NOW), Place("BR", None, None, NOW + 9 * HOUR), True),
        (Place("DE", None, None, NOW), Place("BR", None, None, NOW + 14 * HOUR), False),
        (Place("US", None, None, NOW), Place("US", 21.3, -157.9, NOW), False),
        (Place("US", 21, -158, NOW), Place("US", None, None, NOW), False),
        (Place("DE", 53, 13, NOW), Place("AT", None, None, NOW), False),
        (Place("DE", 53, 13, NOW), Place("JP", None, None, NOW + 60), True),
        # Nothing to measure from or to.
        (Place("ZZ", None, None, NOW), Place("JP", *SYDNEY, NOW), False),
        (Place("JP", 36, 138, NOW), Place("ZZ", None, None, NOW), False),
        (Place("ZZ", None, None, NOW), Place("ZZ", None, None, NOW), False),
        # Clocks differ: a request that seems to come before the last one came at the same time.
        (Place("DE", 53, 13, NOW), Place("US", *NEW_YORK, NOW - 30), True),
        (Place("DE", 53, 13, NOW), Place("US", *NEW_YORK, NOW - 9 * HOUR), True),
        (Place("DE", 53, 13, NOW), Place("DE", *BERLIN, NOW - 30), False),
    ],
)
def test_journeys_that_nobody_can_have_made(before: Place, here: Place, *, impossible: bool) -> None:
    assert (journey(before, here) is not None) is impossible


def test_journey_tells_kilometres_that_were_travelled_at_least_and_its_time() -> None:
    found = impossible_journey(Place("DE", 53, 13, NOW), Place("DE", *MUNICH, NOW + 600))
    assert found is not None
    assert (found.seconds, 400 < found.kilometres < 504) == (600, True)
