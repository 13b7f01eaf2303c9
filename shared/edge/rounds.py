"""How long a flow goes on deciding anew: what it had read was changed by somebody else before its commit.

Rules of this module
- Each round that is lost was won by another writer, so the log goes on; but a row that a whole tenant shares (the
  links of an export, the rules, the holds of everybody) can be lost many times in a row. A count of rounds is
  exhausted by a handful of writers in a second: patience is a time.
- Each round reads and writes, at our cost: where rounds are quick, their number ends them before the patience does.
- The pauses are at random, or all losers would meet again at the same moment. They stay short: whoever waits long
  loses to whoever has just arrived.
"""

import random
import time
from collections.abc import Callable, Iterator
from typing import Final

MOST_ROUNDS: Final = 60
PATIENCE_SECONDS: Final = 8.0  # the shortest timeout of a function that decides anew by this is 15
_SHORTEST_PAUSE_SECONDS: Final = 0.01
_LONGEST_PAUSE_SECONDS: Final = 0.1


def rounds(
    clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep, *, at_least: int = 1
) -> Iterator[int]:
    """Yield the number of each round, after a pause before each but the first.

    They end with `MOST_ROUNDS`, or before the round that could not begin in time; `at_least` so many are due however
    slow they are.
    """
    ends = clock() + PATIENCE_SECONDS
    longest = _SHORTEST_PAUSE_SECONDS
    yield 0
    for number in range(1, MOST_ROUNDS):
        longest = min(2 * longest, _LONGEST_PAUSE_SECONDS)
        pause = longest * random.random()  # noqa: S311 - jitter, no secret
        if number >= at_least and clock() + pause >= ends:
            return
        sleep(pause)
        yield number
