"""What people are shown as a name or a label of one line says what it seems to say, in whichever body it comes."""

import json

import pytest

from functions.front.body_table import BODIES
from shared.edge.fields import WORDS_FORM, Body, is_line, read_body
from shared.edge.problem import Refused
from tests.unit.edge.requests import request

LABELS = ("name", "note", "auditor", "ticket", "case")
LABELLED = [
    pytest.param(Body((field,)), field.name, id=f"{route} {field.name}")
    for route, body in BODIES.items()
    for field in body.fields
    if field.name in LABELS
]
SEEMING = [
    "\u202eevil",
    "\u200b",
    "\u200d",
    "\ufe0f",
    "a\u00adb",
    "\u061ca",
    "\u3164",
    "\u2800",
    "a\U000e0041",
    "a\u2028b",
    "a\nb",
    "a\tb",
    "a\x85b",
    " ",
]
NAMES = ["Grace Hopper", "O'Neil-Müller, Jr.", "\u0646\u200c\u0627", "👩\u200d🚒 ❤\ufe0f", "王 小明", "= 7"]


def faults(body: Body, name: str, text: str) -> dict[str, str]:
    try:
        read_body(request(json.dumps({name: text}).encode()), body)
    except Refused as refused:
        return {each["pointer"]: each["detail"] for each in refused.members["errors"]}
    return {}


def test_every_label_of_the_api_is_looked_at() -> None:
    assert {name for _, name in (each.values for each in LABELLED)} == set(LABELS)


@pytest.mark.parametrize(("body", "name"), LABELLED)
def test_label_of_one_line_shows_all_that_it_holds(body: Body, name: str) -> None:
    assert [faults(body, name, text) for text in SEEMING] == [{f"/{name}": WORDS_FORM}] * len(SEEMING)
    assert [faults(body, name, text) for text in NAMES] == [{}] * len(NAMES)


@pytest.mark.parametrize("text", [*SEEMING, "", "\ud800a"])
def test_text_of_elsewhere_is_no_name_by_the_same_rule(text: str) -> None:
    assert not is_line(text)


def test_names_of_elsewhere_may_be_of_any_script() -> None:
    assert all(map(is_line, NAMES))
