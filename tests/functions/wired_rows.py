"""Rows as boto3's low-level client gives them, brought to the form of the wire."""

import base64
from collections.abc import Mapping
from typing import Any


def wired(item: Mapping[str, Any]) -> dict[str, Any]:
    """Bring boto3's form of an item back to the wire's: bytes are base64 text there."""

    def member(value: Mapping[str, Any]) -> dict[str, Any]:
        ((kind, content),) = value.items()
        if kind == "B":
            return {"B": base64.b64encode(bytes(content)).decode()}
        if kind == "M":
            return {"M": {name: member(inner) for name, inner in content.items()}}
        return {"L": [member(inner) for inner in content]} if kind == "L" else {kind: content}

    return {name: member(value) for name, value in item.items()}
