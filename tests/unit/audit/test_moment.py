"""Instants as the log writes them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.moment import rfc3339, unix_seconds

MILLISECONDS = st.integers(0, 4_102_444_800_000)


@given(MILLISECONDS)
def test_an_instant_survives_writing_and_reading(milliseconds: int) -> None:
    assert round(unix_seconds(rfc3339(milliseconds / 1000)) * 1000) == milliseconds


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_an_instant_is_written_as_the_standard_library_tells_it(milliseconds: int) -> None:
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    expected = moment.replace(microsecond=milliseconds % 1000 * 1000).isoformat(timespec="milliseconds")
    assert rfc3339(milliseconds / 1000) == expected.replace("+00:00", "Z")


@pytest.mark.parametrize("seconds", [253_402_300_800, -62_135_596_801])
def test_a_year_that_rfc_3339_cannot_write_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match="year"):
        rfc3339(seconds)


@given(MILLISECONDS, MILLISECONDS)
def test_written_instants_sort_as_instants(one: int, other: int) -> None:
    assert (rfc3339(one / 1000) < rfc3339(other / 1000)) == (one < other)


def test_rounding_up_at_the_end_of_a_second_carries_over() -> None:
    assert rfc3339(1_790_933_399.9996) == "2026-10-02T09:30:00.000Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01T09:30:12Z",
        "2026-10-01T09:30:12.345+00:00",
        "2026-10-01 09:30:12.345Z",
        "2026-13-01T00:00:00.000Z",
        "",
    ],
)
def test_another_spelling_of_an_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unix_seconds(text)
