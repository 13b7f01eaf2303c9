"""The rows of one log as the verifier reads them: through the store, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from functions.audit_verify.ports import Row
from shared.store.audit_logs import Entry, entries_within, lane_key
from shared.store.audit_seals import newest_digests, read_digest_head, read_seal_head_row, rows_within
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class LogRows:
    """`Tables` over DynamoDB."""

    dynamodb: JsonService
    audit_logs_table: str
    audit_seals_table: str
    tenant: str
    epoch: int

    def rows(self, lane: str, first: int, last: int | None = None) -> Iterator[Entry]:
        """Read rows of a lane; one whose number is no integer ends the reading as a row that no writer wrote."""
        name = lane_key(self.tenant, self.epoch, lane)
        try:
            yield from entries_within(self.dynamodb, self.audit_logs_table, name, first, last)
        except ValueError:
            yield Entry(-1, "", "")

    def segment_rows(self, first: int, last: int) -> Mapping[int, Row]:
        return self._numbered("segment", first, last)

    def digest_rows(self, first: int, last: int) -> Mapping[int, Row]:
        return self._numbered("digest", first, last)

    def _numbered(self, kind: str, first: int, last: int) -> Mapping[int, Row]:
        numbers = range(first, last + 1)
        rows = rows_within(self.dynamodb, self.audit_seals_table, self.tenant, kind, self.epoch, numbers)
        return {number: row for row in rows if (number := _number(row)) in numbers}

    def newest_digest_rows(self) -> Iterator[Row]:
        return newest_digests(self.dynamodb, self.audit_seals_table, self.tenant, self.epoch)

    def seal_head(self) -> Row | None:
        return read_seal_head_row(self.dynamodb, self.audit_seals_table, self.tenant, self.epoch)

    def digest_head(self) -> Row | None:
        return read_digest_head(self.dynamodb, self.audit_seals_table, self.tenant, self.epoch)


def _number(row: Row) -> int:
    """Read the number of a row from its key: the member `no` could say another."""
    digits = str(row["seal"]).rpartition("#")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
