"""Settings: a frozen dataclass a function, filled once from the environment.

Rules of this module
- The environment variable of a field is its name in upper case.
- Every missing or ill-typed name is reported in one message, so that a wrong deployment is
  repaired in one go.
- A security service refuses to start instead of guessing: a field has a default only if its class
  says so, and no class gives one to a secret, a table or a bucket.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def _text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("is empty")
    return raw


def _whole(raw: str) -> int:
    try:
        return int(raw)
    except ValueError:
        raise ValueError("is not a whole number") from None


def _real(raw: str) -> float:
    try:
        return float(raw)
    except ValueError:
        raise ValueError("is not a number") from None


def _flag(raw: str) -> bool:
    if raw not in {"true", "false"}:
        raise ValueError('is neither "true" nor "false"')
    return raw == "true"


_READERS: Final[Mapping[type, Callable[[str], object]]] = {
    str: _text,
    int: _whole,
    float: _real,
    bool: _flag,
}


def from_environment(cls: type[T], environ: Mapping[str, str]) -> T:
    """Fill `cls` from `environ`; RuntimeError names every variable that is missing or ill-typed."""
    hints = get_type_hints(cls)
    values: dict[str, object] = {}
    faults: list[str] = []
    for field in fields(cls):
        try:
            _fill(values, field, hints[field.name], environ)
        except ValueError as fault:
            faults.append(f"{field.name.upper()} {fault}")
    if faults:
        raise RuntimeError(f"{cls.__module__}.{cls.__name__}: {'; '.join(faults)}")
    return cls(**values)


def _fill(values: dict[str, object], field: Field[Any], kind: type, environ: Mapping[str, str]) -> None:
    raw = environ.get(field.name.upper())
    if raw is not None:
        values[field.name] = _READERS[kind](raw)
    elif field.default is MISSING:
        raise ValueError("is missing")
