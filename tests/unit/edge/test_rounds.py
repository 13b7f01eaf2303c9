"""How long a flow decides anew: as often as fits into its patience, at moments that nobody else can know."""

import random
from dataclasses import dataclass, field

import pytest

from shared.edge.rounds import MOST_ROUNDS, PATIENCE_SECONDS, rounds


@dataclass
class Time:
    """Goes on when somebody sleeps, and by `cost` with every round."""

    cost: float
    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def spend(self, at_least: int = 1) -> list[int]:
        numbers = []
        for number in rounds(lambda: self.now, self.sleep, at_least=at_least):
            numbers.append(number)
            self.now += self.cost
        return numbers


def test_the_first_round_comes_at_once_and_every_other_after_a_pause() -> None:
    time = Time(cost=0.1)
    assert next(rounds(lambda: time.now, time.sleep)) == 0
    assert time.slept == []
    assert len(time.spend()) == len(time.slept) + 1


def test_rounds_are_as_many_as_fit_and_none_begins_behind_the_end() -> None:
    for cost in (0.2, 1.0, 3.0, 20.0):
        time = Time(cost)
        numbers = time.spend()
        assert numbers == list(range(len(numbers)))
        began_last = time.now - cost
        assert began_last < 1_000 + PATIENCE_SECONDS <= time.now + 0.1


def test_no_round_begins_at_the_end_itself_nor_behind_it_after_its_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)
    assert Time(PATIENCE_SECONDS / 4).spend() == [0, 1, 2, 3]
    monkeypatch.setattr(random, "random", lambda: 1.0)
    assert Time(PATIENCE_SECONDS - 0.01).spend() == [0]


def test_a_dozen_lost_rounds_of_a_busy_row_are_no_reason_to_give_up() -> None:
    assert len(Time(cost=0.1).spend()) > 40


def test_least_rounds_are_due_however_slow_they_are_and_none_behind_them() -> None:
    assert Time(cost=20.0).spend(at_least=3) == [0, 1, 2]
    assert len(Time(cost=0.1).spend(at_least=3)) > 40


def test_quick_rounds_end_at_their_most_before_the_patience_does() -> None:
    time = Time(cost=0.001)
    assert time.spend() == list(range(MOST_ROUNDS))
    assert len(time.slept) == MOST_ROUNDS - 1
    assert time.now < 1_000 + PATIENCE_SECONDS


def test_pauses_are_at_random_and_stay_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits long loses to whoever has just arrived."""
    one, other = Time(cost=0.1), Time(cost=0.1)
    one.spend()
    other.spend()
    assert one.slept != other.slept
    monkeypatch.setattr(random, "random", lambda: 1.0)
    longest = Time(cost=0.1)
    longest.spend()
    assert longest.slept[:3] == sorted(set(longest.slept[:3]))
    assert max(longest.slept) == 0.1
