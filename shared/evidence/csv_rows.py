"""CSV that spreadsheets show and do not execute (RFC 4180, every field quoted, CRLF).

A cell whose first character could begin a formula gets an apostrophe in front, and a NUL anywhere becomes U+FFFD, since
ordinary readers refuse a file that holds one. That changes what the cell says, so it is counted, and the JSON form and
the event lines keep the value as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CONTENT_TYPE = "text/csv; charset=utf-8"

# What spreadsheets take for the beginning of a formula, full-width forms included; and what hides one behind a line
# end.
_FORMULA_STARTS = frozenset("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")


class CsvWriter:
    """Encodes records and counts the cells that it had to neutralise."""

    def __init__(self) -> None:
        self.neutralised_cells = 0

    def record(self, cells: Iterable[str]) -> bytes:
        return (",".join(self._field(cell) for cell in cells) + "\r\n").encode()

    def _field(self, cell: str) -> str:
        neutral = f"'{cell}" if cell[:1] in _FORMULA_STARTS and cell else cell
        neutral = neutral.replace("\0", "\ufffd")
        self.neutralised_cells += neutral != cell
        escaped = neutral.replace('"', '""')
        return f'"{escaped}"'


def header(columns: Sequence[str]) -> bytes:
    return CsvWriter().record(columns)
