"""Passwords, addresses, devices and session limits."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.password import hashable, normal_email, normal_password
from shared.domain.session import NO_DEVICE, device_hash_of, expired, idle_expiry


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


@pytest.mark.parametrize(
    "typed", ["Ada@B\u00fccher.Example", "ada@xn--bcher-kva.example", "ada@b\u00adu\u0308cher\u3002example"]
)
def test_international_domain_is_the_same_however_it_is_typed(typed: str) -> None:
    assert normal_email(typed) == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize("typed", ["\u00e4da", "a@\u3002", "a@" + "\u00fc" * 100, "a@\u00fc \u00ad"])
def test_what_is_no_address_has_a_form_all_the_same(typed: str) -> None:
    assert normal_email(normal_email(typed)) == normal_email(typed)
