"""The rows of a Query are found by comparing their keys, not by reading the condition again for each of them.

Vanilla walks the grammar of a key condition for every row of the partition: 10 us a row, so the sealer, which asks for
the end of a log every few seconds, costs more than all requests of a day's work. AWS seeks in an ordered partition. The
forms that are asked here are one equality of the partition key and at most one comparison of the sort key, all strings;
every other condition, and every one that is to be refused, is left to vanilla.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from ministack.services import dynamodb

from infra.local.seams import Seam

SEAMS = (
    Seam("ministack.services.dynamodb", "_evaluate_condition", ("expr", "item", "attr_values", "attr_names", "slot")),
)
_SLOT: Final = "KeyConditionExpression"
# Names stand behind "#", so that none of them can be a reserved word, which vanilla refuses.
_FORM: Final = re.compile(
    r"(?P<hash>#\w+) = (?P<is>:\w+)"
    r"(?: AND (?P<sort>#\w+) (?:(?P<sign>=|<=?|>=?) (?P<than>:\w+)|BETWEEN (?P<low>:\w+) AND (?P<high>:\w+)))?"
)
_SIGNS: Final = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

Row = dict[str, dict[str, Any]]


@lru_cache(1_024)
def _form(expression: str) -> dict[str, str | None] | None:
    found = _FORM.fullmatch(expression)
    return found.groupdict() if found else None


def _met(form: dict[str, str | None], item: Row, values: Row, names: dict[str, str]) -> bool:
    """Tell whether a row is asked for; KeyError where anything is no string or not there."""
    if item[names[form["hash"]]]["S"] != values[form["is"]]["S"]:  # type: ignore[index]
        return False
    if form["sort"] is None:
        return True
    key = item[names[form["sort"]]]["S"]
    if form["sign"] is not None:
        return bool(_SIGNS[form["sign"]](key, values[form["than"]]["S"]))  # type: ignore[index]
    low, high = values[form["low"]]["S"], values[form["high"]]["S"]  # type: ignore[index]
    if low > high:
        raise KeyError(low)  # vanilla says why
    return bool(low <= key <= high)


def _comparing(vanilla: Callable[..., bool]) -> Callable[..., bool]:
    def evaluate(
        expr: str, item: Row, attr_values: Row, attr_names: dict[str, str], slot: str = "ConditionExpression"
    ) -> bool:
        if slot == _SLOT and (form := _form(expr)) is not None:
            try:
                return _met(form, item, attr_values, attr_names)
            except (KeyError, TypeError):
                pass
        return vanilla(expr, item, attr_values, attr_names, slot)

    return evaluate


def apply() -> None:
    """Compare the keys of a row where the condition has a form that is known."""
    dynamodb._evaluate_condition = _comparing(dynamodb._evaluate_condition)
