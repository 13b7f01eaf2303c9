"""Strict query strings: a parameter that a route does not take is an error, as an unknown field of a body is."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_NUMBER: Final = re.compile("[1-9][0-9]{0,3}")
_SHOWN: Final = 64  # characters of an unknown name


def unknown_parameters(query: Mapping[str, str], known: Iterable[str]) -> list[tuple[str, str]]:
    """Give a fault, as `invalid_request` takes it, for each parameter that is not `known`."""
    taken = frozenset(known)
    return [(_pointer(name), "This parameter is not known here.") for name in query if name not in taken]


def page_limit(text: str, most: int) -> int | None:
    """Read how many rows a page may have, 1 to `most`; None for anything else."""
    if not _NUMBER.fullmatch(text) or int(text) > most:
        return None
    return int(text)


def _pointer(name: str) -> str:
    """RFC 6901 section 3; an unknown name is the caller's text, so it is cut."""
    return "/" + name[:_SHOWN].replace("~", "~0").replace("/", "~1")
