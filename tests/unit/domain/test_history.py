"""What is learned of a person, and what is forgotten."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.geography import Place
from shared.domain.history import (
    DEVICE_CHARACTERS,
    FORGOTTEN_SECONDS,
    MAX_COUNTRIES,
    MAX_DEVICES,
    MAX_NETWORKS,
    MAX_SESSIONS,
    MOST_OF_AN_HOUR,
    Facts,
    History,
    LiveSession,
    closed,
    learned,
    live_sessions,
    opened,
    stepped_up,
)
from shared.domain.session import NO_DEVICE

NOW = 1_800_000_000
DAY = 86_400


def device(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def facts(number: int = 0, at: int = NOW, country: str = "DE") -> Facts:
    return Facts(
        at=at,
        device_hash=device(number),
        agent="x",
        country=country,
        network=f"10.{number}.0.0/24",
        asn=64_000 + number,
    )


def session(number: int, *, opened_at: int | None = None, version: int = 1, lives: int = DAY) -> LiveSession:
    start = NOW + number if opened_at is None else opened_at
    return LiveSession(f"s{number:02}", start, start + lives, version, "DE", device(number)[:8])


def ids(history: History, now: int = NOW) -> list[str]:
    return [kept.session_id for kept in live_sessions(history, now)]


def test_history_is_empty_until_something_was_learned() -> None:
    assert History().empty
    assert opened(History(), session(1)).empty
    assert not learned(History(), facts()).empty


def test_learning_keeps_no_more_than_the_coarse_facts() -> None:
    history = learned(History(), replace(facts(), latitude=52.52, longitude=13.405))
    assert history.devices == {device(0)[:DEVICE_CHARACTERS]: NOW}
    assert history.countries == {"DE": NOW}
    assert history.networks == {"10.0.0.0/24": NOW, "AS64000": NOW}
    assert history.last_place == Place("DE", 53, 13, NOW)
    assert (history.last_at, sum(history.hours)) == (NOW, 1)


def test_what_was_seen_longest_ago_falls_out_first() -> None:
    history = History()
    countries = ["DE", "AT", "CH", "FR", "IT", "ES", "PT", "NL", "BE", "LU", "DK", "SE"]
    for number, country in enumerate(countries):
        history = learned(history, facts(number, NOW + number, country))
    history = learned(history, facts(2, NOW + 100, "CH"))
    history = learned(history, facts(50, NOW + 101, "NO"))
    history = learned(history, facts(51, NOW + 102, "FI"))
    assert set(history.countries) == {"CH", "ES", "PT", "NL", "BE", "LU", "DK", "SE", "NO", "FI"}
    assert len(history.devices) == MAX_DEVICES
    assert device(2)[:DEVICE_CHARACTERS] in history.devices
    assert device(4)[:DEVICE_CHARACTERS] not in history.devices


def test_of_what_was_seen_in_the_same_second_the_latest_to_come_stays() -> None:
    history = History()
    for number in range(MAX_DEVICES + MAX_NETWORKS):
        history = learned(history, facts(number))
        assert device(number)[:DEVICE_CHARACTERS] in history.devices
        assert {f"10.{number}.0.0/24", f"AS{64_000 + number}"} <= set(history.networks)


def test_what_was_not_seen_for_half_a_year_is_forgotten_with_the_next_sign_in() -> None:
    history = learned(learned(History(), facts(1)), facts(2, NOW + FORGOTTEN_SECONDS, "AT"))
    assert set(history.countries) == {"DE", "AT"}
    history = learned(history, facts(2, NOW + FORGOTTEN_SECONDS + 1, "AT"))
    assert (set(history.countries), len(history.devices), len(history.networks)) == ({"AT"}, 1, 2)


def test_request_that_comes_late_undoes_nothing() -> None:
    history = learned(learned(History(), facts(1, NOW, "DE")), facts(1, NOW - 60, "AT"))
    assert history.last_place == Place("DE", None, None, NOW)
    assert (history.last_at, history.devices[device(1)[:DEVICE_CHARACTERS]]) == (NOW, NOW)
    assert set(history.countries) == {"DE", "AT"}


def test_hours_are_halved_before_they_overflow() -> None:
    history = History(hours=(MOST_OF_AN_HOUR, 7, *(0,) * 22))
    midnight = NOW // DAY * DAY
    taught = learned(history, facts(at=midnight))
    assert taught.hours == (MOST_OF_AN_HOUR // 2, 3, *(0,) * 22)


def test_step_up_is_remembered_of_the_latest_named_device() -> None:
    history = stepped_up(History(), device(1), NOW)
    assert (history.step_up_device, history.step_up_at) == (device(1)[:DEVICE_CHARACTERS], NOW)
    assert stepped_up(history, device(2), NOW - 1) == history
    assert stepped_up(history, NO_DEVICE, NOW + 1) == history
    assert stepped_up(history, device(2), NOW + 1).step_up_at == NOW + 1


def test_live_sessions_are_those_before_their_end_oldest_first() -> None:
    history = History(sessions=(session(2), session(1), session(4, opened_at=NOW - DAY)))
    assert ids(history) == ["s01", "s02"]
    assert ids(history, NOW + DAY + 1) == ["s02"]
    assert ids(history, NOW + 2 * DAY) == []


def test_opening_removes_the_dead_and_replaces_its_own_entry() -> None:
    dead = session(4, opened_at=NOW - DAY)
    history = opened(History(sessions=(dead, session(1))), session(5))
    assert [kept.session_id for kept in history.sessions] == ["s01", "s05"]
    assert len(opened(history, session(5)).sessions) == 2


def test_session_remembers_the_beginning_of_its_device_and_nothing_of_a_nameless_one() -> None:
    history = opened(History(), replace(session(1), device=device(1)))
    history = opened(history, replace(session(2), device=NO_DEVICE))
    assert [kept.device for kept in history.sessions] == [device(1)[:8], ""]


def test_sessions_are_bounded_and_the_oldest_falls_out() -> None:
    history = History()
    for number in range(MAX_SESSIONS + 3):
        history = opened(history, session(number))
    assert ids(history, NOW + MAX_SESSIONS) == [f"s{number:02}" for number in range(3, MAX_SESSIONS + 3)]


def test_closed_session_is_gone_and_an_unknown_one_changes_nothing() -> None:
    history = opened(opened(History(), session(1)), session(2))
    assert ids(closed(history, "s01"), NOW + 2) == ["s02"]
    assert closed(history, "s99") == history


def test_session_of_another_version_may_have_come_along_and_is_not_forgotten() -> None:
    history = opened(opened(History(), session(1)), replace(session(2), session_version=2))
    assert ids(history, NOW + 2) == ["s01", "s02"]


sign_ins = st.lists(
    st.builds(
        facts,
        st.integers(0, 60),
        st.integers(NOW, NOW + 2 * FORGOTTEN_SECONDS),
        st.sampled_from(["DE", "AT", "ZZ", "FR"]),
    ),
    max_size=60,
)


@given(sign_ins)
def test_history_stays_within_its_bounds_and_knows_the_last_sign_in(came: list[Facts]) -> None:
    history = History()
    for one in came:
        history = learned(history, one)
    bounds: list[tuple[Mapping[str, int], int]] = [
        (history.devices, MAX_DEVICES),
        (history.countries, MAX_COUNTRIES),
        (history.networks, MAX_NETWORKS),
    ]
    assert all(len(known) <= most for known, most in bounds)
    assert max(history.hours) <= MOST_OF_AN_HOUR
    assert "ZZ" not in history.countries
    if came and came[-1].at == max(one.at for one in came):
        assert came[-1].device_hash[:DEVICE_CHARACTERS] in history.devices
        assert came[-1].network in history.networks
        assert history.last_at == came[-1].at
