"""The word of a provider at the edges of its time; what it may say besides, function tests show."""

import pytest

from shared.domain.federation import OLDEST_TOKEN_SECONDS, SKEW_SECONDS, Expected, claim_fault

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
