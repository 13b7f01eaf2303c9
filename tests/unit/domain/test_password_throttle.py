"""Who waits before the next password, and who never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.throttle import (
    ADDRESS_ATTEMPTS,
    FORGET_SECONDS,
    LONGEST_DELAY_SECONDS,
    Allowed,
    Tries,
    Wait,
    delay_seconds,
    judge,
    recent,
    seconds_left,
)


def test_delays_begin_with_the_fifth_failure_double_and_end_at_a_quarter_of_an_hour() -> None:
    assert [delay_seconds(failures) for failures in range(8)] == [0, 0, 0, 0, 0, 1, 2, 4]
    assert [delay_seconds(failures) for failures in (14, 15, 16, 100_000)] == [512, 900, 900, 900]


def test_four_failures_delay_nobody_and_the_fifth_delays_a_second() -> None:
    assert judge(Tries(4, 1_000), 0, 1_000) == Allowed(Tries(4, 1_000), Tries(5, 1_000))
    assert judge(Tries(5, 1_000), 0, 1_000) == Wait(1)
    assert judge(Tries(5, 1_000), 0, 1_001) == Allowed(Tries(5, 1_000), Tries(6, 1_001))


def test_first_attempt_of_a_network_is_allowed_and_counted() -> None:
    assert judge(None, 0, 50) == Allowed(None, Tries(1, 50))


def test_waiting_lasts_as_long_as_is_left_and_no_longer() -> None:
    assert judge(Tries(20, 1_000), 0, 1_100) == Wait(800)
    assert isinstance(judge(Tries(20, 1_000), 0, 1_900), Allowed)


def test_count_that_nobody_added_to_for_a_day_is_over() -> None:
    old = Tries(1_000, 5)
    assert judge(old, 0, 5 + FORGET_SECONDS) == Allowed(old, Tries(1, 5 + FORGET_SECONDS))
    assert judge(old, 0, 5 + FORGET_SECONDS - 1) == Allowed(old, Tries(1_001, 5 + FORGET_SECONDS - 1))


def test_address_that_has_used_its_minute_waits_for_the_next() -> None:
    assert isinstance(judge(None, ADDRESS_ATTEMPTS - 1, 125), Allowed)
    assert judge(None, ADDRESS_ATTEMPTS, 125) == Wait(55)
    assert judge(None, ADDRESS_ATTEMPTS, 120) == Wait(60)


@given(st.builds(Tries, st.integers(0, 10_000), st.integers(0, 10**9)), st.integers(0, 100), st.integers(0, 2 * 10**9))
def test_wait_is_never_shorter_than_a_second_nor_longer_than_the_longest(tries: Tries, used: int, now: int) -> None:
    judged = judge(tries, used, now)
    if isinstance(judged, Wait):
        assert 1 <= judged.retry_after_seconds <= LONGEST_DELAY_SECONDS


def attack(seconds: int, network: dict[str, Tries], now: int) -> int:
    """Guess as fast as one network may, for so long; gives how many guesses got through."""
    through = 0
    for moment in range(now, now + seconds):
        judged = judge(network.get("attacker"), 0, moment)
        if isinstance(judged, Allowed):
            network["attacker"] = judged.after
            through += 1
    return through


def test_a_network_gets_a_hundred_guesses_a_day_at_an_account_and_not_many_more() -> None:
    assert attack(86_400, {}, 0) < 112


def test_ten_thousand_wrong_passwords_never_delay_the_person_at_home() -> None:
    """Each network counts for itself: the rows that the victim is judged by are never the attacker's."""
    networks: dict[str, Tries] = {}
    for number in range(10_000):
        source = f"botnet-{number % 50}"
        judged = judge(networks.get(source), 0, number)
        if isinstance(judged, Allowed):
            networks[source] = judged.after
        else:
            networks[source] = Tries(networks[source].count + 1, number)  # harsher than we are: count refusals too
        assert isinstance(judge(networks.get("home"), 0, number), Allowed)
    assert "home" not in networks


def test_instants_count_while_they_lie_inside_the_window() -> None:
    assert recent([100, 401, 400, 999], 600, 1_000) == 2
    assert [seconds_left(60, now) for now in (0, 59.9, 61)] == [60, 1, 59]


@pytest.mark.parametrize("failures", range(30))
def test_delay_never_shrinks(failures: int) -> None:
    assert delay_seconds(failures + 1) >= delay_seconds(failures)
