"""Rows as Python values, and as the attribute values of the DynamoDB wire (JSON 1.0)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
AttributeValue: TypeAlias = dict[str, Any]
_CONTAINER_BYTES = 3  # of a map or a list, beside what is in it


def marshal(row: Mapping[str, Any]) -> dict[str, AttributeValue]:
    return {name: attribute(value) for name, value in row.items()}


def unmarshal(item: Mapping[str, AttributeValue]) -> Row:
    return {name: value_of(member) for name, member in item.items()}


def attribute(value: Any) -> AttributeValue:  # noqa: ANN401 - the one place where values of a row become wire values
    """Encode one value; raises `TypeError` for what a row cannot hold, floats above all."""
    kind = type(value)  # nearly all values are one of two
    if kind is str:
        return {"S": value}
    if kind is int:
        return {"N": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"M": marshal(value)}
    if isinstance(value, list | tuple):
        return {"L": [attribute(member) for member in value]}
    raise TypeError(f"a row cannot hold {type(value).__name__}")


def value_of(member: AttributeValue) -> Any:  # noqa: ANN401 - see `attribute`
    """Decode one value. Numbers are integers throughout: nothing else is ever written."""
    ((kind, content),) = member.items()
    if kind == "S":
        return content
    if kind == "N":
        return int(content)
    if kind == "B":
        return base64.b64decode(content)
    if kind == "M":
        return unmarshal(content)
    if kind == "L":
        return [value_of(entry) for entry in content]
    if kind == "NULL":
        return None
    return content


def size_of(item: Mapping[str, AttributeValue]) -> int:
    """Weigh an item as DynamoDB does, in bytes: its names and its values, each in UTF-8."""
    return sum(len(name.encode()) + _weight(member) for name, member in item.items())


def _weight(member: AttributeValue) -> int:
    ((kind, content),) = member.items()
    if kind == "M":
        return _CONTAINER_BYTES + size_of(content) + len(content)
    if kind == "L":
        return _CONTAINER_BYTES + sum(1 + _weight(entry) for entry in content)
    if kind == "B":
        return len(content) * 3 // 4
    return len(content.encode()) if isinstance(content, str) else 1
