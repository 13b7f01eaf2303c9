"""Addresses that keep presenting tokens which nobody issued, as this execution environment remembers them.

Each such token costs a signature and a refuted transaction. The memory costs no call, so the usual refresh stays at
one; each environment has its own, and the edge's limit stands in front of all. It says nothing about sessions: an
address is let in again a minute later, whoever shares it.
"""

from typing import Final

from shared.edge.problem import Refused

UNKNOWN_TOKENS: Final = 60  # of one address, in one minute and environment
_WINDOW_SECONDS: Final = 60
_MOST_ADDRESSES: Final = 2_000  # then all is forgotten, which costs nothing but the memory


class Strangers:
    def __init__(self) -> None:
        self._window = 0
        self._seen: dict[str, int] = {}

    def refuse(self, address: str, now: float) -> None:
        """Raise `Refused` (429) for an address that has presented too many in this minute."""
        if self._counts(now).get(address, 0) >= UNKNOWN_TOKENS:
            left = _WINDOW_SECONDS - int(now) % _WINDOW_SECONDS
            raise Refused(429, "rate_limited", "Wait before the next attempt.", headers={"Retry-After": str(left)})

    def note(self, address: str, now: float) -> None:
        seen = self._counts(now)
        seen[address] = seen.get(address, 0) + 1

    def _counts(self, now: float) -> dict[str, int]:
        window = int(now) // _WINDOW_SECONDS
        if window != self._window or len(self._seen) >= _MOST_ADDRESSES:
            self._window, self._seen = window, {}
        return self._seen
