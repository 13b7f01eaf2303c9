"""One run over all tenants of the deployment: several at once, each fault by itself, and an end in good time.

Rules of this module
- What a thread shares with others is safe to share: a `Wire` serves one call a connection, and so does boto3.
- One tenant's fault stops nobody else's work, and is never lost: whoever runs the round learns of every one.
- No tenant is begun when the time is short. Those that were left out are served first by the next round of this
  execution environment; a new one does not know them and begins anywhere, so that none is last each time.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

AT_ONCE = 8  # below the ten connections of a boto3 client; a segment of each fits into the memory of the function


class Course:
    """How far a run has come. `oldest` is the time of the oldest event that it found unsealed, `None` for no event."""

    def __init__(self, time_left: Callable[[], bool] = lambda: True) -> None:
        self.time_left = time_left
        self.oldest: str | None = None
        self._lock = threading.Lock()

    def found(self, time: str) -> None:
        """Note the time of an event that is not sealed yet."""
        with self._lock:
            self.oldest = time if self.oldest is None else min(time, self.oldest)


@dataclass(slots=True)
class Outcome:
    """Per tenant what came of it; `postponed` were not begun."""

    segments: dict[str, int] = field(default_factory=dict)
    faults: dict[str, Exception] = field(default_factory=dict)
    postponed: list[str] = field(default_factory=list)


class Round:
    """Remembers, from one run to the next, whom the time did not suffice for."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting: list[str] = []

    def serve(self, tenants: Iterable[str], work: Callable[[str], int], time_left: Callable[[], bool]) -> Outcome:
        """Do `work` for every tenant that the time suffices for."""
        outcome = Outcome()

        def one(tenant: str) -> None:
            if not time_left():
                outcome.postponed.append(tenant)
                return
            try:
                outcome.segments[tenant] = work(tenant)
            except Exception as fault:  # noqa: BLE001 - told for each tenant, raised by the handler for all
                outcome.faults[tenant] = fault

        order = self._order(tenants)
        with ThreadPoolExecutor(self._at_once) as pool:
            for _ in pool.map(one, order):
                pass
        left_out = set(outcome.postponed)
        self._waiting = [tenant for tenant in order if tenant in left_out]
        return outcome

    def _order(self, tenants: Iterable[str]) -> list[str]:
        listed = list(tenants)
        known = set(listed)
        first = [tenant for tenant in self._waiting if tenant in known]
        waited = set(first)
        others = [tenant for tenant in listed if tenant not in waited]
        random.shuffle(others)
        return [*first, *others]
