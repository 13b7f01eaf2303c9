"""The bundled list of common passwords (ASVS 6.2.4), read when the first new password is checked.

Rules of this module
- Nothing is read at import: functions that check no new password do not pay for the list.
- The list is text, gzipped: a head that names its source and licence, an empty line, then one folded password a line.
  `infra/common_passwords.py` wrote it; nobody edits it by hand.
- It holds the most frequent passwords of at least `MIN_WITH_SECOND_FACTOR` characters, and of at least `MIN_ALONE` all
  that its source has, so that either minimum has its own three thousand and more.
"""

import functools
import zlib
from pathlib import Path

_PATH = Path(__file__).with_name("common_passwords.txt.gz")
_GZIP = 16 + zlib.MAX_WBITS


def listed(folded: str) -> bool:
    """Tell whether a password, folded by `shared.domain.password.folded`, is a common one."""
    return folded in common_passwords()


@functools.cache
def common_passwords() -> frozenset[str]:
    """Load the list: some milliseconds, once an execution environment."""
    return frozenset(_text().partition("\n\n")[2].split("\n"))


def origin() -> str:
    """Give the head of the list: where it comes from, and under which licence."""
    return _text().partition("\n\n")[0]


def _text() -> str:
    return zlib.decompress(_PATH.read_bytes(), _GZIP).decode()
