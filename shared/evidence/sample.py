"""Samples of a report's rows that anybody can draw again: the rows whose hashes under the auditor's nonce are lowest.

Nobody chooses: the nonce is the auditor's, the ids are in the sealed log, and every row has its rank before either side
looks at it. Rows are ranked as they come, so memory depends on the size of the sample and not on the log.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.audit.catalogue import Catalogue, Report
from shared.evidence.segment import Event

ALGORITHM = "sha256-lowest-1"
MAX_ROWS = 1_000
MAX_SAMPLES = 10  # of one bundle
NONCE = "[\x20-\x7e]{8,128}"
_CONTEXT = b"muniment-sample-1"

Ranked = tuple[str, int, int, str, str]  # rank (hex), row, index, event id, leaf hash (hex)


def rank(nonce: str, event_id: str) -> str:
    """Give the place of a row among all rows, as hex of equal length."""
    return hashlib.sha256(b"\0".join((_CONTEXT, nonce.encode(), event_id.encode()))).hexdigest()


@dataclass(slots=True)
class Sampler:
    """Sees all rows of a report once, in the order of the file. `population` counts them, so it numbers them too."""

    nonce: str
    number: int
    population: int = 0
    _kept: list[tuple[int, Ranked]] = field(default_factory=list)

    def add(self, index: int, event: Event) -> None:
        self.consider(index, str(event.members["id"]), event.leaf.hex())

    def consider(self, index: int, event_id: str, leaf: str) -> None:
        """Take a row of which no more was read."""
        self.population += 1
        ranked = (rank(self.nonce, event_id), self.population, index, event_id, leaf)
        entry = (-int(ranked[0], 16), ranked)  # a heap gives its smallest, and the largest rank has to go
        if len(self._kept) < self.number:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    def document(self) -> dict[str, Any]:
        """Write down what was kept, for `united`."""
        return {"population": self.population, "kept": [list(ranked) for _, ranked in self._kept]}


def united(parts: Iterable[Mapping[str, Any]], number: int) -> tuple[int, list[dict[str, Any]]]:
    """Unite what samplers of consecutive stretches have kept; gives population and rows, in the order of the file."""
    population, kept = 0, list[Ranked]()
    for part in parts:
        kept += [(place, population + row, *rest) for place, row, *rest in part["kept"]]
        population += part["population"]
    lowest = sorted(heapq.nsmallest(number, kept), key=lambda ranked: ranked[1])
    rows = [
        {"row": row, "index": index, "event_id": event_id, "leaf_hash": leaf}
        for _, row, index, event_id, leaf in lowest
    ]
    return population, rows


def sample_document(asked: Mapping[str, Any], population: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the document; `asked` holds `file`, `n` and `nonce`."""
    return {
        "type": "sample",
        "v": 1,
        "algorithm": ALGORITHM,
        **{name: asked[name] for name in ("file", "n", "nonce")},
        "population": population,
        "rows": list(rows),
    }


def sampled_report(catalogue: Catalogue, file: str, extension: str) -> Report | None:
    """Give the report behind a file of a bundle; None for a file that is none."""
    return next((each for each in catalogue.reports.values() if each.path(extension) == file), None)
