"""Permissions, passwords, addresses, devices and session limits."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.impersonation import may_impersonate
from shared.domain.password import hashable, normal_email, normal_password
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
from shared.domain.session import NO_DEVICE, device_hash_of, expired, idle_expiry


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


def test_password_is_compared_in_normal_form_and_never_trimmed() -> None:
    assert normal_password("Cafe\u0301") == normal_password("Caf\u00e9")
    assert normal_password(" x ") == " x "


def test_what_is_too_long_for_a_password_is_nobodys() -> None:
    assert not hashable("a" * 257)
    assert not hashable("")
    assert hashable("a" * 256)


@given(st.text(max_size=40))
def test_normal_address_is_stable(text: str) -> None:
    assert normal_email(normal_email(text)) == normal_email(text)
    assert normal_email(f" {text.upper()} ") == normal_email(text.upper())


def test_address_ignores_case_width_and_blanks() -> None:
    assert normal_email(" \uff21da@Example.COM\t") == "ada@example.com"
    assert normal_email("stra\u00dfe@x.example") == normal_email("STRASSE@x.example")


def test_device_is_hashed_and_absence_is_a_device_of_its_own() -> None:
    assert device_hash_of("abc") == hashlib.sha256(b"abc").hexdigest()
    assert device_hash_of(None) == NO_DEVICE
    assert device_hash_of("none") != NO_DEVICE
    assert len(device_hash_of("\ud800")) == 64


def test_idle_limit_never_passes_the_absolute_one() -> None:
    assert idle_expiry(100, 50, 1_000) == 150
    assert idle_expiry(980, 50, 1_000) == 1_000


def test_absolute_limit_is_named_before_the_idle_one() -> None:
    assert expired(99.9, 100, 200) is None
    assert expired(100, 100, 200) == "idle"
    assert expired(200, 100, 200) == "absolute"
