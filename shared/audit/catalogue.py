"""What each action is evidence of: action -> reports -> Trust Services Criteria, as versioned data.

Event lines carry the action alone. The mapping is applied when a report is read, and its version and hash are
printed with it, so a better mapping never touches the log. An action that is not in the catalogue cannot be written.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

CURRENT = "2026-11"
_FOLDER = __file__.rpartition("/")[0] + "/catalogues"


class Report(NamedTuple):
    """One evidence report: `slug` in paths, `folder/file` in a bundle, `section` as the requirements group it."""

    slug: str
    section: str
    folder: str
    file: str
    title: str
    actions: tuple[str, ...]

    def path(self, extension: str) -> str:
        return f"{self.folder}/{self.file}.{extension}"


class Catalogue(NamedTuple):
    version: str
    sha256: str
    reports: Mapping[str, Report]
    actions: Mapping[str, Mapping[str, Any]]

    def criteria(self, action: str, reason: str | None) -> tuple[str, ...]:
        """Name the Trust Services Criteria of one event, the primary one first; none for a retired action."""
        entry = self.actions.get(action, {})
        by_reason = entry.get("tsc_by_reason", {})
        return tuple(by_reason.get(reason) or entry.get("tsc", ()))


def text(version: str = CURRENT) -> bytes:
    """Read the file of a catalogue as bundles carry it: `Catalogue.sha256` is of these bytes."""
    with open(f"{_FOLDER}/{version}.json", "rb") as file:  # noqa: PTH123 - every hot function would load pathlib for it
        return file.read()


@functools.cache
def load(version: str = CURRENT) -> Catalogue:
    data = text(version)
    document = json.loads(data)
    actions = document["actions"]
    reports = {
        slug: Report(slug, **fields, actions=_actions_of(slug, actions)) for slug, fields in document["reports"].items()
    }
    return Catalogue(document["version"], hashlib.sha256(data).hexdigest(), reports, actions)


def _actions_of(slug: str, actions: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(name for name, entry in actions.items() if slug in entry["reports"]))
