"""The word of a provider at the edges of its time, and whose domain an address names; the rest function tests show."""

import pytest

from shared.domain.federation import OLDEST_TOKEN_SECONDS, SKEW_SECONDS, Expected, claim_fault, mail_domain

NOW = 1_790_000_000
EXPECTED = Expected("https://idp.example", "muniment", "n", None)
CLAIMS = {"iss": "https://idp.example", "aud": "muniment", "nonce": "n", "sub": "7", "exp": NOW + 300, "iat": NOW}


@pytest.mark.parametrize(
    ("taken", "refused", "fault"),
    [
        ({"iat": NOW - OLDEST_TOKEN_SECONDS}, {"iat": NOW - OLDEST_TOKEN_SECONDS - 1}, "SSO_EXPIRED"),
        ({"exp": NOW - SKEW_SECONDS + 1}, {"exp": NOW - SKEW_SECONDS}, "SSO_EXPIRED"),
        ({"iat": NOW + SKEW_SECONDS}, {"iat": NOW + SKEW_SECONDS + 1}, "SSO_NOT_YET"),
        ({"nbf": NOW + SKEW_SECONDS}, {"nbf": NOW + SKEW_SECONDS + 1}, "SSO_NOT_YET"),
    ],
)
def test_a_word_counts_to_the_second(taken: dict[str, int], refused: dict[str, int], fault: str) -> None:
    assert claim_fault({**CLAIMS, **taken}, EXPECTED, NOW) is None
    assert claim_fault({**CLAIMS, **refused}, EXPECTED, NOW) == fault


def test_ten_minutes_are_the_oldest_word_that_is_taken() -> None:
    assert OLDEST_TOKEN_SECONDS == 600


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("ada@Example.ORG", "example.org"),
        ("a@b@example.org", "example.org"),
        ("ada@\u212aelvin.example", None),  # the Kelvin sign is "k" in lower case
        ("@example.org", None),
        ("example.org", None),
        ("ada@example", None),
        ("ada@example.org.", None),
        ("ada@-a.example", None),
    ],
)
def test_a_mail_domain_is_the_name_that_was_written_and_no_other(email: str, domain: str | None) -> None:
    assert mail_domain(email) == domain
