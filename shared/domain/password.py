"""Passwords and addresses as they are compared: normal form, length, and nothing about composition.

Rules of this module (NIST SP 800-63B section 3.1.1.2, ASVS 6.2)
- A password is brought to NFKC before it is hashed, so that one keyboard's "e" with accent is the
  other's. It is never trimmed or cut.
- Length is counted in code points after normalisation. No composition rule exists.
- An e-mail address is compared as NFKC, case-folded, without surrounding blanks.
"""

import unicodedata
from typing import Final

MIN_ALONE: Final = 15  # characters, where the password is the only factor
MIN_WITH_SECOND_FACTOR: Final = 8  # characters
MAX_CHARACTERS: Final = 256  # 64 must be possible (ASVS 6.2.9); beyond, hashing input is an attack


def normal_password(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def hashable(text: str) -> bool:
    """Tell whether a presented password can be anybody's; what is longer is wrong by definition."""
    return 0 < len(normal_password(text)) <= MAX_CHARACTERS


def rejections(text: str, *, second_factor: bool) -> tuple[str, ...]:
    """Name what a new password lacks, in the vocabulary of `password_rejected`; empty: accepted."""
    length = len(normal_password(text))
    least = MIN_WITH_SECOND_FACTOR if second_factor else MIN_ALONE
    if length < least:
        return ("too_short",)
    return ("too_long",) if length > MAX_CHARACTERS else ()


def normal_email(text: str) -> str:
    """Bring an address to the form under which it is unique in its tenant."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
