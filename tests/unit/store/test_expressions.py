"""Expressions of requests: quick for shapes that were seen, and the same as written anew."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.store.condition import (
    Clause,
    Expression,
    above,
    absent,
    at_least,
    below,
    between,
    differs,
    equals,
    expressed,
    present,
)
from shared.store.item import update

FIELDS = st.sampled_from(["status", "a", "grants", "grants.x", "grants.x.at", "a.status"])
NUMBERS, TEXTS = st.integers(-9, 9), st.text(max_size=3)
CLAUSES = st.lists(
    st.one_of(
        st.builds(equals, FIELDS, NUMBERS | TEXTS | st.none() | st.booleans()),
        st.builds(differs, FIELDS, TEXTS),
        st.builds(absent, FIELDS),
        st.builds(present, FIELDS),
        st.builds(below, FIELDS, NUMBERS),
        st.builds(at_least, FIELDS, NUMBERS),
        st.builds(above, FIELDS, NUMBERS),
        st.builds(between, FIELDS, TEXTS, TEXTS),
    ),
    max_size=5,
)
SETS = st.dictionaries(FIELDS, NUMBERS | TEXTS | st.lists(TEXTS, max_size=2), max_size=3)


@given(CLAUSES, SETS, st.lists(FIELDS, max_size=2), st.dictionaries(FIELDS, NUMBERS, max_size=2))
def test_what_is_kept_of_a_shape_gives_what_is_written_anew(
    clauses: list[Clause], set_: dict[str, Any], remove: list[str], add: dict[str, int]
) -> None:
    expression = Expression()
    texts = {
        "UpdateExpression": expression.assignments(set_, remove, add),
        "ConditionExpression": expression.conjunction(clauses),
    }
    anew = {name: text for name, text in texts.items() if text} | expression.placeholders()
    for _ in range(2):
        assert expressed(clauses, set_, remove, add) == anew


def test_two_requests_of_one_shape_share_no_value() -> None:
    one, other = (expressed([equals("status", text)], {"a": text}) for text in ("x", "y"))
    assert one["ExpressionAttributeValues"] == {":v0": {"S": "x"}, ":v1": {"S": "x"}}
    assert other["ExpressionAttributeValues"] == {":v0": {"S": "y"}, ":v1": {"S": "y"}}


@pytest.mark.parametrize("clauses", [(), (present("a"),)])
def test_an_update_of_nothing_is_not_one_that_creates_a_row(clauses: tuple[Clause, ...]) -> None:
    assert update("t", {"id": "1"}, *clauses).request["UpdateExpression"] == ""
