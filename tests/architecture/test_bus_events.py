"""docs/events.md and the code tell of the same events: what a rule of an adopter's relies on."""

import ast
import json
import re
from collections.abc import Iterator

import pytest

from functions.notify.bus import detail_type
from functions.notify.templates import TEMPLATES
from shared.store.bus_events import ALERTS, EVENTS
from tests.architecture.sources import ROOT, python_files, tree_of

TEXT = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
NAME_AT = {"bus_event": 2, "security_alert": 3}  # the position of the name among the arguments


def named(node: ast.AST, function: str) -> Iterator[str]:
    """Find the names that are written out: in a call, as `bus=` of a step, as BUS_NAME."""
    match node:
        case ast.Call(func=ast.Name(id=called), args=args) if called == function and len(args) > NAME_AT[function]:
            if isinstance(name := args[NAME_AT[function]], ast.Constant):
                yield str(name.value)
        case ast.keyword(arg="bus", value=ast.Constant(value=str(name))) if function == "bus_event":
            yield name
        case ast.AnnAssign(target=ast.Name(id="BUS_NAME"), value=ast.Constant(value=str(name))):
            if function == "bus_event":
                yield name


def emitted(function: str) -> set[str]:
    trees = [tree_of(path) for path in python_files("functions", "shared")]
    return {name for tree in trees for node in ast.walk(tree) for name in named(node, function)}


def test_every_event_that_is_put_on_the_bus_stands_in_the_table() -> None:
    assert emitted("bus_event") - set(EVENTS) == set()


def test_alerts_of_the_table_are_those_of_the_code() -> None:
    assert emitted("security_alert") == set(ALERTS)
    assert set(ALERTS) <= set(TEMPLATES)


def test_names_in_words_are_told_apart() -> None:
    words = [detail_type(name) for name in (*EVENTS, *ALERTS)]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("block", re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))
def test_examples_in_the_document_are_json_and_name_events_that_there_are(block: str) -> None:
    document = json.loads(block)
    told = document["detail-type"]
    known = {detail_type(name) for name in (*EVENTS, *ALERTS)}
    assert set(told if isinstance(told, list) else [told]) <= known
    assert document["source"] in ("muniment", ["muniment"])
