"""The matrix of roles and permissions, and who may act on whom: to the last yes and no."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.impersonation import may_impersonate
from shared.domain.permission import (
    ABOUT,
    PERMISSIONS,
    ROLES,
    administers,
    covers,
    holds,
    outranks,
    permissions_of,
)

ANY_ROLE = st.sampled_from([*ROLES, "unknown"])


@pytest.mark.parametrize(
    ("role", "may"), [("owner", True), ("admin", True), ("member", False), ("auditor", True), ("nobody", False)]
)
def test_evidence_is_open_to_owner_admin_and_auditor(*, role: str, may: bool) -> None:
    assert holds(role, "SETTINGS_SECURITY_VIEW") is may


def test_matrix_is_this_one() -> None:
    administration = {
        "OWN_ACCOUNT",
        "STAFF_VIEW",
        "STAFF_MANAGE",
        "SETTINGS_SECURITY_VIEW",
        "SETTINGS_SECURITY_MANAGE",
        "IMPERSONATE",
        "IMPERSONATE_WRITE",
    }
    assert {role: set(held) for role, held in PERMISSIONS.items()} == {
        "owner": administration | {"OWNERSHIP"},
        "admin": administration,
        "member": {"OWN_ACCOUNT"},
        "auditor": {"OWN_ACCOUNT", "SETTINGS_SECURITY_VIEW"},
    }
    assert set(PERMISSIONS) == set(ROLES)
    assert set(ABOUT) == administration | {"OWNERSHIP"}


def test_unknown_role_holds_nothing_and_nobody_holds_the_unknown() -> None:
    assert permissions_of("unknown") == ()
    assert not holds("owner", "UNKNOWN")
    assert not any(covers(*pair) for role in ROLES for pair in ((role, "unknown"), ("unknown", role)))
    assert not covers("unknown", "unknown")


RANKS = (("owner", "admin"), ("owner", "auditor"), ("owner", "member"), ("admin", "auditor"), ("admin", "member"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("other", ROLES)
def test_nobody_gives_what_he_does_not_hold_and_nobody_outranks_his_equal(role: str, other: str) -> None:
    above = {*RANKS, ("auditor", "member")}
    assert outranks(role, other) is ((role, other) in above)
    assert covers(role, other) is ((role, other) in above or role == other)


@pytest.mark.parametrize("actor", ROLES)
@pytest.mark.parametrize("target", ROLES)
@pytest.mark.parametrize("mode", ["read", "write", "other"])
def test_owners_equals_and_superiors_are_impersonated_by_nobody(actor: str, target: str, mode: str) -> None:
    assert may_impersonate(actor, target, mode) is ((actor, target) in RANKS and mode != "other")


def test_administrators_are_those_who_change_more_than_their_own() -> None:
    assert [role for role in ROLES if administers(role)] == ["owner", "admin"]


@given(ANY_ROLE, ANY_ROLE, ANY_ROLE)
def test_ranks_are_an_order(one: str, other: str, third: str) -> None:
    assert covers(one, one) is (one in ROLES)
    assert not (outranks(one, other) and outranks(other, one))
    assert not (covers(one, other) and covers(other, third)) or covers(one, third)
    assert not (outranks(one, other) and covers(other, third)) or outranks(one, third)


@given(ANY_ROLE, ANY_ROLE, st.sampled_from(sorted(ABOUT)))
def test_whoever_acts_on_somebody_holds_whatever_that_person_holds(one: str, other: str, permission: str) -> None:
    assert not (covers(one, other) and holds(other, permission)) or holds(one, permission)
    assert holds(one, permission) is (permission in permissions_of(one))
