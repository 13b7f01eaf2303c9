"""Conditions as conjunctions of named clauses, and the expression that carries them.

A condition is what a decision relied on; DynamoDB checks it again at the commit. Clauses are values, so a flow reads as
the list of facts that must still be true, and field names never meet DynamoDB's reserved words.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from shared.store.attribute import AttributeValue, attribute


class Clause(NamedTuple):
    """`template` with `{field}` and its values in their places; `field` may be a path (`grants.data_export`)."""

    template: str
    field: str
    value: Any = None
    upper: Any = None


def equals(field: str, value: Any) -> Clause:  # noqa: ANN401 - any value of a row
    return Clause("{field} = {value}", field, value)


def differs(field: str, value: Any) -> Clause:  # noqa: ANN401 - any value of a row
    return Clause("{field} <> {value}", field, value)


def absent(field: str) -> Clause:
    return Clause("attribute_not_exists({field})", field)


def present(field: str) -> Clause:
    return Clause("attribute_exists({field})", field)


def below(field: str, number: int) -> Clause:
    return Clause("{field} < {value}", field, number)


def at_least(field: str, number: int) -> Clause:
    return Clause("{field} >= {value}", field, number)


def above(field: str, number: int) -> Clause:
    return Clause("{field} > {value}", field, number)


def before(field: str, key: str) -> Clause:
    """Leave `key` itself out; for sort keys."""
    return Clause("{field} < {value}", field, key)


def between(field: str, lowest: str, highest: str) -> Clause:
    """Both ends are included; for sort keys."""
    return Clause("{field} BETWEEN {value} AND {upper}", field, lowest, highest)


def within(field: str, least: int, most: int) -> Clause:
    """Both ends are included; for numbers."""
    return Clause("{field} BETWEEN {value} AND {upper}", field, least, most)


class _Shape(NamedTuple):
    """What is the same in all requests that name the same fields in the same clauses."""

    update: str
    condition: str
    names: Mapping[str, str]  # shared by all of its requests: nobody writes into it
    placeholders: tuple[str, ...]
    takes: tuple[int, ...]  # how many values each clause has


def expressed(
    clauses: Sequence[Clause],
    set_: Mapping[str, Any] | None = None,
    remove: Sequence[str] = (),
    add: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Write the expressions of a request with their names and values; what depends on its shape alone is kept."""
    fields = tuple([(clause.template, clause.field) for clause in clauses])
    shape = _shape(fields, tuple(set_ or ()), tuple(remove), tuple(add or ()))
    values = [*(set_ or {}).values(), *(add or {}).values()]
    for clause, takes in zip(clauses, shape.takes, strict=True):
        values += (clause.value, clause.upper)[:takes]
    members: dict[str, Any] = {}
    if shape.update:
        members["UpdateExpression"] = shape.update
    if shape.condition:
        members["ConditionExpression"] = shape.condition
    if shape.names:
        members["ExpressionAttributeNames"] = shape.names
    if values:
        wired = [attribute(value) for value in values]
        members["ExpressionAttributeValues"] = dict(zip(shape.placeholders, wired, strict=True))
    return members


@functools.lru_cache(maxsize=512)
def _shape(
    fields: tuple[tuple[str, str], ...], set_: tuple[str, ...], remove: tuple[str, ...], add: tuple[str, ...]
) -> _Shape:
    expression = Expression()
    update = expression.assignments(dict.fromkeys(set_), remove, dict.fromkeys(add, 0))
    condition = expression.conjunction([Clause(template, field) for template, field in fields])
    takes = tuple([("{value}" in template) + ("{upper}" in template) for template, _ in fields])
    return _Shape(update, condition, expression.names, tuple(expression.values), takes)


class Expression:
    """Collects names and values of one request, so that all of its expressions share the placeholders."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, AttributeValue] = {}

    def path(self, field: str) -> str:
        return ".".join(self._name(part) for part in field.split("."))

    def value(self, value: Any) -> str:  # noqa: ANN401 - any value of a row
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = attribute(value)
        return placeholder

    def conjunction(self, clauses: Sequence[Clause]) -> str:
        return " AND ".join(self._clause(clause) for clause in clauses)

    def assignments(self, set_: Mapping[str, Any], remove: Sequence[str], add: Mapping[str, int]) -> str:
        """Write an update expression; an empty one is refused by DynamoDB, so callers give at least one part."""
        parts = []
        if set_:
            parts.append("SET " + ", ".join(f"{self.path(f)} = {self.value(v)}" for f, v in set_.items()))
        if remove:
            parts.append("REMOVE " + ", ".join(self.path(field) for field in remove))
        if add:
            parts.append("ADD " + ", ".join(f"{self.path(f)} {self.value(v)}" for f, v in add.items()))
        return " ".join(parts)

    def placeholders(self) -> dict[str, Any]:
        """Give the request members for what was used; DynamoDB refuses empty ones."""
        members: dict[str, Any] = {}
        if self.names:
            members["ExpressionAttributeNames"] = self.names
        if self.values:
            members["ExpressionAttributeValues"] = self.values
        return members

    def _clause(self, clause: Clause) -> str:
        places = {"field": self.path(clause.field)}
        if "{value}" in clause.template:
            places["value"] = self.value(clause.value)
        if "{upper}" in clause.template:
            places["upper"] = self.value(clause.upper)
        return clause.template.format(**places)

    def _name(self, part: str) -> str:
        for placeholder, name in self.names.items():
            if name == part:
                return placeholder
        placeholder = f"#n{len(self.names)}"
        self.names[placeholder] = part
        return placeholder
