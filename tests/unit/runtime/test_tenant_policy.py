"""The settings of tenants in an execution environment: read seldom, never stale for long, and never too many."""

from typing import Any

import pytest

from shared.domain.security_policy import FRESH_SECONDS
from shared.runtime import tenant_policy
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.attribute import Row, marshal, unmarshal
from shared.store.wire import Unavailable


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Tenants:
    """The tenants table; implements the wire's one method."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.reads = 0
        self.broken = False

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        assert (operation, deadline) == ("BatchGetItem", None)
        ((table, asked),) = request["RequestItems"].items()
        assert asked["ConsistentRead"]
        self.reads += 1
        if self.broken:
            raise Unavailable("injected")
        wanted = [unmarshal(key)["tenant"] for key in asked["Keys"]]
        return {"Responses": {table: [marshal(self.rows[tenant]) for tenant in wanted if tenant in self.rows]}}


def row(tenant: str = "acme", version: int = 1, **policy: Any) -> Row:
    return {"tenant": tenant, "status": "ACTIVE", "policy": policy, "policy_version": version}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture
def policies(tenants: Tenants, clock: Clock) -> TenantPolicies:
    return TenantPolicies(tenants, "tenants", {"max_replays": 5}, clock)


def test_own_settings_come_before_those_of_the_deployment_and_these_before_the_defaults(
    tenants: Tenants, policies: TenantPolicies
) -> None:
    tenants.rows["acme"] = row(block_score=80, version=7)
    policy = policies.of("acme")
    assert policy is not None
    assert (policy.block_score, policy.max_replays, policy.step_up_score, policy.version) == (80, 5, 60, 7)


def test_what_was_read_counts_for_its_time_and_no_longer(
    tenants: Tenants, policies: TenantPolicies, clock: Clock
) -> None:
    tenants.rows["acme"] = row(max_replays=1)
    first = policies.of("acme")
    tenants.rows["acme"] = row(max_replays=2, version=2)
    clock.now += FRESH_SECONDS - 0.001
    assert policies.of("acme") is first
    assert tenants.reads == 1
    clock.now += 0.001
    renewed = policies.of("acme")
    assert renewed is not None
    assert (renewed.max_replays, tenants.reads) == (2, 2)


def test_clock_that_is_set_back_makes_nothing_fresh_for_longer(
    tenants: Tenants, policies: TenantPolicies, clock: Clock
) -> None:
    tenants.rows["acme"] = row()
    policies.of("acme")
    clock.now -= 3_600
    policies.of("acme")
    assert tenants.reads == 2


def test_unknown_tenant_has_no_settings_and_is_asked_for_each_time(tenants: Tenants, policies: TenantPolicies) -> None:
    assert policies.of("nobody") is None
    tenants.rows["nobody"] = row("nobody")
    assert policies.of("nobody") is not None


def test_settings_that_cannot_be_read_are_not_guessed(tenants: Tenants, policies: TenantPolicies, clock: Clock) -> None:
    tenants.rows["acme"] = row()
    policies.of("acme")
    clock.now += FRESH_SECONDS
    tenants.broken = True
    with pytest.raises(Unavailable):
        policies.of("acme")


def test_row_at_hand_counts_at_once_and_for_the_next_ones(tenants: Tenants, policies: TenantPolicies) -> None:
    tenants.rows["acme"] = row(max_replays=1)
    policies.of("acme")
    assert policies.from_row(row(max_replays=9, version=2)).max_replays == 9
    held = policies.of("acme")
    assert held is not None
    assert (held.max_replays, tenants.reads) == (9, 1)


def test_older_row_is_believed_by_its_reader_and_takes_no_newer_ones_place(
    tenants: Tenants, policies: TenantPolicies
) -> None:
    policies.from_row(row(max_replays=9, version=2))
    assert policies.from_row(row(max_replays=1, version=1)).max_replays == 1
    held = policies.of("acme")
    assert held is not None
    assert (held.max_replays, tenants.reads) == (9, 0)


def test_older_row_does_not_make_a_newer_one_fresh_again(
    tenants: Tenants, policies: TenantPolicies, clock: Clock
) -> None:
    tenants.rows["acme"] = row(version=3)
    policies.from_row(row(version=2))
    clock.now += FRESH_SECONDS
    policies.from_row(row(version=1))
    policies.of("acme")
    assert tenants.reads == 1


def test_tenants_are_told_apart(tenants: Tenants, policies: TenantPolicies) -> None:
    tenants.rows |= {"acme": row(max_replays=1), "bolt": row("bolt", max_replays=2)}
    found = [policies.of(tenant) for tenant in ("acme", "bolt", "acme", "bolt")]
    assert [policy.max_replays for policy in found if policy] == [1, 2, 1, 2]
    assert tenants.reads == 2


def test_never_more_than_the_limit_are_held(
    tenants: Tenants, policies: TenantPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_policy, "MAX_TENANTS", 3)
    names = [f"t{number}" for number in range(10)]
    tenants.rows = {name: row(name) for name in names}
    for name in names:
        policies.of(name)
        assert len(policies._held) <= 3
    assert policies.of("t9") is not None
