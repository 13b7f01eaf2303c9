"""One way of spoiling a planted log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from functions.audit_verify.planted_log import PlantedLog


class Corruption(NamedTuple):
    """`finds` is the code of the finding that must be among those of the spoiled log."""

    name: str
    finds: str
    spoil: Callable[[PlantedLog], object]
