"""Canonical JSON: one value, one byte string, in every language and in every year.

The form is RFC 8785 (JCS) restricted so that a plain serializer gives the same bytes: ASCII keys, strings without lone
surrogates, integers below 2^53, no floats. Hashes, signatures and commitments are made over these bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, IEEE 754 readers disagree
_KEY = re.compile(r"[A-Za-z0-9_]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


def canonical(value: Json) -> bytes:
    """Serialize `value`; raises `ValueError` for what has no canonical form (a float, a key with other characters)."""
    _check(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def well_formed(text: str, limit: int) -> str:
    """Make hostile text storable: lone surrogates become U+FFFD, and it is cut to `limit` characters."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text[:limit]


def _check(value: Json) -> None:
    if isinstance(value, Mapping):
        for key, member in value.items():
            if not isinstance(key, str) or not _KEY.fullmatch(key):
                raise ValueError(f"key {key!r} is not in the canonical alphabet")
            _check(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _check(member)
    else:
        _check_scalar(value)


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise ValueError("a lone surrogate has no UTF-8 form")
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"integer {value} is not exact in every JSON reader")
    elif value is not None:
        raise ValueError(f"{type(value).__name__} has no canonical form")
