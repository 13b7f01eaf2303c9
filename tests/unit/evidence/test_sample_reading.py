"""What a sample reads of a log that went on for a year behind its bundle: no more than the bundle was made of."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions.transparency import sample as drawing
from functions.transparency.sample import _Drawing
from functions.transparency.sealed_log import SealedLog
from shared.audit.moment import rfc3339
from shared.edge.problem import Refused
from shared.store.attribute import marshal

BEGAN, FIVE_MINUTES, DAY = 1_790_000_000, 300, 86_400
SEGMENTS, OF_AN_HOUR = 105_120, 12  # a year
PAGE = 100


def at(number: int) -> str:
    return rfc3339(BEGAN + number * FIVE_MINUTES)


def segment(number: int) -> dict[str, Any]:
    time = {"min": at(number), "max": at(number)}
    return {"no": number, "time": time, "after": {"time_max": at(number)}, "counts": {"LOGIN": 1}, "events": 1}


def digest(number: int) -> dict[str, Any]:
    return {"no": number, "segment": number * OF_AN_HOUR, "watermark": at(number * OF_AN_HOUR)}


class Seals:
    """The table of seals, as far as it is asked; `calls` counts the round trips."""

    def __init__(self, lost: int = 0) -> None:
        self.calls, self._lost = 0, lost

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        del deadline
        self.calls += 1
        if operation == "GetItem":
            kind, _, number = request["Key"]["seal"]["S"].split("#") + [""] * (
                request["Key"]["seal"]["S"].count("#") < 2
            )
            if kind == "digest_head":
                return {"Item": marshal(digest(SEGMENTS // OF_AN_HOUR))}
            return {"Item": marshal({"segment": segment, "digest": digest}[kind](int(number)))}
        first, last = (int(value["S"][-12:]) for value in list(request["ExpressionAttributeValues"].values())[1:])
        first = request.get("ExclusiveStartKey", first - 1) + 1
        page = range(first, min(last, first + PAGE - 1) + 1)
        more = {"LastEvaluatedKey": page[-1]} if page[-1] < last else {}
        return {"Items": [marshal(segment(number)) for number in page if number != self._lost], **more}


def read(seals: Seals, first: int, last: int) -> list[int]:
    """Give the numbers of the segments that hold the interval from `first` up to, not including, `last`."""
    export: Any = {"result": {"resolved": {"from": at(first), "to_exclusive": at(last)}}}
    nothing: Any = None
    report: Any = SimpleNamespace(actions=["LOGIN"], where={})
    log = SealedLog(seals, "seals", "t_acme", 1, vault=nothing)
    asked = _Drawing(nothing, nothing, nothing, export, report, {})
    return [row["no"] for row in asked.segments(log)]


@pytest.mark.parametrize("first", [1, 50_000, SEGMENTS - 300])
def test_day_of_a_long_log_costs_a_day_wherever_it_lies(first: int) -> None:
    seals = Seals()
    assert read(seals, first, first + 288) == list(range(first, first + 288))
    assert seals.calls < 45


def test_more_segments_than_one_answer_reads_are_refused_unread() -> None:
    seals = Seals()
    with pytest.raises(Refused) as refused:
        read(seals, 1, 1 + drawing.MAX_SEGMENTS)
    assert (refused.value.status, refused.value.code) == (409, "sample_too_large")
    assert seals.calls < 45


def test_interval_that_no_digest_closes_gives_no_sample() -> None:
    with pytest.raises(Refused) as refused:
        read(Seals(), SEGMENTS - 10, SEGMENTS + 10)
    assert (refused.value.status, refused.value.code) == (409, "not_sealed_yet")


@pytest.mark.parametrize("lost", [100, 150, 199])
def test_seal_row_that_is_missing_gives_no_sample(lost: int) -> None:
    with pytest.raises(RuntimeError, match=f"segment {lost} of"):
        read(Seals(lost), 100, 200)
