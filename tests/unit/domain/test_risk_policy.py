"""The golden table, the arithmetic behind it, and its record."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.domain.risk import (
    ALLOW,
    BLOCK,
    ENFORCE,
    MODES,
    OBSERVE,
    OFF,
    POLICY_VERSION,
    RULES,
    STEP_UP_REQUIRED,
    TRUST,
    Assessment,
    Signal,
    assess,
    mode_faults,
    recomputed,
    weight_faults,
)
from shared.domain.security_policy import SecurityPolicy, policy_of

NAMES = tuple(rule.name for rule in RULES)
TRUSTED = {rule.name for rule in RULES if rule.group == TRUST}
GEOGRAPHIC = {"NEW_COUNTRY", "IMPOSSIBLE_TRAVEL", "CONCURRENT_COUNTRIES", "UNKNOWN_GEO"}


def policy(
    weights: Mapping[str, int] | None = None, modes: Mapping[str, str] | None = None, **own: Any
) -> SecurityPolicy:
    return policy_of({"risk_weights": weights or {}, "risk_modes": modes or {}, **own}, 7, {})


def judged(*names: str, observed: bool = False, by: SecurityPolicy | None = None) -> Assessment:
    return assess([Signal(name, {"number": 1}) for name in names], by or policy(), geography_observed=observed)


@pytest.mark.parametrize(
    ("signals", "score", "action"),
    [
        ((), 0, ALLOW),
        (("FIRST_LOGIN",), 0, ALLOW),
        (("NEW_NETWORK",), 10, ALLOW),
        (("NEW_DEVICE",), 35, ALLOW),
        (("NEW_COUNTRY",), 40, ALLOW),
        (("NEW_DEVICE", "NEW_COUNTRY"), 75, STEP_UP_REQUIRED),
        (("IMPOSSIBLE_TRAVEL", "NEW_COUNTRY"), 60, STEP_UP_REQUIRED),
        (("NEW_DEVICE", "IMPOSSIBLE_TRAVEL"), 95, BLOCK),
        (("NEW_DEVICE", "IMPOSSIBLE_TRAVEL", "PHISHING_RESISTANT"), 65, STEP_UP_REQUIRED),
        (("NEW_DEVICE", "CONCURRENT_COUNTRIES"), 65, STEP_UP_REQUIRED),
        (("NEW_DEVICE", "FAILS_10"), 65, STEP_UP_REQUIRED),
        (("NEW_DEVICE", "NEW_COUNTRY", "FAILS_10"), 100, BLOCK),
        (("ANON_NETWORK", "NEW_DEVICE"), 75, STEP_UP_REQUIRED),
        (("DEVICE_MISMATCH", "NEW_NETWORK"), 60, STEP_UP_REQUIRED),
        (("DEVICE_MISMATCH", "NEW_COUNTRY"), 90, BLOCK),
        (("FAILS_10",), 30, ALLOW),
        (("DORMANT", "NEW_DEVICE", "NEW_NETWORK"), 60, STEP_UP_REQUIRED),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else None,
)
def test_golden_cases_have_their_score_and_action(signals: tuple[str, ...], score: int, action: str) -> None:
    decision = judged(*signals)
    assert (decision.score, decision.action) == (score, action)
    assert set(decision.reasons) == set(signals)


def test_every_signal_has_the_points_and_the_group_of_the_published_table() -> None:
    table: dict[str, dict[str, int]] = {}
    for rule in RULES:
        table.setdefault(rule.group, {})[rule.name] = rule.points
    assert table == {
        "first": {"FIRST_LOGIN": 0},
        "device": {"DEVICE_MISMATCH": 50, "NEW_DEVICE": 35},
        "geo": {"IMPOSSIBLE_TRAVEL": 60, "NEW_COUNTRY": 40, "UNKNOWN_GEO": 10},
        "network": {"ANON_NETWORK": 40, "SPRAY_SOURCE": 40, "NEW_NETWORK": 10},
        "velocity": {"FAILS_10": 30, "FAILS_6": 20, "FAILS_3": 10},
        "concurrency": {"CONCURRENT_COUNTRIES": 30, "SESSION_LIMIT": 10},
        "other": {"REPLAY_RATE": 15, "DORMANT": 15, "UNUSUAL_HOUR": 5},
        "trust": {"PHISHING_RESISTANT": -30, "RECENT_STEP_UP": -20},
    }
    assert {rule.name for rule in RULES if rule.geographic} == GEOGRAPHIC
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("order", [("NEW_COUNTRY", "NEW_NETWORK", "NEW_DEVICE"), ("NEW_DEVICE", "NEW_COUNTRY")])
def test_required_example_has_exactly_two_reasons_in_the_order_of_the_table(order: tuple[str, ...]) -> None:
    decision = judged(*order)
    assert (decision.score, decision.action) == (75, "STEP_UP_REQUIRED")
    assert decision.reasons == ("NEW_DEVICE", "NEW_COUNTRY")


def test_reasons_follow_the_table_whatever_the_signals_weigh() -> None:
    names = ("RECENT_STEP_UP", "UNUSUAL_HOUR", "NEW_DEVICE", "SPRAY_SOURCE", "UNKNOWN_GEO")
    expected = ("NEW_DEVICE", "UNKNOWN_GEO", "SPRAY_SOURCE", "UNUSUAL_HOUR", "RECENT_STEP_UP")
    assert judged(*names).reasons == expected
    assert judged(*names, by=policy({"UNUSUAL_HOUR": 100, "NEW_DEVICE": 0})).reasons == expected


def test_network_goes_without_saying_beside_an_enforced_journey_and_only_there() -> None:
    for journey in ("NEW_COUNTRY", "IMPOSSIBLE_TRAVEL"):
        assert judged(journey, "NEW_NETWORK").score == judged(journey).score
        assert judged(journey, "NEW_NETWORK").reasons == (journey,)
        observed = judged(journey, "NEW_NETWORK", observed=True)
        assert (observed.score, observed.reasons) == (10, ("NEW_NETWORK",))
    assert judged("UNKNOWN_GEO", "NEW_NETWORK").score == 20
    assert judged("NEW_COUNTRY", "NEW_NETWORK", "ANON_NETWORK").reasons == ("NEW_COUNTRY", "ANON_NETWORK")


def test_what_goes_without_saying_lowers_no_score_whatever_a_tenant_weighs() -> None:
    light = policy({"NEW_COUNTRY": 5, "IMPOSSIBLE_TRAVEL": 12})
    assert judged("NEW_NETWORK", by=light).score == 10
    assert judged("NEW_NETWORK", "NEW_COUNTRY", by=light).score == 10
    assert judged("NEW_NETWORK", "NEW_COUNTRY", "IMPOSSIBLE_TRAVEL", by=light).score == 12
    assert judged("NEW_NETWORK", "NEW_COUNTRY", by=light).reasons == ("NEW_COUNTRY",)


def test_of_a_group_the_heaviest_counts_and_trust_is_a_group_of_its_own() -> None:
    assert judged("NEW_DEVICE", "DEVICE_MISMATCH").score == 50
    assert judged("FAILS_3", "FAILS_6", "FAILS_10").score == 30
    assert judged("DEVICE_MISMATCH", "PHISHING_RESISTANT", "RECENT_STEP_UP").score == 20
    assert judged("NEW_NETWORK", "RECENT_STEP_UP").score == 0


@pytest.mark.parametrize(
    ("weight", "action"), [(59, ALLOW), (60, STEP_UP_REQUIRED), (89, STEP_UP_REQUIRED), (90, BLOCK)]
)
def test_thresholds_belong_to_the_severer_side(weight: int, action: str) -> None:
    assert judged("NEW_DEVICE", by=policy({"NEW_DEVICE": weight})).action == action


def test_tenant_moves_the_thresholds_and_the_record_says_so() -> None:
    decision = judged("NEW_DEVICE", by=policy(step_up_score=35, block_score=36))
    assert decision.action == STEP_UP_REQUIRED
    assert judged("NEW_COUNTRY", by=policy(step_up_score=35, block_score=36)).action == BLOCK
    assert (decision.record()["step_up_score"], decision.record()["block_score"]) == (35, 36)


def test_geography_is_observed_unless_the_tenant_has_said_otherwise() -> None:
    everything = judged(*NAMES, observed=True)
    assert {signal.name for signal in everything.signals if signal.mode == OBSERVE} == GEOGRAPHIC
    own = judged(*NAMES, observed=True, by=policy(modes={"NEW_COUNTRY": ENFORCE, "UNKNOWN_GEO": OFF}))
    modes = {signal.name: signal.mode for signal in own.signals}
    assert (modes["NEW_COUNTRY"], modes["IMPOSSIBLE_TRAVEL"], own.off) == (ENFORCE, OBSERVE, ("UNKNOWN_GEO",))
    assert {signal.mode for signal in judged(*NAMES).signals} == {ENFORCE}


def test_unknown_signal_is_broken_wiring_and_a_repeated_one_counts_once() -> None:
    with pytest.raises(RuntimeError, match="NEW_PLANET"):
        judged("NEW_PLANET")
    twice = assess([Signal("DORMANT", {"days": 1}), Signal("DORMANT", {"days": 2})], policy(), geography_observed=False)
    assert [dict(signal.input) for signal in twice.signals] == [{"days": 1}]


def test_record_tells_all_that_was_decided_with() -> None:
    by = policy({"NEW_DEVICE": 70}, {"NEW_COUNTRY": OBSERVE, "DORMANT": OFF})
    signals = [Signal("NEW_COUNTRY", {"country": "BR"}), Signal("NEW_DEVICE", {"device": "ab"}), Signal("DORMANT", {})]
    record = assess(signals, by, geography_observed=False).record()
    assert record == {
        "score": 70,
        "reasons": ["NEW_DEVICE"],
        "action": "STEP_UP_REQUIRED",
        "policy": POLICY_VERSION,
        "settings_version": 7,
        "step_up_score": 60,
        "block_score": 90,
        "signals": [
            {"name": "NEW_DEVICE", "group": "device", "points": 70, "mode": "enforce", "input": {"device": "ab"}},
            {"name": "NEW_COUNTRY", "group": "geo", "points": 40, "mode": "observe", "input": {"country": "BR"}},
        ],
        "off": ["DORMANT"],
    }
    assert recomputed(json.loads(canonical(record))) == (70, STEP_UP_REQUIRED)


@pytest.mark.parametrize(
    "change",
    [
        {"policy": "risk-0"},
        {"policy": None},
        {"signals": None},
        {"signals": [{"name": "NEW_DEVICE"}]},
        {"signals": [{"name": "NEW_DEVICE", "group": [], "points": 1, "mode": "enforce", "input": {}}]},
        {"signals": [{"name": "NEW_DEVICE", "group": "device", "points": "many", "mode": "enforce", "input": {}}]},
        {"signals": ["NEW_DEVICE"]},
        {"step_up_score": None},
    ],
)
def test_what_no_assessment_wrote_is_not_recomputed(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"policy|record|invalid literal"):
        recomputed({**judged("NEW_DEVICE").record(), **change})


def test_altered_points_or_score_are_found_by_computing_again() -> None:
    record = judged("NEW_DEVICE", "NEW_COUNTRY").record()
    assert recomputed(record) == (record["score"], record["action"])
    cheaper = [{**signal, "points": 1} for signal in record["signals"]]
    assert recomputed({**record, "signals": cheaper}) != (record["score"], record["action"])


def test_overrides_are_judged_by_name_and_range() -> None:
    assert weight_faults({"NEW_DEVICE": 0, "NEW_COUNTRY": 100, "RECENT_STEP_UP": -100, "PHISHING_RESISTANT": 0}) == []
    assert mode_faults(dict(zip(NAMES, MODES, strict=False))) == []
    wrong: dict[str, Any] = {"NEW_DEVICE": 101, "DORMANT": -1, "FAILS_3": True, "FAILS_6": 1.0, "FAILS_10": "30"}
    assert [pointer for pointer, _ in weight_faults(wrong)] == [f"/risk_weights/{name}" for name in wrong]
    assert weight_faults({"RECENT_STEP_UP": 1}) == [
        ("/risk_weights/RECENT_STEP_UP", "Give a whole number from -100 to 0.")
    ]
    assert weight_faults({"a/b~c": 1}) == [("/risk_weights/a~1b~0c", "This is no signal of the risk policy.")]
    assert mode_faults({"NEW_DEVICE": "loud", "DORMANT": ["off"], "x" * 900: "off"}) == [
        ("/risk_modes/NEW_DEVICE", "Give off, observe or enforce."),
        ("/risk_modes/DORMANT", "Give off, observe or enforce."),
        ("/risk_modes/" + "x" * 64, "This is no signal of the risk policy."),
    ]


signal_names = st.lists(st.sampled_from(NAMES), unique=True)
modes = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(MODES))
weights = st.fixed_dictionaries(
    {}, optional={name: st.integers(-100, 0) if name in TRUSTED else st.integers(0, 100) for name in NAMES}
)
policies = st.builds(policy, weights, modes, step_up_score=st.integers(1, 99), block_score=st.integers(2, 100))


@given(signal_names, policies, st.booleans())
def test_every_record_computes_again_to_its_own_decision(names: list[str], by: SecurityPolicy, seen: bool) -> None:  # noqa: FBT001 - generated
    decision = judged(*names, observed=seen, by=by)
    assert recomputed(json.loads(canonical(decision.record()))) == (decision.score, decision.action)
    assert 0 <= decision.score <= 100


@given(signal_names, policies, st.sampled_from([name for name in NAMES if name not in TRUSTED]))
def test_another_enforced_signal_never_lowers_a_score(names: list[str], by: SecurityPolicy, more: str) -> None:
    enforced = policy(by.risk_weights, {**by.risk_modes, more: ENFORCE})
    assert judged(*names, more, by=enforced).score >= judged(*(set(names) - {more}), by=enforced).score


@given(signal_names, policies, st.sampled_from(sorted(TRUSTED)))
def test_trust_never_raises_a_score(names: list[str], by: SecurityPolicy, trust: str) -> None:
    assert judged(*names, trust, by=by).score <= judged(*(set(names) - {trust}), by=by).score


@given(signal_names, policies, st.booleans())
def test_observed_signals_are_recorded_and_change_nothing(names: list[str], by: SecurityPolicy, seen: bool) -> None:  # noqa: FBT001 - generated
    decision = judged(*names, observed=seen, by=by)
    observed = {signal.name for signal in decision.signals if signal.mode == OBSERVE}
    without = judged(*(name for name in names if name not in observed), observed=seen, by=by)
    assert (decision.score, decision.action, decision.reasons) == (without.score, without.action, without.reasons)
    assert observed.isdisjoint(decision.reasons)
    assert {entry["name"] for entry in decision.record()["signals"]} == set(names) - set(decision.off)


@given(signal_names, policies)
def test_signals_that_are_off_never_count_and_leave_no_input(names: list[str], by: SecurityPolicy) -> None:
    decision = judged(*names, by=by)
    on = judged(*(name for name in names if by.risk_modes.get(name) != OFF), by=by)
    assert decision == on
    assert set(decision.off) == {name for name, mode in by.risk_modes.items() if mode == OFF}
