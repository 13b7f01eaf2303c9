"""A condition that is asked of many rows is parsed once, and refused as before."""

import json
import os
import subprocess
import sys
from typing import Any

COUNTED = """
import json, sys
from collections import Counter
from ministack.services import dynamodb
from infra.local.patches import parsed_once

parses = Counter()

def counting(name):
    vanilla = getattr(dynamodb, name)
    def counted(*arguments):
        parses[name] += 1
        return vanilla(*arguments)
    setattr(dynamodb, name, counted)

for seam in parsed_once.SEAMS:
    counting(seam.path)
if "parsed_once" not in sys.argv[1:]:
    parsed_once.apply()

def asked(text, slot="ConditionExpression", at=":at"):
    try:
        return dynamodb._evaluate_condition(text, {"at": {"N": "5"}}, {at: {"N": "5"}}, {"#at": "at"}, slot)
    except ValueError as refused:
        return str(refused)

for _ in range(100):
    assert asked("#at = :at") is True
dynamodb._tokenize("#at = :at").clear()
slots = ("ConditionExpression", "KeyConditionExpression")
told = [asked(text, slot) for text in sys.stdin.read().splitlines() for slot in slots]
print(json.dumps({"parses": parses, "told": told, "again": asked("#at = :at")}))
"""
CONDITIONS = ("#at < :at", "#at = = :at", "((#at = :at))", "name = :at", "#at BETWEEN :at")


def test_condition_is_parsed_once_however_many_rows_it_is_asked_of() -> None:
    patched = counted("", *os.environ.get("EMBEDDED_AWS_WITHOUT_PATCH", "").split())
    assert set(patched["parses"].values()) == {1}
    assert patched["again"] is True


def test_conditions_are_met_and_refused_in_the_words_of_vanilla() -> None:
    text = "\n".join(CONDITIONS * 2)
    patched, vanilla = counted(text), counted(text, "parsed_once")
    assert patched["told"] == vanilla["told"]
    assert patched["told"][:2] == [False, False]
    assert all(str(each).startswith("Invalid ") for each in patched["told"][2:10])
    redundant = "The expression has redundant parentheses;"
    slots = ("ConditionExpression", "KeyConditionExpression")
    assert patched["told"][4:6] == [f"Invalid {slot}: {redundant}" for slot in slots]


def counted(conditions: str, *left_out: str) -> dict[str, Any]:
    program = [sys.executable, "-c", COUNTED, *left_out]
    told = subprocess.run(program, input=conditions, capture_output=True, text=True, check=True)  # noqa: S603 -- our own interpreter
    parsed: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return parsed
