"""What a new password may not be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.password import context_words, folded, normal_password, rejections

GOOD = "correct horse battery staple"
WORDS = context_words("acme-1", "Acme Corp", "ada.lovelace@acme.example", "Ada Lovelace")


def reasons(text: str, *, second_factor: bool = False) -> tuple[str, ...]:
    return rejections(text, second_factor=second_factor, words=WORDS)


def test_length_counts_code_points_and_depends_on_the_second_factor() -> None:
    assert rejections("xK9#mQ2$vLp7!r", second_factor=False) == ("too_short",)
    assert rejections("xK9#mQ2$vLp7!rZ", second_factor=False) == ()
    assert rejections("xK9#mQ2", second_factor=True) == ("too_short",)
    assert rejections("xK9#mQ2$", second_factor=True) == ()
    assert (
        rejections(
            "\U0001f600\U0001f41d\U0001f3b8\U0001f680\U0001f996\U0001f355\U0001f3a9\U0001f98a", second_factor=True
        )
        == ()
    )


def test_two_hundred_and_fifty_six_characters_are_allowed_and_one_more_is_not() -> None:
    text = (GOOD * 10)[:255]
    assert rejections("!" + text, second_factor=False) == ()
    assert rejections("!!" + text, second_factor=False) == ("too_long",)


@pytest.mark.parametrize(
    "text", ["plumvioletanchor", " leading and trailing ", "gr\u00fc\u00dfe an die katze", "0481973625194738"]
)
def test_no_composition_is_asked_for(text: str) -> None:
    assert reasons(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "abcabcabcabcabca",
        "hunter2hunter2hunter2",
        "blue moon blue moon",
        "abcdefghijklmnop",
        "9876543210987654321",
        "qwertyuiopasdfghjkl",
        "zyxwvutsrqponmlkj",
        "aaaaaaaabbbbbbbbcccc",
        "1234567890QWERTY",
    ],
)
def test_repetition_and_runs_are_common(text: str) -> None:
    assert "common" in reasons(text)


def test_repeating_what_is_long_enough_by_itself_is_no_fault() -> None:
    assert reasons("plum violet anchor plum violet anchor") == ()


def test_listed_password_is_common_however_it_is_written() -> None:
    asked = []

    def listed(text: str) -> bool:
        asked.append(text)
        return text == "momsanaladventure"[:4] + "ling-barrel"

    assert rejections("MOMSLING-Barrel!", second_factor=True, listed=listed) == ()
    assert rejections("\uff2domsling-BARREL", second_factor=True, listed=listed) == ("common",)
    assert asked == ["momsling-barrel!", "momsling-barrel"]


@pytest.mark.parametrize(
    "text",
    [
        "AcmeCorp-2026-login",
        "ada.lovelace.1815!",
        "Lovelace-Lovelace",
        "acme1acme1acme1!",
        "Muniment-Password1",
        "acmecorp acmecorp x",
    ],
)
def test_words_of_the_context_are_refused_as_the_substance(text: str) -> None:
    assert "contains_context_word" in reasons(text)


def test_context_word_in_something_long_is_welcome() -> None:
    assert reasons("the acme cactus drinks rainwater") == ()
    assert reasons("acme and seven quiet herons") == ()
    assert rejections("acme-herons7", second_factor=True, words=WORDS) == ("contains_context_word",)
    assert rejections("acme-seven-herons", second_factor=True, words=WORDS) == ()


def test_names_are_compared_without_case_and_width() -> None:
    assert "contains_context_word" in reasons("\uff21\uff23\uff2d\uff25-corp-2026-xx")


def test_words_of_three_letters_are_not_words_of_the_context() -> None:
    assert not {word for word in WORDS if len(word) < 4}
    assert {"acme", "corp", "acmecorp", "acme1", "lovelace", "adalovelace", "muniment"} <= set(WORDS)


def test_all_faults_are_named_together() -> None:
    assert reasons("acme1234") == ("too_short", "contains_context_word")
    assert reasons("acmeacmeacmeacme") == ("common", "contains_context_word")


def test_new_password_is_another_one() -> None:
    assert rejections("Caf\u00e9 " + GOOD, second_factor=False, current="Cafe\u0301 " + GOOD) == ("unchanged",)
    assert rejections(GOOD, second_factor=False, current=GOOD.upper()) == ()


@given(st.text(max_size=300))
def test_any_text_is_judged_and_long_random_ones_pass(text: str) -> None:
    assert isinstance(rejections(text, second_factor=False, words=WORDS), tuple)
    assert folded(folded(text)) == folded(text) or len(normal_password(text)) > 0
