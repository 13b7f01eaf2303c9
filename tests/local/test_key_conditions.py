"""Rows are found by their keys as vanilla finds them, and what vanilla refuses is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

ASKED = """
import json, sys
from ministack.services import dynamodb
from infra.local.patches import key_conditions

read = []
class Counted(dynamodb._ExprEval):
    def evaluate(self):
        read.append(1)
        return super().evaluate()

dynamodb._ExprEval = Counted
if "key_conditions" not in sys.argv[1:]:
    key_conditions.apply()

def asked(text, row, values, slot):
    try:
        return dynamodb._evaluate_condition(text, row, values, {"#n0": "log", "#n1": "at"}, slot)
    except ValueError as refused:
        return str(refused)

print(json.dumps([[asked(*each), len(read)] for each in json.load(sys.stdin)]))
"""
KEY = "KeyConditionExpression"
HASH = "#n0 = :v0"
SORTS = (*(f"#n1 {sign} :v1" for sign in ("=", "<", "<=", ">", ">=")), "#n1 BETWEEN :v1 AND :v2")
PLACES = ("a", "b", "c", "", "\u00ff", "\uffee", "\U0001f600")

Question = tuple[str, dict[str, Any], dict[str, Any], str]


def row(log: str, at: str) -> dict[str, Any]:
    return {"log": {"S": log}, "at": {"S": at}}


def values(log: str, low: str, high: str) -> dict[str, Any]:
    return {":v0": {"S": log}, ":v1": {"S": low}, ":v2": {"S": high}}


def answers(questions: Sequence[Question], *without: str) -> list[tuple[bool | str, int]]:
    """Ask an engine's own code in a process of its own: what it says, and how often it had read a condition by then."""
    command = [sys.executable, "-c", ASKED, *without]
    ran = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=True)  # noqa: S603 -- our own
    return [(answer, read) for answer, read in json.loads(ran.stdout)]


def left_out() -> list[str]:
    return os.environ.get("EMBEDDED_AWS_WITHOUT_PATCH", "").split()


def test_conditions_of_the_known_forms_are_read_for_no_row_and_answered_as_vanilla_answers_them() -> None:
    ordered = sorted((low, high) for low in PLACES for high in PLACES if low <= high)
    questions = [
        (f"{HASH} AND {sort}", row(log, at), values("one", low, high), KEY)
        for sort in SORTS
        for log in ("one", "other")
        for at in PLACES
        for low, high in ordered
    ] + [(HASH, row(log, "a"), values("one", "", ""), KEY) for log in ("one", "other")]
    patched, vanilla = answers(questions, *left_out()), answers(questions, "key_conditions")
    assert [answer for answer, _ in patched] == [answer for answer, _ in vanilla]
    assert {answer for answer, _ in patched} == {True, False}
    assert [read for _, read in patched] == [0] * len(questions)


OTHERS: tuple[Question, ...] = (
    (f"{HASH} AND #n1 BETWEEN :v1 AND :v2", row("one", "b"), values("one", "c", "a"), KEY),
    (f"{HASH} AND #n1 < :v1", {"log": {"S": "one"}, "at": {"N": "10"}}, values("one", "9", "9"), KEY),
    (f"{HASH} AND #n1 < :v1", {"log": {"S": "one"}}, values("one", "9", "9"), KEY),
    (f"{HASH} AND #n1 < :v9", row("one", "b"), values("one", "c", "c"), KEY),
    (f"{HASH} AND #n9 < :v1", row("one", "b"), values("one", "c", "c"), KEY),
    (f"{HASH} AND begins_with(#n1, :v1)", row("one", "ab"), values("one", "a", "a"), KEY),
    (f"{HASH} AND name < :v1", row("one", "b"), values("one", "c", "c"), KEY),
    (f"{HASH} AND #n1 < :v1", row("one", "b"), values("one", "c", "c"), "ConditionExpression"),
)


def test_everything_else_is_left_to_vanilla() -> None:
    assert answers(OTHERS) == answers(OTHERS, "key_conditions")
