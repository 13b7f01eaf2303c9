"""What a passkey signs, for whom, and from which pages."""

from dataclasses import replace

import pytest

from shared.domain.passkey import RelyingParty, relying_party, signed_challenge, user_handle
from shared.domain.step_up import Challenge

CHALLENGE = Challenge("c1", "acme#u1", "s1", "data_export", 0, 1_800_000_300, None)
NONCE = bytes(range(32))


def test_relying_party_is_the_host_of_the_issuer() -> None:
    party = relying_party("https://id.muniment.example:8443/api", "https://a.example, https://b.example,")
    assert party == RelyingParty("id.muniment.example", ("https://a.example", "https://b.example"))


@pytest.mark.parametrize(
    "origin",
    ["https://a.example", "http://127.0.0.1", "http://127.0.0.1:8443", "http://muniment.localhost:1"],
)
def test_page_of_an_allowed_origin_may_use_passkeys(origin: str) -> None:
    assert PARTY.allows(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example:443",
        "https://a.example.evil.example",
        "http://a.example",
        "https://A.example",
        "http://127.0.0.1:",
        "http://127.0.0.1:80/x",
        "http://127.0.0.1:80@evil.example",
        "http://127.0.0.1.evil.example:80",
        "https://127.0.0.1:80",
        "null",
        "",
        None,
        7,
    ],
)
def test_page_of_any_other_origin_may_not(origin: object) -> None:
    assert not PARTY.allows(origin)


PARTY = relying_party("https://a.example", "https://a.example,http://127.0.0.1,http://muniment.localhost")


def test_signed_octets_are_the_nonce_and_a_digest_of_what_was_asked() -> None:
    signed = signed_challenge(NONCE, CHALLENGE, "d")
    assert signed[:32] == NONCE
    assert len(signed) == 64
    others = [
        signed_challenge(NONCE, replace(CHALLENGE, challenge_id="c2"), "d"),
        signed_challenge(NONCE, replace(CHALLENGE, owner="acme#u2"), "d"),
        signed_challenge(NONCE, replace(CHALLENGE, session_id="s2"), "d"),
        signed_challenge(NONCE, replace(CHALLENGE, purpose="impersonate"), "d"),
        signed_challenge(NONCE, CHALLENGE, None),
        signed_challenge(bytes(32), CHALLENGE, "d"),
    ]
    assert len({signed, *others}) == 7


def test_signed_octets_do_not_change_with_tries_or_time() -> None:
    later = replace(CHALLENGE, tries=4, expires_at=1)
    assert signed_challenge(NONCE, later, None) == signed_challenge(NONCE, CHALLENGE, None)


def test_user_handle_is_the_same_for_all_keys_of_a_person_and_names_nobody() -> None:
    assert user_handle("acme#u1") == user_handle("acme#u1") != user_handle("acme#u2")
    assert "acme" not in user_handle("acme#u1")
