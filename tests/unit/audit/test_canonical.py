"""Canonical JSON: one value, one byte string."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.canonical import MAX_INTEGER, canonical, well_formed

KEYS = st.from_regex("[A-Za-z0-9_]{1,8}", fullmatch=True)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


@given(VALUES)
def test_reading_and_writing_again_gives_the_same_bytes(value: object) -> None:
    line = canonical(value)  # type: ignore[arg-type]  # a recursive strategy has no static type
    assert canonical(json.loads(line)) == line
    assert b"\n" not in line


@given(st.dictionaries(KEYS, st.integers(-9, 9), min_size=2))
def test_the_order_of_members_does_not_matter(members: dict[str, int]) -> None:
    assert canonical(dict(reversed(members.items()))) == canonical(members)


def test_members_stand_in_the_order_of_their_code_units() -> None:
    assert canonical({"b": 1, "B": 2, "_": 3, "1": 4}) == b'{"1":4,"B":2,"_":3,"b":1}'


def test_text_is_utf8_and_only_escaped_where_json_demands_it() -> None:
    assert canonical('é\u2028\x00\n"\\') == '"é\u2028\\u0000\\n\\"\\\\"'.encode()


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), MAX_INTEGER + 1, -MAX_INTEGER - 1, "\ud800", ["\udfff"], {"a-b": 1}, {"": 1}, {"é": 1}, b"x"],
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical(value)  # type: ignore[arg-type]  # that is the point


def test_a_true_is_not_written_as_a_number() -> None:
    assert canonical([True, 1, None]) == b"[true,1,null]"


@given(st.text(alphabet=st.characters()), st.integers(0, 40))
def test_hostile_text_becomes_storable_and_short(text: str, limit: int) -> None:
    clean = well_formed(text, limit)
    assert len(clean) <= limit
    canonical(clean)


def test_a_surrogate_pair_in_two_halves_is_joined_and_a_lone_one_replaced() -> None:
    assert well_formed("a\ud83d\ude00b\ud800", 10) == "a\U0001f600b\ufffd"
