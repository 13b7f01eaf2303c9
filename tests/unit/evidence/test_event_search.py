"""Which segments a search reads for an event whose commit had to wait: its id is older than its segment."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions.transparency import event_search
from functions.transparency.event_search import find_sealed, made_at
from shared.audit.event import new_event_id
from shared.audit.moment import rfc3339

BEGAN, RHYTHM, SEGMENTS = 1_790_000_000, 10, 200  # segments of a stage that seals every ten seconds


class Log:
    """Segments of one event each; `read` counts those whose lines were asked for."""

    def __init__(self, holder: int, event_id: str) -> None:
        self.read = 0
        self._holder, self._id = holder, event_id

    def head(self) -> Any:
        return SimpleNamespace(segment=SEGMENTS)

    def first_segment(self, last: int, holds: Any) -> int:
        return next((number for number in range(1, last + 1) if holds(self.segment(number))), last + 1)

    def segment(self, number: int) -> dict[str, Any]:
        begins, ends = BEGAN + number * RHYTHM, BEGAN + number * RHYTHM + RHYTHM - 2
        times = {"min": rfc3339(begins), "max": rfc3339(ends)}
        return {"no": number, "time": times, "after": {"time_max": times["max"]}, "index": {"from": number}}

    def lines(self, number: int) -> list[bytes]:
        self.read += 1
        event_id = self._id if number == self._holder else new_event_id(BEGAN)
        return [f'{{"action":"LOGIN","id":"{event_id}","v":1}}'.encode()]


@pytest.mark.parametrize("waited", [0, 1, 7, 60])
def test_an_event_is_found_in_a_segment_that_begins_behind_its_id(waited: int) -> None:
    holder = 150
    event_id = new_event_id(BEGAN + holder * RHYTHM - waited)
    log: Any = Log(holder, event_id)
    made = made_at(event_id)
    assert made is not None
    found = find_sealed(log, event_id, made)
    assert found is not None
    assert found.index == holder
    assert log.read <= 4 + 2 * (waited // RHYTHM)


def test_an_event_is_found_though_the_clock_of_its_id_was_ahead() -> None:
    event_id = new_event_id(BEGAN + 155 * RHYTHM)
    log: Any = Log(150, event_id)
    found = find_sealed(log, event_id, made_at(event_id) or 0)
    assert found is not None


def test_no_more_segments_are_read_than_the_bound_says() -> None:
    event_id = new_event_id(BEGAN + 100 * RHYTHM)
    log: Any = Log(0, event_id)
    assert find_sealed(log, event_id, made_at(event_id) or 0) is None
    assert log.read == event_search.MAX_READ
