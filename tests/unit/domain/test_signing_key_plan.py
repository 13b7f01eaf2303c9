"""The life of the signing keys: a model of every order of runs, crashes, rotations and emergencies."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.signing_key import (
    CURRENT,
    NEXT,
    PREVIOUS,
    PUBLISHED,
    RETIRED,
    REVOKED,
    RING_FRESH_SECONDS,
    MakeFirst,
    MakeNext,
    Promote,
    Replace,
    Retire,
    Revoke,
    RotationPolicy,
    SigningKey,
    Step,
    plan,
    revocation,
    unannounced,
)

DAY = 86_400
POLICY = RotationPolicy(rotation_seconds=90 * DAY, publish_seconds=DAY, access_token_seconds=600)


def taken(keys: dict[str, SigningKey], step: Step, new_kid: str, now: int) -> dict[str, SigningKey]:
    """Do to a model what the store does in one transaction."""
    keys = dict(keys)
    match step:
        case MakeFirst():
            assert CURRENT not in {key.status for key in keys.values()}
            keys[new_kid] = SigningKey(new_kid, CURRENT, now, now, cause="first")
        case MakeNext():
            keys[new_kid] = SigningKey(new_kid, NEXT, now)
        case Promote(kid, instead_of):
            assert (keys[kid].status, keys[instead_of].status) == (NEXT, CURRENT)
            keys[instead_of] = replace(keys[instead_of], status=PREVIOUS, deactivated_at=now)
            keys[kid] = replace(keys[kid], status=CURRENT, activated_at=now, cause="scheduled", replaced=instead_of)
        case Retire(kid):
            assert keys[kid].status == PREVIOUS
            keys[kid] = replace(keys[kid], status=RETIRED)
        case Replace(revoked, kid):
            assert keys[revoked].status == CURRENT
            keys[revoked] = replace(keys[revoked], status=REVOKED, deactivated_at=now)
            if kid is None:
                keys[new_kid] = SigningKey(new_kid, CURRENT, now, now, cause="emergency", replaced=revoked)
            else:
                assert keys[kid].status == NEXT
                keys[kid] = replace(keys[kid], status=CURRENT, activated_at=now, cause="emergency", replaced=revoked)
        case Revoke(kid):
            keys[kid] = replace(keys[kid], status=REVOKED, deactivated_at=now)
    return keys


class KeysOfADeployment(RuleBasedStateMachine):
    """Runs that end anywhere, environments with keys up to five minutes old, and an operator with one command."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.made = 0
        self.keys: dict[str, SigningKey] = {}
        self.first_published: dict[str, int] = {}
        self.environments: list[tuple[int, str | None]] = []  # read at, and the key that signs there
        self.tokens: list[tuple[str, int]] = []  # kid, expires at
        self.announced: str | None = None
        self.signed_in_order: list[str] = []
        self.told: list[str] = []

    def take(self, step: Step) -> None:
        self.made += 1
        self.keys = taken(self.keys, step, f"k{self.made}", self.now)
        for kid, key in self.keys.items():
            if key.status in PUBLISHED:
                self.first_published.setdefault(kid, self.now)
        current = self.only(CURRENT)
        if not self.signed_in_order or self.signed_in_order[-1] != current:
            self.signed_in_order.append(current)

    def only(self, status: str) -> str:
        (kid,) = [key.kid for key in self.keys.values() if key.status == status]
        return kid

    @rule(steps=st.integers(min_value=0, max_value=6))
    def a_run_that_may_crash_after_some_steps(self, steps: int) -> None:
        for _ in range(steps):
            planned = plan(list(self.keys.values()), self.now, POLICY)
            if not planned:
                return
            if isinstance(planned[0], Promote):
                assert self.now >= self.first_published[planned[0].kid] + POLICY.publish_seconds
            self.take(planned[0])

    @rule(seconds=st.sampled_from([1, 60, 299, 300, 601, 961, 3_600, DAY, 89 * DAY, 90 * DAY, 200 * DAY]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def an_operator_revokes(self, data: st.DataObject) -> None:
        kid = data.draw(st.sampled_from(sorted(self.keys)))
        step = revocation(list(self.keys.values()), kid)
        if step is None:
            assert self.keys[kid].status in {RETIRED, REVOKED}
        else:
            self.take(step)
            assert self.keys[kid].status == REVOKED
            assert revocation(list(self.keys.values()), kid) is None

    @precondition(lambda self: self.keys)
    @rule()
    def an_environment_reads_the_keys(self) -> None:
        self.environments = [*self.environments[-3:], (self.now, self.only(CURRENT))]

    @precondition(lambda self: self.environments)
    @rule()
    def every_environment_signs(self) -> None:
        for read_at, kid in self.environments:
            if kid is not None and self.now < read_at + RING_FRESH_SECONDS:
                self.tokens.append((kid, self.now + POLICY.access_token_seconds))

    @precondition(lambda self: self.keys)
    @rule(told=st.integers(min_value=1, max_value=3))
    def the_log_is_told_and_the_run_may_crash(self, told: int) -> None:
        for key in unannounced(list(self.keys.values()), self.announced)[:told]:
            self.told.append(key.kid)
            self.announced = key.kid

    @invariant()
    def from_the_first_run_on_exactly_one_key_signs(self) -> None:
        if self.keys:
            assert sum(key.status == CURRENT for key in self.keys.values()) == 1
            assert sum(key.status == NEXT for key in self.keys.values()) <= 1

    @invariant()
    def a_token_outlives_its_key_only_if_that_was_revoked(self) -> None:
        for kid, expires_at in self.tokens:
            if self.now < expires_at:
                assert self.keys[kid].status in {CURRENT, PREVIOUS, REVOKED}

    @invariant()
    def the_log_tells_every_key_that_signed_once_and_in_order(self) -> None:
        if self.told:
            begin = self.signed_in_order.index(self.told[0])
            assert self.told == self.signed_in_order[begin : begin + len(self.told)]

    @invariant()
    def a_plan_comes_to_an_end(self) -> None:
        keys = dict(self.keys)
        for number in range(12):
            planned = plan(list(keys.values()), self.now, POLICY)
            if not planned:
                return
            keys = taken(keys, planned[0], f"plan{number}", self.now)
        raise AssertionError("the plan does not end")


KeysOfADeployment.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestKeysOfADeployment = KeysOfADeployment.TestCase

FIRST = SigningKey("a", CURRENT, 0, 0, cause="first")
SECOND = SigningKey("b", NEXT, 0)


def test_deployment_without_keys_makes_one_that_signs_and_one_that_waits() -> None:
    assert plan([], 0, POLICY) == (MakeFirst(), MakeNext())


def test_key_that_signs_is_replaced_after_ninety_days_by_one_that_was_published_a_day_before() -> None:
    assert plan([FIRST, SECOND], 90 * DAY - 1, POLICY) == ()
    assert plan([FIRST, SECOND], 90 * DAY, POLICY) == (Promote("b", "a"), MakeNext())
    late = SigningKey("b", NEXT, 90 * DAY - DAY + 1)
    assert plan([FIRST, late], 90 * DAY, POLICY) == ()
    assert plan([FIRST, late], 90 * DAY + 1, POLICY) == (Promote("b", "a"), MakeNext())
    assert plan([FIRST], 90 * DAY, POLICY) == (MakeNext(),)


def test_previous_key_verifies_until_the_last_token_of_the_slowest_environment_has_expired() -> None:
    previous = SigningKey("z", PREVIOUS, 0, 0, deactivated_at=1_000)
    last = 1_000 + RING_FRESH_SECONDS + 600 + 60
    assert plan([previous, replace(FIRST, activated_at=1_000), SECOND], last - 1, POLICY) == ()
    assert plan([previous, replace(FIRST, activated_at=1_000), SECOND], last, POLICY) == (Retire("z"),)


def test_revoked_key_is_replaced_at_once_by_the_one_that_waits() -> None:
    assert revocation([FIRST, SECOND], "a") == Replace("a", "b")
    assert revocation([FIRST], "a") == Replace("a", None)
    assert revocation([FIRST, SECOND], "b") == Revoke("b")
    assert revocation([FIRST, replace(SECOND, status=RETIRED)], "b") is None
    with pytest.raises(KeyError):
        revocation([FIRST, SECOND], "c")


def test_two_keys_that_sign_are_a_broken_table_and_no_plan_is_made() -> None:
    with pytest.raises(RuntimeError, match="2 signing keys are current"):
        plan([FIRST, replace(FIRST, kid="c")], 0, POLICY)


def test_new_tenant_is_told_of_the_present_key_and_an_old_one_of_every_key_since() -> None:
    second = SigningKey("b", PREVIOUS, 0, 10, cause="scheduled", replaced="a")
    third = SigningKey("c", CURRENT, 0, 20, cause="emergency", replaced="b")
    keys = [replace(FIRST, status=RETIRED), second, third]
    assert unannounced(keys, None) == (third,)
    assert unannounced(keys, "a") == (second, third)
    assert unannounced(keys, "c") == ()
    assert unannounced([], None) == ()
