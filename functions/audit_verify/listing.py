"""Everything that lies in a log's folder: each object once, under a name that the format knows, without a gap."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from functions.audit_verify.findings import Report
from functions.audit_verify.ports import Vault, Version

Kind = Literal["segment", "digest", "signature", "checkpoint"]
_FORMS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("segment", re.compile(r"seg/([0-9]{12})\.ndjson\.gz")),
    ("digest", re.compile(r"digest/([0-9]{12})\.json")),
    ("signature", re.compile(r"digest/([0-9]{12})\.json\.sig")),
    ("checkpoint", re.compile(r"checkpoint/([0-9]{12})")),
)
_MISSING: Final[dict[Kind, str]] = {
    "segment": "segment_missing",
    "digest": "digest_missing",
    "signature": "signature_missing",
}
_MOST_TOLD = 100  # missing numbers of one gap that are told apart


@dataclass(slots=True)
class Listing:
    """`first_put` names, but for segments, the version that an object was put with: later ones are findings.

    `last` is the highest number of each kind up to which the numbers are dense enough to be ours.
    """

    first_put: dict[tuple[Kind, int], str] = field(default_factory=dict)
    last: dict[Kind, int] = field(default_factory=dict)

    def checkpoints(self) -> Iterator[int]:
        return (number for kind, number in self.first_put if kind == "checkpoint")


def read_listing(
    vault: Vault, prefix: str, report: Report, *, highest: Callable[[Kind], int], expired: Callable[[Kind, int], bool]
) -> Listing:
    """List the folder. `highest` gives the largest number that can be ours, once the listing has been read.

    Numbers begin at 1, or behind one that was let go at the end of its lock (`expired`).
    """
    listing = Listing()
    numbers: dict[Kind, list[int]] = {kind: [] for kind, _ in _FORMS}
    for key, versions in itertools.groupby(vault.versions(f"{prefix}/"), key=lambda version: version.key):
        kept = _one_version(key, list(versions), report)
        named = _named(key.removeprefix(f"{prefix}/"))
        if named is None:
            report.add("foreign_object", key)
        elif kept is not None:
            kind, number = named
            numbers[kind].append(number)
            if kind != "segment":
                listing.first_put[named] = kept
    for kind, found in numbers.items():
        limit = highest(kind)
        for stranger in itertools.takewhile(lambda number: number > limit, reversed(found)):  # noqa: B023 - used at once
            report.add("foreign_object", f"{prefix}/{kind}/{stranger}", f"at most {limit}", stranger)
            listing.first_put.pop((kind, stranger), None)
        ours = [number for number in found if number <= limit]
        listing.last[kind] = ours[-1] if ours else 0
        if kind in _MISSING:
            _find_gaps(prefix, kind, ours, report, expired)
    return listing


def _one_version(key: str, versions: list[Version], report: Report) -> str | None:
    """Find markers and second versions; gives the oldest version, which was locked first."""
    objects = [version for version in versions if not version.marker]
    if len(objects) < len(versions):
        report.add("delete_marker", key)
    if len(objects) > 1:
        report.add("object_version", key, objects[-1].version_id, objects[0].version_id)
    return objects[-1].version_id if objects else None


def _named(name: str) -> tuple[Kind, int] | None:
    for kind, form in _FORMS:
        if (match := form.fullmatch(name)) is not None:
            return kind, int(match.group(1))
    return None


def _find_gaps(
    prefix: str, kind: Kind, numbers: list[int], report: Report, expired: Callable[[Kind, int], bool]
) -> None:
    before = 0
    if numbers and numbers[0] > 1 and expired(kind, numbers[0] - 1):
        before = numbers[0] - 1
    for number in numbers:
        for missing in range(before + 1, min(number, before + 1 + _MOST_TOLD)):
            report.add(_MISSING[kind], about(prefix, kind, missing))
        before = number


def about(prefix: str, kind: Kind, number: int) -> str:
    """Give the key of an object, also of one that is not there."""
    folder, ending = {
        "segment": ("seg", ".ndjson.gz"),
        "digest": ("digest", ".json"),
        "signature": ("digest", ".json.sig"),
        "checkpoint": ("checkpoint", ""),
    }[kind]
    return f"{prefix}/{folder}/{number:012d}{ending}"
