"""Recovery codes as text.

A code reads `NN-XXXXX-XXXXX`: its number, which picks the one hash to check, and 50 random bits in Crockford's base 32
(ASVS 6.5.4). Letters that Crockford's alphabet leaves out are read as what they look like.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Final

from shared.domain.step_up import RECOVERY_CODES
from shared.runtime.argon2id import hashed

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_CHARACTERS: Final = 10  # 5 bits each
_FORM: Final = re.compile(r"([0-9]{2})-?([0-9A-Z]{5})-?([0-9A-Z]{5})")
_LOOKALIKES: Final = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class NewCodes:
    """Codes as they are printed, once, and the argon2id hashes that are kept of them (ASVS 6.5.2)."""

    printed: tuple[str, ...]
    hashes: tuple[str, ...]


def new_recovery_codes() -> NewCodes:
    """Make the codes of a person; the hashes take a good part of a second."""
    drawn = ["".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS)) for _ in range(RECOVERY_CODES)]
    printed = (f"{number:02d}-{code[:5]}-{code[5:]}" for number, code in enumerate(drawn, start=1))
    return NewCodes(tuple(printed), tuple(hashed(code) for code in drawn))


def read_recovery_code(text: str) -> tuple[int, str]:
    """Read what somebody typed: the index of the code, from 0, and the part that is hashed; (-1, "") for no code."""
    match = _FORM.fullmatch(text.strip().upper().translate(_LOOKALIKES))
    return (int(match[1]) - 1, match[2] + match[3]) if match else (-1, "")
