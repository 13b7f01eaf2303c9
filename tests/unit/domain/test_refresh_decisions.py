"""The decision table of a presented refresh token."""

from dataclasses import replace

import pytest

from shared.domain.refresh_token import (
    Assess,
    Block,
    Challenge,
    Decision,
    Expire,
    Family,
    Gate,
    Pending,
    Presented,
    Reject,
    Replay,
    RetryPolicy,
    RevokeFamily,
    Rotate,
    TryLater,
    decide,
    refused_by_gate,
)
from shared.domain.session import AAL1, NO_DEVICE, Binding, Standing

NOW = 1_000_000
STANDING = Standing("member", AAL1, ("pwd",), NOW - 100, NOW - 100, NOW + 80_000, 28_800)
GATE = Gate("ACTIVE", 3)
POLICY = RetryPolicy(concurrency_window_seconds=10, lost_response_window_seconds=86_400, max_replays=8)
FAMILY = Family(
    status="ACTIVE",
    session_version=3,
    current_hash="current",
    parent_hash="parent",
    generation=5,
    confirmed_generation=4,
    rotated_at=NOW - 5,
    replay_count=0,
    sealed=True,
    binding=Binding("laptop", "DE", "198.51.100.0/24", "Firefox/Linux"),
    standing=STANDING,
    idle_expires_at=NOW + 20_000,
)
OPEN = Pending("c1", NOW + 300)
RUN_OUT = Pending("c1", NOW)


def outcome(
    presented: str = "current",
    *,
    device: str = "laptop",
    country: str = "DE",
    agent: str = "Firefox/Linux",
    network: str = "198.51.100.0/24",
    now: int = NOW,
    gate: Gate = GATE,
    policy: RetryPolicy = POLICY,
    risk: str | None = None,
    **family: object,
) -> Decision:
    changed = FAMILY._replace(**family)  # type: ignore[arg-type]  # names and types of the table's cases
    binding = Binding(device, country, network, agent)
    return decide(Presented(presented, binding), changed, gate, now, policy, risk)


def test_session_that_does_not_exist_is_unknown() -> None:
    assert decide(Presented("x", FAMILY.binding), None, GATE, NOW, POLICY) == Reject("UNKNOWN_TOKEN")


@pytest.mark.parametrize("status", ["EXPIRED", "REVOKED"])
def test_dead_family_is_refused_without_a_second_alarm(status: str) -> None:
    assert outcome("ancient", status=status) == Reject("SESSION_ENDED")


def test_gate_that_is_not_active_or_of_another_version_refuses() -> None:
    assert outcome(gate=Gate("DEACTIVATED", 3)) == Reject("STAFF_INACTIVE")
    assert outcome(gate=Gate("MISSING", 0)) == Reject("STAFF_INACTIVE")
    assert outcome(gate=Gate("ACTIVE", 4)) == Reject("SESSION_VERSION")
    assert outcome("ancient", gate=Gate("ACTIVE", 4)) == Reject("SESSION_VERSION")
    assert refused_by_gate(GATE, 3) is None


def test_limits_end_the_family_from_their_own_second_on() -> None:
    assert outcome(now=FAMILY.idle_expires_at - 1) == Rotate(None)
    assert outcome(now=FAMILY.idle_expires_at) == Expire("idle")
    assert outcome(now=STANDING.absolute_expires_at, idle_expires_at=NOW + 90_000) == Expire("absolute")


def test_current_token_where_it_was_rotates_whatever_its_network() -> None:
    assert outcome() == Rotate(None)
    assert outcome(network="203.0.113.0/24") == Rotate(None)


@pytest.mark.parametrize("place", [{"device": "other"}, {"country": "FR"}, {"agent": "Chrome/Windows"}])
def test_current_token_from_elsewhere_is_what_the_risk_says(place: dict[str, str]) -> None:
    assert outcome(**place) == Assess()  # type: ignore[arg-type]  # names of the place
    assert outcome(**place, risk="ALLOW") == Rotate(FAMILY.binding)  # type: ignore[arg-type]  # as above
    assert outcome(**place, risk="STEP_UP_REQUIRED") == Challenge(None)  # type: ignore[arg-type]  # as above
    assert outcome(**place, risk="BLOCK") == Block()  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("presented", ["current", "parent"])
def test_session_that_waits_answers_with_the_same_challenge_whoever_asks(presented: str) -> None:
    assert outcome(presented, pending=OPEN) == Challenge(OPEN)
    assert outcome(presented, pending=OPEN, country="FR", risk="ALLOW") == Challenge(OPEN)


@pytest.mark.parametrize("presented", ["current", "parent"])
def test_challenge_that_ran_out_is_followed_by_another_until_one_is_verified(presented: str) -> None:
    assert outcome(presented, pending=RUN_OUT) == Assess()
    for risk in ("ALLOW", "STEP_UP_REQUIRED", "BLOCK"):
        assert outcome(presented, pending=RUN_OUT, risk=risk) == Challenge(None)


def test_spent_token_outside_the_policy_is_reuse_while_the_session_waits_too() -> None:
    assert outcome("grandparent", pending=OPEN) == RevokeFamily("OLD_GENERATION")
    assert outcome("parent", device="other", pending=OPEN) == RevokeFamily("OTHER_DEVICE")


@pytest.mark.parametrize("place", [{"country": "FR"}, {"agent": "Chrome/Windows"}])
def test_late_retry_from_elsewhere_is_what_the_risk_says(place: dict[str, str]) -> None:
    late: dict[str, object] = {"rotated_at": NOW - 11, **place}
    assert outcome("parent", **late) == Assess()  # type: ignore[arg-type]  # as above
    assert outcome("parent", **late, risk="ALLOW") == Replay("lost_response")  # type: ignore[arg-type]  # as above
    assert outcome("parent", **late, risk="STEP_UP_REQUIRED") == Challenge(None)  # type: ignore[arg-type]  # as above
    assert outcome("parent", **late, risk="BLOCK") == RevokeFamily("HIGH_RISK")  # type: ignore[arg-type]  # as above
    at_once: dict[str, object] = {"rotated_at": NOW, **place}
    assert outcome("parent", **at_once) == Replay("concurrent")  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("age", "confirmed", "expected"),
    [
        (0, False, Replay("concurrent")),
        (10, False, Replay("concurrent")),
        (10, True, Replay("concurrent")),
        (11, False, Replay("lost_response")),
        (11, True, RevokeFamily("OUTSIDE_RETRY_POLICY")),
        (86_400, False, Replay("lost_response")),
        (86_401, False, RevokeFamily("OUTSIDE_RETRY_POLICY")),
        (-30, False, Replay("concurrent")),
    ],
)
def test_parent_is_replayed_inside_the_windows_only(*, age: int, confirmed: bool, expected: Decision) -> None:
    generation = 5 if confirmed else 4
    decision = outcome(
        "parent",
        rotated_at=NOW - age,
        confirmed_generation=generation,
        idle_expires_at=NOW + 200_000,
        standing=replace(STANDING, absolute_expires_at=NOW + 200_000),
    )
    assert decision == expected


def test_strict_policy_replays_nothing_not_even_in_the_same_second() -> None:
    strict = RetryPolicy(0, 0, 8)
    assert outcome("parent", rotated_at=NOW, policy=strict) == RevokeFamily("OUTSIDE_RETRY_POLICY")


def test_older_generation_is_reuse_even_inside_the_concurrency_window() -> None:
    assert outcome("grandparent", rotated_at=NOW) == RevokeFamily("OLD_GENERATION")


def test_parent_from_another_device_is_reuse() -> None:
    assert outcome("parent", device="other") == RevokeFamily("OTHER_DEVICE")


def test_replays_run_out_harmlessly_while_they_may_be_parallel_ones() -> None:
    assert outcome("parent", replay_count=7) == Replay("concurrent")
    assert outcome("parent", replay_count=8) == TryLater()
    assert outcome("parent", sealed=False) == TryLater()
    later = NOW - 11
    assert outcome("parent", rotated_at=later, replay_count=7) == Replay("lost_response")
    assert outcome("parent", rotated_at=later, replay_count=8) == RevokeFamily("TOO_MANY_REPLAYS")
    assert outcome("parent", rotated_at=later, sealed=False) == RevokeFamily("TOO_MANY_REPLAYS")


def test_first_token_of_a_session_has_no_parent_to_be_replayed() -> None:
    assert outcome("anything", parent_hash=None) == RevokeFamily("OLD_GENERATION")


def test_client_that_names_no_device_gets_its_lost_answer_within_the_concurrency_window_only() -> None:
    """Whoever stole the parent could say "no device" as well."""
    nameless = {"device": NO_DEVICE, "binding": FAMILY.binding._replace(device_hash=NO_DEVICE)}
    assert outcome("parent", rotated_at=NOW - 10, **nameless) == Replay("concurrent")  # type: ignore[arg-type]  # as above
    late = outcome("parent", rotated_at=NOW - 11, **nameless)  # type: ignore[arg-type]  # as above
    assert late == RevokeFamily("OUTSIDE_RETRY_POLICY")
    assert outcome("parent", rotated_at=NOW - 11) == Replay("lost_response")
