"""The range of the questions, and the format of both routes, as a query asks for them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from functions.policies.query import format_asked, range_asked
from shared.edge.problem import Refused
from shared.edge.request import Request
from tests.unit.edge.requests import request

VIENNA = {"from": "2026-07-01", "to": "2026-07-01", "tz": "Europe/Vienna"}
LATE = datetime(2026, 11, 28, 23, 59, 59, tzinfo=UTC).timestamp()


def asking(now: float = LATE, **query: str) -> Request:
    return replace(request(route="GET /api/compliance/questions"), query=query, now=now)


def asking_for(query: dict[str, str]) -> Request:
    return replace(asking(), query=query)


def pointers(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [fault["pointer"] for fault in refused.value.members["errors"]]


def test_without_a_range_it_is_ninety_days_of_utc_with_the_one_that_is_not_over() -> None:
    period, chosen = range_asked(asking())
    assert period.requested() == {"from": "2026-08-31", "to": "2026-11-28", "tz": "UTC"}
    assert chosen == "json"
    after_midnight, _ = range_asked(asking(LATE + 1))
    assert after_midnight.requested() == {"from": "2026-09-01", "to": "2026-11-29", "tz": "UTC"}


def test_days_of_another_zone_are_those_of_the_range_that_names_it() -> None:
    period, chosen = range_asked(asking_for({**VIENNA, "format": "markdown"}))
    assert (period.start, period.end_exclusive) == ("2026-06-30T22:00:00.000Z", "2026-07-01T22:00:00.000Z")
    assert chosen == "markdown"


def test_range_without_a_zone_has_days_of_utc() -> None:
    period, _ = range_asked(asking_for({"from": "2026-07-01", "to": "2026-07-02"}))
    assert (period.start, period.end_exclusive) == ("2026-07-01T00:00:00.000Z", "2026-07-03T00:00:00.000Z")


def test_zone_without_a_range_misses_both_ends_and_either_end_the_other() -> None:
    for query, missing in (
        ({"tz": "UTC"}, ["/from", "/to"]),
        ({"from": "2026-07-01"}, ["/to"]),
        ({"to": "2026-07-01"}, ["/from"]),
    ):
        with pytest.raises(Refused) as refused:
            range_asked(asking_for(query))
        assert pointers(refused) == missing


def test_format_and_parameters_that_are_not_taken_are_told_together() -> None:
    with pytest.raises(Refused) as refused:
        format_asked(asking(format="csv", limit="1"))
    assert sorted(pointers(refused)) == ["/format", "/limit"]
    with pytest.raises(Refused) as without_range:
        format_asked(asking(tz="UTC"))
    assert pointers(without_range) == ["/tz"]
