"""Rows on the wire, with boto3's own converter as the oracle."""

import base64
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st

from shared.store.attribute import attribute, marshal, unmarshal, value_of

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(10**37), 10**37) | TEXT | st.binary()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=15)


def wired(value: Any) -> Any:
    """Bring a wire value to what boto3 hands to its converter: bytes instead of base64 text."""
    ((kind, content),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(content)}
    if kind == "M":
        return {"M": {name: wired(member) for name, member in content.items()}}
    return {"L": [wired(member) for member in content]} if kind == "L" else value


def plain(value: Any) -> Any:
    """Take boto3's own types off a value."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, Binary):
        return value.value  # type: ignore[attr-defined]  # the stubs leave the attribute out
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return [plain(member) for member in value] if isinstance(value, list) else value


@given(VALUES)
def test_boto3_reads_what_we_write(value: Any) -> None:
    assert plain(TypeDeserializer().deserialize(wired(attribute(value)))) == value


@given(VALUES)
def test_a_value_survives_writing_and_reading(value: Any) -> None:
    read = value_of(attribute(value))
    assert read == value
    assert type(read) is type(value)


def test_a_true_is_no_number_on_the_wire() -> None:
    assert marshal({"a": True, "b": 1, "c": b"\x00"}) == {"a": {"BOOL": True}, "b": {"N": "1"}, "c": {"B": "AA=="}}
    assert unmarshal({"a": {"BOOL": True}}) == {"a": True}


@pytest.mark.parametrize("value", [1.5, {1}, object()])
def test_what_a_row_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="a row cannot hold"):
        attribute(value)
