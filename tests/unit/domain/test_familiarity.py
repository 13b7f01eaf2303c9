"""What is unlike a person at a sign-in, and unlike a session within it."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.audit.canonical import canonical
from shared.domain.familiarity import (
    Facts,
    History,
    InSession,
    LiveSession,
    facts_of,
    learned,
    opened,
    signals_at_sign_in,
    signals_in_session,
    stepped_up,
)
from shared.domain.risk import Signal, assess
from shared.domain.security_policy import policy_of
from shared.domain.session import NO_DEVICE, Binding
from shared.edge.viewer import Viewer

NOW = 1_800_000_000 // 86_400 * 86_400 + 12 * 3_600  # noon
HOUR, DAY = 3_600, 86_400
LAPTOP, PHONE = (hashlib.sha256(name).hexdigest() for name in (b"laptop", b"phone"))
HOME = Facts(
    at=NOW,
    device_hash=LAPTOP,
    agent="Firefox/Linux",
    country="DE",
    network="198.51.100.0/24",
    asn=64500,
    latitude=52.52,
    longitude=13.4,
)
KNOWN = learned(History(), HOME)
MIDDLES_ONLY = learned(History(), replace(HOME, latitude=None, longitude=None))
HETZNER = 24940


def later(seconds: int = 2 * HOUR, **changes: Any) -> Facts:
    return replace(HOME, at=NOW + seconds, **changes)


def names(signals: Sequence[Signal]) -> list[str]:
    return [signal.name for signal in signals]


def at_sign_in(facts: Facts, history: History = KNOWN) -> list[str]:
    return names(signals_at_sign_in(history, facts))


def in_session(facts: Facts, history: History = KNOWN, **changes: Any) -> list[str]:
    bound = Binding(LAPTOP, "DE", "198.51.100.0/24", "Firefox/Linux")
    fields: dict[str, Any] = {"binding": bound, "seen_at": NOW} | changes
    return names(signals_in_session(InSession(**fields), history, facts))


def elsewhere(seconds: int = 2 * HOUR, **changes: Any) -> Facts:
    """Come from Austria, over another network, without coordinates: far enough to be new, too near to be impossible."""
    place = {"country": "AT", "network": "203.0.113.0/24", "asn": 64501, "latitude": None, "longitude": None}
    return later(seconds, **(place | changes))


def test_first_login_has_one_reason_whatever_its_device_and_place() -> None:
    assert at_sign_in(HOME, History()) == ["FIRST_LOGIN"]
    assert at_sign_in(replace(HOME, device_hash=NO_DEVICE, country="ZZ"), History()) == ["FIRST_LOGIN"]
    live = opened(History(), LiveSession("s", NOW, NOW + DAY, 1, "DE", LAPTOP))
    assert at_sign_in(HOME, live) == ["FIRST_LOGIN"]


def test_what_is_said_of_the_source_counts_at_a_first_login_too() -> None:
    facts = replace(HOME, failures=10, spraying=True, asn=HETZNER)
    assert at_sign_in(facts, History()) == ["FIRST_LOGIN", "ANON_NETWORK", "SPRAY_SOURCE", "FAILS_10"]


def test_the_usual_sign_in_shows_nothing() -> None:
    assert at_sign_in(later()) == []


def test_new_device_and_country_are_the_required_example() -> None:
    signals = signals_at_sign_in(MIDDLES_ONLY, elsewhere(device_hash=PHONE))
    assert names(signals) == ["NEW_DEVICE", "NEW_COUNTRY", "NEW_NETWORK"]
    decision = assess(signals, policy_of({}, 1, {}), geography_observed=False)
    assert (decision.score, decision.reasons) == (75, ("NEW_DEVICE", "NEW_COUNTRY"))


def test_what_was_learned_is_new_no_more() -> None:
    facts = elsewhere(device_hash=PHONE)
    taught = learned(MIDDLES_ONLY, facts)
    assert at_sign_in(replace(facts, at=facts.at + HOUR), taught) == []
    assert at_sign_in(later(4 * HOUR, latitude=None, longitude=None), taught) == []


def test_nameless_client_is_new_until_such_a_client_signed_in() -> None:
    nameless = later(device_hash=NO_DEVICE)
    assert at_sign_in(nameless) == ["NEW_DEVICE"]
    assert at_sign_in(replace(nameless, at=nameless.at + 1), learned(KNOWN, nameless)) == []


def test_unknown_geography_is_a_signal_and_the_last_known_place_is_kept() -> None:
    unknown = later(country="ZZ", latitude=None, longitude=None)
    assert at_sign_in(unknown) == ["UNKNOWN_GEO"]
    taught = learned(KNOWN, unknown)
    assert taught.last_place == KNOWN.last_place
    assert at_sign_in(later(3 * HOUR, country="JP", latitude=35.7, longitude=139.7), taught) == [
        "NEW_COUNTRY",
        "IMPOSSIBLE_TRAVEL",
    ]


def test_country_that_cannot_be_compared_is_unknown_geography_and_not_a_new_one() -> None:
    never_told = learned(History(), replace(HOME, country="ZZ", latitude=None, longitude=None))
    assert at_sign_in(later(), never_told) == ["UNKNOWN_GEO"]


def test_who_was_away_for_long_is_asked_and_not_blocked() -> None:
    for days in (91, 181, 1_000):
        signals = signals_at_sign_in(KNOWN, later(days * DAY, device_hash=PHONE, network="203.0.113.0/24", asn=1))
        decision = assess(signals, policy_of({}, 1, {}), geography_observed=False)
        assert decision.action == "STEP_UP_REQUIRED", decision


def test_dormant_is_more_than_ninety_days() -> None:
    assert "DORMANT" not in at_sign_in(later(90 * DAY))
    assert at_sign_in(later(90 * DAY + 1)) == ["DORMANT"]


def test_device_and_network_are_forgotten_after_half_a_year() -> None:
    assert at_sign_in(later(180 * DAY)) == ["DORMANT"]
    assert at_sign_in(later(180 * DAY + 1)) == ["NEW_DEVICE", "UNKNOWN_GEO", "NEW_NETWORK", "DORMANT"]


def test_network_is_known_by_its_prefix_or_its_provider() -> None:
    assert at_sign_in(later(network="203.0.113.0/24")) == []
    assert at_sign_in(later(asn=64501)) == []
    assert at_sign_in(later(asn=None)) == []
    assert at_sign_in(later(network="203.0.113.0/24", asn=64501)) == ["NEW_NETWORK"]
    assert at_sign_in(later(network="203.0.113.0/24", asn=None)) == ["NEW_NETWORK"]


def test_hosting_provider_is_known_by_its_prefix_alone() -> None:
    hosted = later(network="203.0.113.0/24", asn=HETZNER)
    assert at_sign_in(hosted) == ["NEW_NETWORK", "ANON_NETWORK"]
    taught = learned(KNOWN, hosted)
    assert at_sign_in(replace(hosted, at=hosted.at + 1), taught) == []
    assert at_sign_in(replace(hosted, at=hosted.at + 1, network="203.0.114.0/24"), taught) == [
        "NEW_NETWORK",
        "ANON_NETWORK",
    ]


@pytest.mark.parametrize(
    ("failures", "signal"),
    [(0, []), (2, []), (3, ["FAILS_3"]), (5, ["FAILS_3"]), (6, ["FAILS_6"]), (9, ["FAILS_6"]), (10, ["FAILS_10"])],
)
def test_failures_count_for_strangers_only(failures: int, signal: list[str]) -> None:
    assert at_sign_in(later(failures=failures)) == []
    assert at_sign_in(later(failures=failures, device_hash=PHONE)) == ["NEW_DEVICE", *signal]
    moved = later(failures=failures, network="203.0.113.0/24", asn=None)
    assert at_sign_in(moved) == ["NEW_NETWORK", *signal]


def test_source_of_a_spray_counts_for_the_best_known_device() -> None:
    assert at_sign_in(later(spraying=True)) == ["SPRAY_SOURCE"]


def test_journey_is_measured_from_the_last_sign_in() -> None:
    tokyo = {"country": "JP", "latitude": 35.7, "longitude": 139.7}
    both = learned(KNOWN, later(DAY, **tokyo))
    assert at_sign_in(later(2 * HOUR, **tokyo)) == ["NEW_COUNTRY", "IMPOSSIBLE_TRAVEL"]
    assert at_sign_in(later(DAY, **tokyo)) == ["NEW_COUNTRY"]
    assert at_sign_in(later(DAY + HOUR), both) == ["IMPOSSIBLE_TRAVEL"]
    assert at_sign_in(later(2 * DAY), both) == []


def test_live_session_in_another_country_is_concurrent_for_an_hour() -> None:
    assert at_sign_in(later(seen_elsewhere=(("FR", NOW + HOUR),))) == ["CONCURRENT_COUNTRIES"]
    assert at_sign_in(later(seen_elsewhere=(("FR", NOW + HOUR - 1),))) == []
    assert at_sign_in(later(seen_elsewhere=(("DE", NOW + 2 * HOUR), ("ZZ", NOW + 2 * HOUR)))) == []
    unknown = later(country="ZZ", latitude=None, longitude=None, seen_elsewhere=(("FR", NOW + 2 * HOUR),))
    assert at_sign_in(unknown) == ["UNKNOWN_GEO"]


def test_limit_of_sessions_is_a_signal() -> None:
    assert at_sign_in(later(session_limit_reached=True)) == ["SESSION_LIMIT"]


def test_unusual_hour_needs_twenty_sign_ins_and_leaves_two_hours_around() -> None:
    history = KNOWN
    for day in range(1, 19):
        history = learned(history, later(day * DAY))
    assert at_sign_in(later(19 * DAY + 3 * HOUR), history) == []
    history = learned(history, later(19 * DAY))
    assert at_sign_in(later(20 * DAY + 2 * HOUR), history) == []
    assert at_sign_in(later(20 * DAY - 2 * HOUR), history) == []
    assert at_sign_in(later(20 * DAY + 3 * HOUR), history) == ["UNUSUAL_HOUR"]
    assert at_sign_in(later(20 * DAY - 3 * HOUR), history) == ["UNUSUAL_HOUR"]
    at_midnight = replace(history, hours=(20, *(0,) * 23))
    assert at_sign_in(later(20 * DAY + 10 * HOUR), at_midnight) == []  # 22:00 is two hours from midnight


def test_trust_is_earned_by_this_device_and_this_sign_in() -> None:
    trusted = stepped_up(KNOWN, LAPTOP, NOW)
    assert at_sign_in(later(12 * HOUR), trusted) == ["RECENT_STEP_UP"]
    assert "RECENT_STEP_UP" not in at_sign_in(later(12 * HOUR + 1), trusted)
    assert at_sign_in(later(device_hash=PHONE), trusted) == ["NEW_DEVICE"]
    assert at_sign_in(later(amr=("pwd", "pop"))) == ["PHISHING_RESISTANT"]
    nameless = learned(KNOWN, later(0, device_hash=NO_DEVICE, amr=("pwd", "otp")))
    assert at_sign_in(later(device_hash=NO_DEVICE), nameless) == []
    assert at_sign_in(later(device_hash=NO_DEVICE), replace(nameless, step_up_device=NO_DEVICE, step_up_at=NOW)) == []


@pytest.mark.parametrize(("method", "trusted"), [("otp", True), ("pop", True), ("rc", False), ("pwd", False)])
def test_sign_in_with_a_second_factor_is_a_step_up_and_a_recovery_code_earns_none(
    method: str, *, trusted: bool
) -> None:
    history = learned(KNOWN, later(0, amr=("pwd", method)))
    assert (at_sign_in(later(), history) == ["RECENT_STEP_UP"]) is trusted


def test_session_where_nothing_changed_shows_nothing() -> None:
    assert in_session(later()) == []
    assert in_session(later(), History()) == []


def test_other_device_within_a_session_is_a_mismatch_however_well_it_is_known() -> None:
    phone_known = learned(KNOWN, later(1, device_hash=PHONE))
    assert in_session(later(device_hash=PHONE)) == ["DEVICE_MISMATCH"]
    assert in_session(later(device_hash=PHONE), phone_known) == ["DEVICE_MISMATCH"]
    assert in_session(later(device_hash=NO_DEVICE)) == ["DEVICE_MISMATCH"]


def test_other_kind_of_client_within_a_session_is_a_mismatch_and_voids_trust() -> None:
    trusted = stepped_up(KNOWN, LAPTOP, NOW)
    assert in_session(later(agent="curl/unknown"), trusted) == ["DEVICE_MISMATCH"]
    assert in_session(later(agent="unknown")) == ["DEVICE_MISMATCH"]
    assert in_session(later(), trusted) == ["RECENT_STEP_UP"]
    untold = Binding(LAPTOP, "DE", "198.51.100.0/24", "")
    assert in_session(later(agent="curl/unknown"), binding=untold) == []


def test_stolen_cookie_in_the_same_country_is_asked_for_and_abroad_it_is_blocked() -> None:
    stolen = later(agent="curl/unknown", network="203.0.113.0/24", asn=64501)
    abroad = elsewhere(agent="curl/unknown")
    for facts, score, action in ((stolen, 60, "STEP_UP_REQUIRED"), (abroad, 90, "BLOCK")):
        bound = InSession(binding=Binding(LAPTOP, "DE", "198.51.100.0/24", "Firefox/Linux"), seen_at=NOW)
        decision = assess(signals_in_session(bound, KNOWN, facts), policy_of({}, 1, {}), geography_observed=False)
        assert (decision.score, decision.action) == (score, action)


def test_passkey_of_the_sign_in_earns_no_trust_within_the_session() -> None:
    assert in_session(later(amr=("pwd", "pop"))) == []


def test_country_within_a_session_is_new_unless_the_person_or_the_session_knows_it() -> None:
    assert in_session(elsewhere()) == ["NEW_COUNTRY", "NEW_NETWORK"]
    assert in_session(elsewhere(), History()) == ["NEW_COUNTRY", "NEW_NETWORK"]
    knows_austria = learned(KNOWN, elsewhere(1))
    assert in_session(elsewhere(), knows_austria) == []
    forgotten = replace(KNOWN, countries={})
    assert in_session(later(network="203.0.113.0/24"), forgotten) == []
    assert in_session(later(country="ZZ", latitude=None, longitude=None)) == ["UNKNOWN_GEO"]
    unbound = Binding(LAPTOP, "ZZ", "198.51.100.0/24", "Firefox/Linux")
    assert in_session(later(), binding=unbound) == []
    assert in_session(later(), History(), binding=unbound) == ["UNKNOWN_GEO"]


def test_known_country_within_a_session_may_still_be_too_far_away() -> None:
    japan = {"country": "JP", "latitude": 35.7, "longitude": 139.7}
    knows_japan = learned(KNOWN, later(1, **japan))
    assert in_session(later(HOUR, **japan), knows_japan) == ["IMPOSSIBLE_TRAVEL"]
    assert in_session(later(DAY, **japan), knows_japan) == []
    munich = later(600, latitude=48.14, longitude=11.58)
    assert in_session(munich, latitude=52.52, longitude=13.4) == ["IMPOSSIBLE_TRAVEL"]
    assert in_session(munich) == []


def test_network_within_a_session_is_new_unless_it_is_the_sessions_or_the_persons() -> None:
    moved = later(network="203.0.113.0/24", asn=64501)
    assert in_session(moved) == ["NEW_NETWORK"]
    assert in_session(moved, learned(KNOWN, replace(moved, at=NOW + 1))) == []
    assert in_session(later(), History()) == []
    assert in_session(later(network="203.0.113.0/24", asn=HETZNER)) == ["NEW_NETWORK", "ANON_NETWORK"]
    at_hetzner = Binding(LAPTOP, "DE", "203.0.113.0/24", "Firefox/Linux")
    assert in_session(later(network="203.0.113.0/24", asn=HETZNER), binding=at_hetzner) == []


@pytest.mark.parametrize(
    ("replays", "generation", "conspicuous"),
    [(0, 1, False), (4, 4, False), (5, 10, True), (5, 11, False), (8, 2, True)],
)
def test_replays_are_conspicuous_when_there_are_five_and_one_for_two_rotations(
    replays: int, generation: int, *, conspicuous: bool
) -> None:
    shown = in_session(later(), replays=replays, generation=generation)
    assert shown == (["REPLAY_RATE"] if conspicuous else [])


def test_inputs_can_be_written_to_the_log_and_tell_neither_place_nor_device_exactly() -> None:
    strange = later(
        HOUR,
        device_hash=PHONE,
        agent="curl/unknown",
        country="JP",
        latitude=35.6762,
        longitude=139.6503,
        network="203.0.113.0/24",
        asn=HETZNER,
        failures=12,
        spraying=True,
        amr=("pop",),
        seen_elsewhere=(("FR", NOW + HOUR),),
        session_limit_reached=True,
    )
    bound = InSession(binding=Binding(LAPTOP, "DE", "198.51.100.0/24", "x"), seen_at=NOW, replays=9, generation=9)
    signals = [*signals_at_sign_in(KNOWN, strange), *signals_in_session(bound, KNOWN, strange)]
    assert len({signal.name for signal in signals}) == 12
    written = b"".join(canonical(dict(signal.input)) for signal in signals).decode()
    assert "36,140" in written
    for personal in (PHONE, LAPTOP, PHONE[:17], LAPTOP[:17], "35.6", "139.6", "52.5"):
        assert personal not in written


def test_facts_are_what_the_edge_saw() -> None:
    viewer = Viewer(
        address="198.51.100.7",
        network="198.51.100.0/24",
        country="DE",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        through_edge=True,
        latitude=52.52,
        longitude=13.4,
        asn=64500,
        agent="Firefox/Linux",
    )
    assert facts_of(viewer, device_hash=LAPTOP, at=NOW) == HOME
