"""The rows of `audit_seals`, written again from the vault: bookkeeping over locked objects, no second truth."""

from __future__ import annotations

from dataclasses import dataclass

from infra.restoration.sealed_log import SealedLog, VaultDisagrees
from shared.audit.epoch import Ending
from shared.store.attribute import Row, marshal
from shared.store.audit_seals import number_of, state_of
from shared.store.condition import between, equals
from shared.store.item import query
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class SealRows:
    """The rows of one tenant's epoch, by their `seal`."""

    dynamodb: JsonService
    table: str
    tenant: str
    epoch: int

    def of(self, log: SealedLog) -> dict[str, Row]:
        """Give what the sealer and the digester had written of `log`."""
        rows = {f"segment#{self.epoch}#{number_of(each.row['no'])}": each.row for each in log.segments}
        rows |= {f"digest#{self.epoch}#{number_of(row['no'])}": row for row in log.digests}
        if log.segments:
            rows[f"head#{self.epoch}"] = {"segment": log.head.segment, **state_of(log.head)}
        if log.digests:
            rows[f"digest_head#{self.epoch}"] = log.digests[-1]
        return {seal: {**row, "tenant": self.tenant, "seal": seal} for seal, row in rows.items()}

    def known(self, log: SealedLog) -> int:
        """Give the number of the last segment that a row names as the vault has it, and so all before it; 0 for none.

        `after` states the tree over all that came before. A row is only ever of what a sealer found in the log's table,
        of what is signed, or of what was known before: a restore writes none of what nobody vouches for.
        """
        found = self._found()
        known = 0
        for segment in log.segments:
            row = found.get(f"segment#{self.epoch}#{number_of(segment.row['no'])}", {})
            if all(row.get(name) == segment.row[name] for name in ("sha256_gz", "after")):
                known = segment.row["no"]
        return known

    def missing(self, log: SealedLog, reach: int) -> list[Row]:
        """Name the rows that are not there or say something else, of what is vouched for: segments up to `reach`.

        Raises `VaultDisagrees` where the table knows of more than the vault: then it is the vault that lost something.
        """
        wanted, found = self.of(log.up_to(reach)), self._found()
        beyond = sorted(found.keys() - self.of(log).keys())
        if beyond:
            raise VaultDisagrees(f"audit_seals of {self.tenant} has {beyond[0]}, and the vault does not")
        return [row for seal, row in wanted.items() if found.get(seal) != row]

    def write(self, rows: list[Row]) -> None:
        """Put rows over whatever is there; the heads last, so that whoever breaks off finds them missing again."""
        for row in sorted(rows, key=lambda row: "head" in row["seal"]):
            self.dynamodb.call("PutItem", {"TableName": self.table, "Item": marshal(row)})

    def _found(self) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for kind in ("segment", "digest", "head", "digest_head"):
            first = f"{kind}#{self.epoch}"
            for row in query(
                self.dynamodb, self.table, equals("tenant", self.tenant), between("seal", first, f"{first}#~")
            ):
                rows[row["seal"]] = row
        return rows


def ending_of(log: SealedLog, epoch: int) -> Ending:
    """Say how an epoch ended, for the event that begins the next one."""
    last, head = (log.digests[-1] if log.digests else None), log.head
    return Ending(
        epoch=epoch,
        digest=None if last is None else (last["no"], last["sha256"]),
        segment=head.segment,
        size=head.frontier.size,
        root=head.frontier.root(),
        lanes={lane: (entry.seq, entry.leaf) for lane, entry in head.lanes.items()},
    )
