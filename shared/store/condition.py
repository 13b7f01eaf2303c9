"""Conditions as conjunctions of named clauses, and the expression that carries them.

A condition is what a decision relied on; DynamoDB checks it again at the commit. Clauses are values, so a flow reads as
the list of facts that must still be true, and field names never meet DynamoDB's reserved words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.store.attribute import AttributeValue, attribute


@dataclass(frozen=True, slots=True)
class Clause:
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


def between(field: str, lowest: str, highest: str) -> Clause:
    """Both ends are included; for sort keys."""
    return Clause("{field} BETWEEN {value} AND {upper}", field, lowest, highest)


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
