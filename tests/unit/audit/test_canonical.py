"""Canonical JSON: one value, one byte string."""

import enum
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.canonical import MAX_INTEGER, canonical, well_formed

KEYS = st.from_regex("[A-Za-z0-9_]{1,8}", fullmatch=True)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.StrEnum):
    YES = "yes"


class Pair(NamedTuple):
    one: Any
    other: Any


class Members(dict[str, Any]):
    """A mapping that is more than a dictionary, to a test of exact types."""


ANY_TEXT = st.text(alphabet=st.characters(), max_size=6)
ANYTHING = st.recursive(
    SCALARS
    | ANY_TEXT
    | st.integers()
    | st.floats()
    | st.binary(max_size=2)
    | st.sampled_from([Number.ONE, Word.YES, MAX_INTEGER, -MAX_INTEGER, MAX_INTEGER + 1, "\ud800", object()]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Pair, inner, inner)
        | st.dictionaries(KEYS | ANY_TEXT, inner, max_size=3)
        | st.dictionaries(KEYS | st.integers(0, 2), inner, max_size=2)
        | st.dictionaries(KEYS, inner, max_size=3).map(Members)
        | st.dictionaries(KEYS, inner, max_size=1).map(MappingProxyType)
    ),
    max_leaves=12,
)


def plainly_canonical(value: Any) -> bytes:
    """Give the definition of the form, written for readers and not for speed."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, Mapping):
            if not all(isinstance(key, str) and re.fullmatch("[A-Za-z0-9_]+", key) for key in one):
                raise ValueError("key")
            stack += one.values()
        elif isinstance(one, list | tuple):
            stack += one
        elif isinstance(one, str):
            if any("\ud800" <= character <= "\udfff" for character in one):
                raise ValueError("surrogate")
        elif isinstance(one, int):
            if abs(one) > MAX_INTEGER:
                raise ValueError("integer")
        elif one is not None:
            raise ValueError("type")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def outcome(function: Any, value: Any) -> object:
    try:
        return function(value)
    except (TypeError, ValueError):
        return "refused"


@given(ANYTHING)
def test_the_quick_writer_gives_what_the_plain_one_gives(value: Any) -> None:
    assert outcome(canonical, value) == outcome(plainly_canonical, value)


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
