"""How often passwords may be tried: who waits, who does not, and what is only a sign.

Rules of this module (NIST SP 800-63B section 3.2.2, ASVS 6.1.1, 6.3.1)
- A delay belongs to one account as seen from one network. From the fifth wrong password on the next one has to wait a
  second, then two, then four, up to a quarter of an hour. Whoever comes from another network waits for nothing: ten
  thousand wrong passwords for a person never delay that person at home.
- One address has so many attempts a minute, whatever accounts they are for.
- The wrong passwords of an account over all networks, and an address that fails on many accounts, are signs for the
  risk policy. They delay nobody and lock nobody out.
- An attempt is counted before the password is looked at. Whoever proves the password gets the count back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

FREE_FAILURES: Final = 5
LONGEST_DELAY_SECONDS: Final = 900
FORGET_SECONDS: Final = 86_400  # a count that nobody added to for a day is over
ADDRESS_ATTEMPTS: Final = 30
ADDRESS_WINDOW_SECONDS: Final = 60
FAILURES_WINDOW_SECONDS: Final = 900
SPRAY_ACCOUNTS: Final = 10
SPRAY_WINDOW_SECONDS: Final = 600
_LONGEST_DOUBLINGS: Final = 10  # 2**10 seconds are more than the longest delay


@dataclass(frozen=True, slots=True)
class Tries:
    """Attempts on one account from one network that proved nothing so far, and when the last was (Unix seconds)."""

    count: int
    last_at: int


NONE_YET: Final = Tries(0, 0)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The password may be looked at, once the attempt is reserved: the row must still say `before`, then says `after`.

    `before` None: there was no row.
    """

    before: Tries | None
    after: Tries


@dataclass(frozen=True, slots=True)
class Wait:
    """The password is not looked at, and nothing is counted; at least a second."""

    retry_after_seconds: int


def judge(before: Tries | None, address_attempts: int, now: int) -> Allowed | Wait:
    """Decide on one attempt. `address_attempts` are those of the address in the minute that `now` is in."""
    tries = before or NONE_YET
    if now >= tries.last_at + FORGET_SECONDS:
        tries = NONE_YET
    opens_at = tries.last_at + delay_seconds(tries.count)
    if now < opens_at:
        return Wait(min(opens_at - now, LONGEST_DELAY_SECONDS))
    if address_attempts >= ADDRESS_ATTEMPTS:
        return Wait(seconds_left(ADDRESS_WINDOW_SECONDS, now))
    return Allowed(before, Tries(tries.count + 1, now))


def delay_seconds(failures: int) -> int:
    """Give how long after the last of so many failures the next attempt may come."""
    if failures < FREE_FAILURES:
        return 0
    return min(1 << min(failures - FREE_FAILURES, _LONGEST_DOUBLINGS), LONGEST_DELAY_SECONDS)


def window(seconds: int, now: float) -> int:
    """Give the number of the window of `seconds` that `now` is in; windows begin at multiples of their length."""
    return int(now) // seconds


def seconds_left(seconds: int, now: float) -> int:
    return seconds - int(now) % seconds


def recent(instants: Iterable[int], window_seconds: int, now: float) -> int:
    """Count the instants that lie at most `window_seconds` back."""
    return sum(instant > now - window_seconds for instant in instants)
