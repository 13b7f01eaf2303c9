"""Bodies are read as the route says, or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.fields import WORDS, WORDS_FORM, Body, Field, read_body
from shared.edge.problem import Refused
from tests.unit.edge.requests import request

BODY = Body(
    (
        Field("name", "A name", max_length=5),
        Field("count", "How many", kind=int, required=False),
        Field("sure", "Whether", kind=bool, required=False),
        Field("color", "Which", required=False, choices=("red", "blue")),
        Field("id", "An id", required=False, pattern="[a-z]+"),
    )
)


def faults(text: str | bytes, body: Body = BODY) -> dict[str, str]:
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    with pytest.raises(Refused) as refused:
        read_body(request(raw), body)
    assert (refused.value.status, refused.value.code) == (400, "invalid_request")
    return {error["pointer"]: error["detail"] for error in refused.value.members["errors"]}


def test_fields_are_read_and_absent_ones_are_none() -> None:
    assert read_body(request(b'{"name": "Ada", "count": 3, "sure": false}'), BODY) == {
        "name": "Ada",
        "count": 3,
        "sure": False,
        "color": None,
        "id": None,
    }


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("", ""),
        ("{", ""),
        ('"name"', ""),
        ("[]", ""),
        ('{"name": "a", "name": "b"}', ""),
        ('{"name": {"x": 1, "x": 2}}', ""),
        ('{"name": NaN}', ""),
        ('{"count": -Infinity}', ""),
        ('{"name": "a"} {}', ""),
        ('{"name": "a",}', ""),
        ('\ufeff{"name": "a"}', ""),
        ("9" * 5_000, ""),
        ("[" * 65_000, ""),
        ('{"name": 1}', "/name"),
        ('{"name": null}', "/name"),
        ('{"name": ""}', "/name"),
        ('{"name": "abcdef"}', "/name"),
        ('{"name": "\\udc00"}', "/name"),
        ('{"name": "a", "count": 1.0}', "/count"),
        ('{"name": "a", "count": true}', "/count"),
        ('{"name": "a", "count": "1"}', "/count"),
        ('{"name": "a", "sure": 0}', "/sure"),
        ('{"name": "a", "color": "green"}', "/color"),
        ('{"name": "a", "id": "A"}', "/id"),
        ('{"name": "a", "id": "a\\n"}', "/id"),
        ('{"name": "a", "Name": "b"}', "/Name"),
        ('{"name": "a", "a/b~c": 1}', "/a~1b~0c"),
        ('{"name": "a", "\\ud800": 1}', "/\ufffd"),
    ],
)
def test_fault_is_400_with_its_pointer(text: str, pointer: str) -> None:
    assert pointer in faults(text)


def test_all_faults_are_told_together() -> None:
    assert set(faults('{"count": "x", "extra": 1}')) == {"/name", "/count", "/extra"}


def test_bytes_that_are_no_utf8_are_refused() -> None:
    assert "" in faults(b'{"name": "\xff"}')
    assert "" in faults(b'{"name": "\xed\xa0\x80"}')


def test_exactly_one_of_the_alternatives_is_asked_for() -> None:
    either = Body((Field("a", "", required=False), Field("b", "", required=False)), one_of=("a", "b"))
    assert "" in faults("{}", either)
    assert "" in faults('{"a": "1", "b": "2"}', either)
    assert read_body(request(b'{"b": "2"}'), either) == {"a": None, "b": "2"}


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "", "application/json; charset=latin-1", "application/jsonp", "multipart/form-data; boundary=x"],
)
def test_other_media_types_are_415(media_type: str) -> None:
    with pytest.raises(Refused) as refused:
        read_body(request(b"{}", headers={"content-type": media_type}), BODY)
    assert refused.value.status == 415


@pytest.mark.parametrize("media_type", ["application/json", "APPLICATION/JSON", 'application/json; charset="UTF-8"'])
def test_json_in_utf8_is_taken_however_it_is_spelt(media_type: str) -> None:
    assert read_body(request(b'{"name": "a"}', headers={"content-type": media_type}), BODY)["name"] == "a"


def test_route_without_fields_takes_nothing_or_an_empty_object() -> None:
    assert read_body(request(b"", headers={}), Body()) == {}
    assert read_body(request(b"{}"), Body()) == {}
    assert "/extra" in faults('{"extra": 1}', Body())


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused_and_nothing_else(body: bytes) -> None:
    with pytest.raises(Refused):
        read_body(request(body), BODY)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["name", "count", "sure", "color", "id", "other"]), json_values))
def test_what_passes_has_the_declared_types(document: dict[str, object]) -> None:
    try:
        values = read_body(request(json.dumps(document).encode()), BODY)
    except Refused:
        return
    assert type(values["name"]) is str
    assert type(values["count"]) in {int, type(None)}
    assert type(values["sure"]) in {bool, type(None)}
    assert values["color"] in {"red", "blue", None}
    assert "other" not in document


WRITTEN = Body((Field("why", "Why", pattern=WORDS, form=WORDS_FORM, max_length=500),))


@pytest.mark.parametrize("text", ["x", "Left us.\r\n\tSee #4711", " ﷽ ", "\u0646\u200c\u0627", "👩\u200d🚒", "=1+1"])
def test_words_may_be_of_any_script(text: str) -> None:
    assert read_body(request(json.dumps({"why": text}).encode()), WRITTEN) == {"why": text}


@pytest.mark.parametrize(
    "text",
    [" ", "\t\n", "\u3000", "a\0b", "\x1b[2J", "\x7f", "\x85", "\u202eabc", "\u2066a", "a\u200b", "\ufeffa"],
)
def test_words_that_hide_or_turn_something_are_refused(text: str) -> None:
    assert faults(json.dumps({"why": text}), WRITTEN) == {"/why": WORDS_FORM}


@pytest.mark.parametrize(("length", "fault"), [(2, True), (3, False), (5, False), (6, True)])
def test_length_has_both_bounds(length: int, fault: bool) -> None:  # noqa: FBT001 - one column of a table
    body = Body((Field("name", "A name", min_length=3, max_length=5),))
    text = json.dumps({"name": "a" * length})
    expected = {"/name": "This must have 3 to 5 characters."}
    assert (faults(text, body) == expected) if fault else read_body(request(text.encode()), body)


@pytest.mark.parametrize(("number", "fault"), [(-1, True), (0, True), (1, False), (10, False), (11, True)])
def test_number_has_both_bounds(number: int, fault: bool) -> None:  # noqa: FBT001 - one column of a table
    body = Body((Field("n", "How many", kind=int, between=(1, 10)),))
    text = json.dumps({"n": number})
    expected = {"/n": "This must be from 1 to 10."}
    assert (faults(text, body) == expected) if fault else read_body(request(text.encode()), body)
