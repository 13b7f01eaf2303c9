"""Rows of evidence as CSV at speed: made from a line's members without a row between, written some hundred at a time.

The bytes are those that `evidence_row`, `cells` and `CsvWriter` give, by which this is held in the tests. What is not
regular goes that way itself: a line whose members have other types, a cell that could be a formula.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from functions.evidence_pipeline.event_lines import Irregular, Line, Target, canonical_again, read, whole
from shared.audit.catalogue import Catalogue
from shared.evidence.csv_rows import CsvWriter, records
from shared.evidence.evidence_row import COLUMNS, cells, evidence_row, text, values_of

Disclosed = list[dict[str, Any]]

_CELLS = 1 + len(COLUMNS)
_KNOWN = 4_096  # reasons come from the ledger's callers, who may invent more
_UNCHANGED = ("", "")
_NOTHING = Target()


class Sorted(msgspec.Struct, gc=False):
    """An event that is a row; `leaf` is hex."""

    index: int
    line: bytes
    members: Irregular
    leaf: str
    disclosed: Disclosed


class CsvRecords:
    """Writes the rows of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._criteria = functools.lru_cache(_KNOWN)(lambda *named: " ".join(catalogue.criteria(*named)))

    def __call__(self, rows: Sequence[Sorted]) -> tuple[list[str], dict[int, int]]:
        """Give the record of each row, and by its place how many of its cells were neutralised, where some were."""
        written = self._together(rows)
        if written is not None:
            return written, {}
        one_by_one = list(map(self._one, rows))
        neutralised = {place: count for place, (_, count) in enumerate(one_by_one) if count}
        return [record for record, _ in one_by_one], neutralised

    def _together(self, rows: Sequence[Sorted]) -> list[str] | None:
        joined = [_joined(row, row.members, self._criteria) for row in rows if isinstance(row.members, Line)]
        return records(joined, _CELLS) if len(joined) == len(rows) else None

    def _one(self, row: Sorted) -> tuple[str, int]:
        if harmless := self._together([row]):
            return harmless[0], 0
        writer = CsvWriter()
        told = cells(evidence_row(whole(row.line), row.disclosed, self._catalogue), canonical_again)
        return writer.record([str(row.index), *told]).decode(), writer.neutralised_cells


def _joined(row: Sorted, members: Line, criteria: Callable[[str, str | None], str]) -> str:
    """Put the texts of `COLUMNS` behind the index, as `records` takes them."""
    actor, context = members.actor, members.context
    target = members.targets[0] if members.targets else _NOTHING
    before, after = _change(members.change) if members.change else _UNCHANGED
    reason, email, ip, agent = members.reason, "", context.ip_net, ""
    if row.disclosed:
        person = values_of(row.disclosed, "actor")
        email, ip, agent = person.get("email", ""), person.get("ip", ip), person.get("user_agent", "")
        reason = reason or values_of(row.disclosed, "target").get("reason")
    return (
        f"{row.index}\x1f{members.id}\x1f{members.time}\x1f{members.action}\x1f{members.outcome}\x1f{reason or ''}\x1f"
        f"{actor.type}\x1f{actor.id or ''}\x1f{email}\x1f{members.on_behalf_of or ''}\x1f"
        f"{target.type or ''}\x1f{target.id or ''}\x1f{members.resource}\x1f{ip or ''}\x1f"
        f"{context.country or ''}\x1f{agent}\x1f{actor.session or ''}\x1f{before}\x1f{after}\x1f"
        f"{_metadata(members)}\x1f{context.correlation_id or ''}\x1f{criteria(members.action, members.reason)}\x1f"
        f"{members.lane}\x1f{members.seq}\x1f{row.leaf}\x1e"
    )


def _change(change: Mapping[str, Any]) -> tuple[str, str]:
    return text(change.get("before"), canonical_again), text(change.get("after"), canonical_again)


def _metadata(members: Line) -> str:
    """Write meta and risk as one object; without risk it is the canonical bytes that stand in the line."""
    if members.risk:
        return canonical_again({**read(members.meta), **members.risk}).decode()
    written = str(members.meta, "utf-8")
    return "" if written == "{}" else written
