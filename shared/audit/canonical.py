"""Canonical JSON: one value, one byte string, in every language and in every year.

The form is RFC 8785 (JCS) restricted so that a plain serializer gives the same bytes: ASCII keys, strings without lone
surrogates, integers below 2^53, no floats. Hashes, signatures and commitments are made over these bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, IEEE 754 readers disagree
_KEY = re.compile(r"[A-Za-z0-9_]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_KNOWN_KEYS = 1_000
_known_keys: set[str] = set()  # of this alphabet; a log has some hundred, so nearly every key is found here
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False).encode


def canonical(value: Json) -> bytes:
    """Serialize `value`; raises `ValueError` for what has no canonical form (a float, a key with other characters)."""
    _check(value)
    try:
        return _written(value).encode()
    except UnicodeEncodeError as fault:
        raise ValueError("a lone surrogate has no UTF-8 form") from fault


def well_formed(text: str, limit: int) -> str:
    """Make hostile text storable: lone surrogates become U+FFFD, and it is cut to `limit` characters."""
    if not text.isascii() and _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text[:limit]


def _check(value: Any) -> None:  # noqa: ANN401 - whatever it is, this finds out
    # The exact types first: nearly all values have one, and events are written on the hottest paths. Lone surrogates
    # show when the text is encoded.
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return
    if kind is dict:
        for key, member in value.items():
            if key not in _known_keys:
                _learn(key)
            if type(member) is not str:
                _check(member)
    elif kind is list or kind is tuple:
        for member in value:
            _check(member)
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise ValueError(f"integer {value} is not exact in every JSON reader")
    else:
        _check_kin(value)


def _check_kin(value: object) -> None:
    """Check a value of a type that is derived from one that has a canonical form, or has none."""
    if isinstance(value, Mapping):
        _check(dict(value))
    elif isinstance(value, list | tuple):
        _check(list(value))
    elif isinstance(value, int):
        _check(int(value))
    elif not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} has no canonical form")  # noqa: TRY004 - one kind of refusal


def _learn(key: object) -> None:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(f"key {key!r} is not in the canonical alphabet")
    if len(_known_keys) < _MOST_KNOWN_KEYS:
        _known_keys.add(key)
