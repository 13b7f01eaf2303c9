"""Passwords and addresses as they are compared: normal form, and what a new password may not be.

Rules of this module (NIST SP 800-63B section 3.1.1.2, ASVS 6.1.2 and 6.2)
- A password is brought to NFKC before it is hashed, so that one keyboard's "e" with accent is the
  other's. It is never trimmed or cut.
- Length is counted in code points after normalisation. No composition rule exists, and no password grows old.
- Common passwords are refused: those of the bundled list, those that repeat one piece that is too short by itself, and
  those that are little more than runs along the alphabet or the keyboard.
- Words of the context are refused as the substance of a password: the service, the tenant, the person, the address.
  What is left without these words, years and separators must itself be as long as a password has to be. A long sentence
  may well mention the company.
- An e-mail address is compared as NFKC, case-folded, without surrounding blanks, its domain as it stands in the DNS:
  whoever was invited at an international domain may type it either way.
"""

import unicodedata
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

MIN_ALONE: Final = 15  # characters, where the password is the only factor
MIN_WITH_SECOND_FACTOR: Final = 8  # characters
MAX_CHARACTERS: Final = 256  # 64 must be possible (ASVS 6.2.9); beyond, hashing input is an attack
LEAST_CONTEXT_WORD: Final = 4  # characters; shorter ones stand in words that mean something else
SERVICE_WORDS: Final = ("muniment", "password", "passwort", "login", "admin", "welcome")

TOO_SHORT: Final = "too_short"
TOO_LONG: Final = "too_long"
COMMON: Final = "common"
CONTAINS_CONTEXT_WORD: Final = "contains_context_word"
UNCHANGED: Final = "unchanged"

_FEWEST_TURNS: Final = 5  # characters that are not just the next one of a run
_ANYWHERE: Final = frozenset({("anywhere", 0)})
_RUNS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
)
_CENTURIES: Final = ("19", "20")
_YEAR_DIGITS: Final = 4


def normal_password(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def hashable(text: str) -> bool:
    """Tell whether a presented password can be anybody's; what is longer is wrong by definition."""
    return 0 < len(normal_password(text)) <= MAX_CHARACTERS


def folded(text: str) -> str:
    """Give the form in which passwords are compared with words and lists; never the form that is hashed."""
    return unicodedata.normalize("NFKC", normal_password(text).casefold())


def rejections(
    text: str,
    *,
    second_factor: bool,
    words: Iterable[str] = (),
    listed: Callable[[str], bool] = lambda _folded: False,
    current: str | None = None,
) -> tuple[str, ...]:
    """Name what a new password lacks, in the vocabulary of `password_rejected`; empty: accepted.

    `words` come from `context_words`; `listed` says whether a folded text is one of the common passwords; `current` is
    the password that this one shall replace, where it was presented.
    """
    length = len(normal_password(text))
    least = MIN_WITH_SECOND_FACTOR if second_factor else MIN_ALONE
    if length > MAX_CHARACTERS:
        return (TOO_LONG,)  # and nothing else is computed on it
    plain = folded(text)
    reasons = [
        (TOO_SHORT, length < least),
        (COMMON, listed(plain) or (length >= least and (_repeats(plain, least) or _runs_along(plain)))),
        (CONTAINS_CONTEXT_WORD, _leans_on(plain, words, least)),
        (UNCHANGED, current is not None and normal_password(current) == normal_password(text)),
    ]
    return tuple(reason for reason, holds in reasons if holds)


def context_words(*texts: str) -> tuple[str, ...]:
    """Collect the words that a password may not lean on: those of the service, and those in `texts`, longest first."""
    words = {word for text in (*SERVICE_WORDS, *texts) for word in _words(folded(text))}
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


def normal_email(text: str) -> str:
    """Bring an address to the form under which it is unique in its tenant."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
    local, at, domain = plain.rpartition("@")
    if not at or domain.isascii():
        return plain
    try:
        return f"{local}{at}{domain.encode('idna').decode()}".strip()
    except UnicodeError:  # nothing that the DNS could hold: it is nobody's, but it has a form
        return plain


def _words(text: str) -> Iterable[str]:
    """Give the parts of a name or address that are words of their own, and the name written as one."""
    parts = "".join(character if character.isalnum() else " " for character in text).split()
    whole = "".join(parts) if "@" not in text else ""
    return (word for word in (*parts, whole) if len(word) >= LEAST_CONTEXT_WORD)


def _leans_on(plain: str, words: Iterable[str], least: int) -> bool:
    rest, found = plain, False
    for word in words:
        if word in rest:
            rest, found = rest.replace(word, " "), True
    return found and len(_substance(rest)) < least


def _substance(text: str) -> str:
    """Leave out separators and years."""
    kept = "".join(character if character.isalnum() else " " for character in text).split()
    return "".join(piece for piece in kept if not _year(piece))


def _year(piece: str) -> bool:
    return len(piece) == _YEAR_DIGITS and piece.isdecimal() and piece.startswith(_CENTURIES)


def _repeats(plain: str, least: int) -> bool:
    """Tell whether `plain` is one piece, shorter than a password has to be, at least twice in a row."""
    pieces = range(1, min(least, (len(plain) + 1) // 2 + 1))  # the last separator may be missing
    return any(plain[size:] == plain[:-size] for size in pieces)


def _runs_along(plain: str) -> bool:
    """Tell whether almost every character only goes on with a run: the same again, or the next of a row."""
    turns, on = 1, _ANYWHERE  # the first character, and the runs that it may be on
    for before, after in pairwise(plain):
        steps = _steps(before, after)
        on = steps if on is _ANYWHERE else on & steps
        if not on:  # a new run begins here, wherever it leads
            turns, on = turns + 1, _ANYWHERE
    return turns < _FEWEST_TURNS


def _steps(before: str, after: str) -> frozenset[tuple[str, int]]:
    """Name the runs on which `after` follows `before`, with their direction; the same again is a run too."""
    if before == after:
        return frozenset({("", 0)})
    on = [(row, row.find(after) - row.find(before)) for row in _RUNS if before in row and after in row]
    return frozenset(place for place in on if abs(place[1]) == 1)
