"""CSV that spreadsheets show and do not execute (RFC 4180, every field quoted, CRLF).

A cell whose first character could begin a formula gets an apostrophe in front, and a NUL anywhere becomes U+FFFD, since
ordinary readers refuse a file that holds one. That changes what the cell says, so it is counted, and the JSON form and
the event lines keep the value as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

CONTENT_TYPE = "text/csv; charset=utf-8"

# What spreadsheets take for the beginning of a formula, full-width forms included; and what hides one behind a line
# end.
_FORMULA_STARTS = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
BETWEEN, ENDED = "\x1f", "\x1e"  # between cells and behind records that hold neither: one search looks at all of them
_STARTING = frozenset(_FORMULA_STARTS)
_FORMULA = re.compile(f"{BETWEEN}[{re.escape(_FORMULA_STARTS)}]").search


class CsvWriter:
    """Encodes records and counts the cells that it had to neutralise."""

    def __init__(self) -> None:
        self.neutralised_cells = 0

    def record(self, cells: Sequence[str]) -> bytes:
        """Write one record. Nearly all are harmless, and written in one piece; the others cell by cell."""
        joined = BETWEEN.join(cells)
        harmless = joined.count(BETWEEN) == len(cells) - 1 and "\0" not in joined
        if harmless and joined[:1] not in _STARTING and not _FORMULA(joined):
            return ('"' + joined.replace('"', '""').replace(BETWEEN, '","') + '"\r\n').encode()
        return (",".join(map(self._field, cells)) + "\r\n").encode()

    def _field(self, cell: str) -> str:
        neutral = f"'{cell}" if cell[:1] in _STARTING else cell
        neutral = neutral.replace("\0", "\ufffd")
        self.neutralised_cells += neutral != cell
        escaped = neutral.replace('"', '""')
        return f'"{escaped}"'


def records(joined: Sequence[str], cells: int) -> list[str] | None:
    """Write records of so many `cells`, which stand with `BETWEEN` between them and `ENDED` behind them.

    None where one of them must be looked at cell by cell. A record's first cell is a number of ours.
    """
    text = "".join(joined)
    whole = text.count(ENDED) == len(joined) and text.count(BETWEEN) == len(joined) * (cells - 1)
    if not whole or "\0" in text or _FORMULA(text):
        return None
    quoted = text.replace('"', '""').replace(BETWEEN, '","').replace(ENDED, f'"\r\n{ENDED}"')
    return f'"{quoted}'.split(ENDED)[:-1]


def header(columns: Sequence[str]) -> bytes:
    return CsvWriter().record(columns)
