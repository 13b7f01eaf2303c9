"""The epochs before: they take nothing more, but what they signed has to stay as it is.

Their tables are gone or do not matter any more; of `audit_seals` the rows are used where the signed root binds them.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from functions.audit_verify.anchors import Anchored, check_anchored
from functions.audit_verify.findings import Report
from functions.audit_verify.listing import Kind, Listing, about, read_listing
from functions.audit_verify.ports import Scope, Tables, Vault
from functions.audit_verify.statement import Statements
from functions.audit_verify.trust import Trust
from functions.audit_verify.walk import Covered, Walk
from shared.audit.moment import rfc3339, unix_seconds
from shared.evidence.vault import segment_key

_UNBOUNDED: Final = 10**12
_DAY: Final = 86_400
REREAD_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class EarlierEpoch:
    """One epoch that another one followed. `tables` are its rows: those of the seals may be there, others are not read.

    `scope` is that of the epoch itself; `covered` counts what is read.
    """

    scope: Scope
    vault: Vault
    tables: Tables
    trust: Trust
    report: Report
    covered: Covered = field(default_factory=Covered)

    def verify(self, anchored: Sequence[Anchored] = ()) -> None:
        """Read the last digest with its note, and a slice of the others with all that they state."""
        # 1. What lies there, and where does it end?
        listing = self._listing()
        closing = max(listing.last["digest"], int((self.tables.digest_head() or {}).get("no", 0)))
        if not closing or (closing > listing.last["digest"] and self._let_go("digest", closing)):
            return
        for absent in range(max(listing.last["digest"], closing - 100) + 1, closing + 1):
            self.report.add("digest_missing", about(self.scope.prefix, "digest", absent))
        # 2. The last digest, each time.
        statements = Statements(self.vault, self.scope, self.trust, listing, self.report)
        last = statements.read(closing)
        if last is not None:
            statements.check_note(last)
        # 3. Of all digests a block, with segments and lines; the blocks turn with the days.
        walk = self._walk(statements)
        numbers = [number for number in self._block(closing) if self._kept(listing, number)]
        if numbers and self._kept(listing, numbers[0] - 1):
            walk.stand_behind(numbers[0] - 1)
        for number in numbers:
            walk.step(number)
        # 4. Its last tree head stays in every anchor.
        check_anchored(anchored, self.scope.prefix, self.scope.origin, self.tables.newest_digest_rows(), self.report)

    def ends_at(self, sealed: Mapping[str, Any], digest: int) -> bool:
        """Tell whether `sealed`, which a restart states, is what the vault holds up to and behind `digest` (0: none).

        What is signed is bound by its root; behind it only objects count, for rows could leave one out or invent one.
        """
        unheard = Report()  # its findings are those of `verify`; here only the sum counts
        alone = replace(self, report=unheard)
        listing = alone._listing()  # noqa: SLF001 - this class
        walk = alone._walk(Statements(self.vault, self.scope, self.trust, listing, unheard))  # noqa: SLF001 - likewise
        walk.stand_behind(digest)
        standing = walk.standing
        if standing is None:
            return False
        faults = unheard.counts.total()
        walk.follow_objects(self._segments_behind(standing.segment))
        root = base64.b64encode(standing.frontier.root()).decode()
        lanes = {lane: head for lane, head in sealed["lanes"].items() if head["seq"]}  # one that is only opened is none
        stated = sealed["segment"], sealed["size"], sealed["root"], lanes
        found = standing.segment, standing.frontier.size, root, standing.lanes.stated()
        return stated == found and unheard.counts.total() == faults

    def _segments_behind(self, number: int) -> Iterator[tuple[int, str]]:
        """Give number and oldest version, which was locked first, of the segments behind `number` up to a gap."""
        listed = (version for version in self.vault.versions(f"{self.scope.prefix}/seg/") if not version.marker)
        for key, versions in itertools.groupby(listed, key=lambda version: version.key):
            if key == segment_key(self.scope.prefix, number + 1):
                number += 1
                yield number, list(versions)[-1].version_id

    def _walk(self, statements: Statements) -> Walk:
        # No row of the log is expected any more: all have expired.
        return Walk(
            replace(self.scope, row_ttl_seconds=-_DAY * 36_500), statements, self.tables, self.report, self.covered
        )

    def _block(self, closing: int) -> range:
        size = -(-closing // REREAD_DAYS)
        start = int(self.scope.now // _DAY) % REREAD_DAYS * size + 1
        return range(start, min(start + size, closing + 1))

    def _kept(self, listing: Listing, number: int) -> bool:
        return not number or ("digest", number) in listing.first_put or not self._let_go("digest", number)

    def _listing(self) -> Listing:
        return read_listing(
            self.vault, self.scope.prefix, self.report, highest=lambda _: _UNBOUNDED, expired=self._let_go
        )

    def _let_go(self, kind: Kind, number: int) -> bool:
        if kind == "segment":
            until = str(self.tables.segment_rows(number, number).get(number, {}).get("retain_until", "~"))
        else:
            to = self.tables.digest_rows(number, number).get(number, {}).get("to")
            until = rfc3339(unix_seconds(str(to)) + self.scope.retention_days * _DAY) if to else "~"
        return until < rfc3339(self.scope.now)
