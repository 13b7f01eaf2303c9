"""One log, verified: what is new since the last run, and of the rest a slice a day, so that all of it comes round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from functions.audit_verify.anchors import Anchored, check_anchored
from functions.audit_verify.earlier_epochs import EarlierEpoch
from functions.audit_verify.epoch_start import check_start
from functions.audit_verify.findings import Report
from functions.audit_verify.listing import Kind, Listing, about, read_listing
from functions.audit_verify.ports import Row, Scope, Tables, Vault
from functions.audit_verify.statement import Statement, Statements
from functions.audit_verify.trust import Trust
from functions.audit_verify.unsealed_tail import Tail
from functions.audit_verify.walk import Covered, Walk
from shared.audit.moment import rfc3339, unix_seconds

DAY: Final = 86_400
OVERDUE_SECONDS: Final = 25 * 3_600  # an idle log is signed daily
AHEAD_SECONDS: Final = 300  # by which a clock may be off
REREAD_DAYS: Final = 28  # in so many runs every older digest is read again, with its segments
SWEPT_DAYS: Final = 7  # and in so many, asked for without being read
MOST_EVENTS: Final = 500_000  # that one run reads of one log, before it leaves the rest to the next
_UNBOUNDED: Final = 10**12
MOST_DIGESTS: Final = 2_000  # likewise


@dataclass(frozen=True, slots=True)
class Before:
    """What the last verification saw: the digest up to which all was well, and where each lane ended."""

    digest: int = 0
    lanes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`first` to `last` are the digests that were read as new; `remaining` more wait for the next run."""

    report: Report
    first: int
    last: int
    remaining: int
    closing: Statement | None
    covered: Covered
    lanes: Mapping[str, int]

    @property
    def empty(self) -> bool:
        return self.closing is None and not any(self.lanes.values()) and not self.report.counts


@dataclass(slots=True)
class Verification:
    """Reads and judges; writes nothing.

    `anchored` are the anchors of this run, `earlier` the epochs before, from 1 on.
    """

    scope: Scope
    vault: Vault
    tables: Tables
    trust: Trust
    before: Before
    report: Report
    anchored: Sequence[Anchored] = ()
    earlier: Sequence[EarlierEpoch] = ()

    def run(self) -> Outcome:
        # 1. What lies in the vault, and how far do the rows say that it goes?
        # The rows first: whatever they speak of had been put before the vault is listed.
        signed, sealed = self.tables.digest_head(), self.tables.seal_head()
        listing = self._listing()
        closing = self._closing(listing, signed)
        self._check_present(listing, "segment", _number(sealed, "segment"))
        # 2. Walk through what the last verification did not cover, and at least through a day.
        statements = Statements(self.vault, self.scope, self.trust, listing, self.report)
        walk = Walk(self.scope, statements, self.tables, self.report)
        first = self._first(closing)
        walk.stand_behind(first - 1)
        last = self._walk(walk, first, closing)
        self._check_checkpoints(walk, listing, first, last)
        if first == 1 and walk.first is not None:
            self._check_start(walk)
        # 3. Behind the last digest: segments that none states yet, then the rows that are not sealed yet.
        tail = Tail(self.scope, self.tables, self.report)
        statement = statements.read(closing) if closing else None
        if last == closing:
            self._follow_tail(walk, tail, statement)
        # 4. Does signing go on?
        self._check_fresh(statement, tail)
        # 5. A slice of what was verified before: some of it read again, some asked for.
        self._slice(walk, first - 1)
        self._compare_digest_rows(walk)
        # 6. What this log signed in earlier epochs, and what the anchors hold of it.
        for epoch in self.earlier:
            epoch.verify(self.anchored)
        rows = self.tables.newest_digest_rows()
        check_anchored(self.anchored, self.scope.prefix, self.scope.origin, rows, self.report)
        return Outcome(
            self.report, first, last, closing - last, statement, walk.covered, tail.ends or self.before.lanes
        )

    def _check_start(self, walk: Walk) -> None:
        before = self.earlier[-1] if self.earlier else None
        check_start(self.vault, self.scope, self.trust, walk.first, self.report, before)

    def _listing(self) -> Listing:
        def highest(kind: Kind) -> int:
            # One more than the rows know of may be on its way: an object is put before its row.
            if kind == "checkpoint":
                row, name, ahead = self.tables.seal_head(), "tree_size", 0
            elif kind == "segment":
                row, name, ahead = self.tables.seal_head(), "segment", 1
            else:
                row, name, ahead = self.tables.digest_head(), "no", 1
            # Without its head row nothing is known of the end: that is a finding of its own.
            return _number(row, name) + ahead if row is not None else _UNBOUNDED

        return read_listing(self.vault, self.scope.prefix, self.report, highest=highest, expired=self._let_go)

    def _let_go(self, kind: Kind, number: int) -> bool:
        """Tell whether an object was locked so long ago that the bucket's lifecycle may have removed it."""
        if kind == "segment":
            until = str(self.tables.segment_rows(number, number).get(number, {}).get("retain_until", "~"))
        else:
            to = self.tables.digest_rows(number, number).get(number, {}).get("to")
            until = rfc3339(unix_seconds(str(to)) + self.scope.retention_days * DAY) if to else "~"
        return until < rfc3339(self.scope.now)

    def _closing(self, listing: Listing, head: Row | None) -> int:
        if head is None and (listing.last["digest"] > 0 or self.before.digest):
            self.report.add("seal_row_missing", f"digest_head#{self.scope.epoch}")
        closing = _number(head, "no") if head is not None else listing.last["digest"]
        self._check_present(listing, "digest", closing)
        if closing < self.before.digest:
            place = f"{self.scope.prefix}/digest"
            self.report.add("verification_rolled_back", place, self.before.digest, closing)
        return closing

    def _check_present(self, listing: Listing, kind: Kind, number: int) -> None:
        """Find what is missing at the end: everything up to `number` had been put before the vault was listed."""
        missing = "segment_missing" if kind == "segment" else "digest_missing"
        for absent in range(max(listing.last[kind], number - 100) + 1, number + 1):
            self.report.add(missing, about(self.scope.prefix, kind, absent))

    def _first(self, closing: int) -> int:
        """Choose the first digest to read: behind the last verification, and a day back at least."""
        yesterday = closing
        for row in self.tables.newest_digest_rows():
            yesterday = _number(row, "no")
            if str(row.get("to", "")) < rfc3339(self.scope.now - DAY):
                break
        return max(1, min(self.before.digest + 1, yesterday, closing))

    def _walk(self, walk: Walk, first: int, last: int) -> int:
        """Step over digests until `last` or until enough was read; gives the last one."""
        for number in range(first, last + 1):
            walk.step(number)
            if walk.covered.events >= MOST_EVENTS or walk.covered.digests >= MOST_DIGESTS:
                return number
        return last

    def _check_checkpoints(self, walk: Walk, listing: Listing, first: int, last: int) -> None:
        """Find notes of sizes that no digest signs, where all digests could be read."""
        sizes = {statement.members["tree"]["size"] for statement in walk.read.values()}
        if walk.begin_size is None or len(walk.read) < last - first + 1 or not sizes:
            return
        for size in listing.checkpoints():
            if walk.begin_size < size <= max(sizes) and size not in sizes:
                self.report.add("foreign_object", about(self.scope.prefix, "checkpoint", size))

    def _follow_tail(self, walk: Walk, tail: Tail, closing: Statement | None) -> None:
        head = self.tables.seal_head()
        standing = walk.standing
        if standing is None:
            return
        if head is None and (standing.segment or self.before.digest):
            self.report.add("seal_row_missing", f"head#{self.scope.epoch}")
        rows = self.tables.segment_rows(standing.segment + 1, _number(head, "segment"))
        walk.follow_tail([row for _, row in sorted(rows.items())])
        if head is not None:
            walk.compare_seal_head(head)
        tail.follow(standing.lanes.heads, standing.lanes.opened)
        tail.compare_ends(closing.members["source"]["last"] if closing else {}, "row_missing")
        tail.compare_ends(self.before.lanes, "verification_rolled_back")

    def _check_fresh(self, closing: Statement | None, tail: Tail) -> None:
        since = closing.members["period"]["to"] if closing else tail.oldest
        if since is not None and since < rfc3339(self.scope.now - OVERDUE_SECONDS):
            self.report.add("digest_overdue", self.scope.prefix, None, since)
        if closing is not None and closing.members["period"]["to"] > rfc3339(self.scope.now + AHEAD_SECONDS):
            self.report.add("digest_ahead", self.scope.prefix, rfc3339(self.scope.now), since)

    def _slice(self, walk: Walk, older: int) -> None:
        """Read a block of the digests up to `older` again, and sweep another; the blocks turn with the days."""
        day = int(self.scope.now // DAY)
        read_again = _block(older, REREAD_DAYS, day)
        again = Walk(self.scope, walk.statements, self.tables, self.report, walk.covered)
        if read_again:
            again.stand_behind(read_again.start - 1)
            for number in read_again:
                again.step(number)
            if read_again.start == 1:
                self._check_start(again)
            self._compare_digest_rows(again)
        for number in _block(older, SWEPT_DAYS, day):
            if number not in read_again:
                again.sweep(number)

    def _compare_digest_rows(self, walk: Walk) -> None:
        rows = self.tables.digest_rows(min(walk.read), max(walk.read)) if walk.read else {}
        for number, statement in walk.read.items():
            if not _row_agrees(rows.get(number), statement):
                code = "seal_row_differs" if number in rows else "seal_row_missing"
                self.report.add(code, f"digest#{self.scope.epoch}#{number}", statement.sha256)


def _block(count: int, days: int, day: int) -> range:
    """Cut 1 to `count` into `days` blocks and give the one of this day; it may be empty."""
    size = -(-count // days)
    start = day % days * size + 1
    return range(start, min(start + size, count + 1))


def _number(row: Row | None, name: str) -> int:
    value = (row or {}).get(name, 0)
    return value if isinstance(value, int) else 0


def _row_agrees(row: Row | None, statement: Statement) -> bool:
    members = statement.members
    expected = {
        "no": statement.number,
        "version_id": statement.version_id,
        "sha256": statement.sha256,
        "tree_size": members["tree"]["size"],
        "root": members["tree"]["root"],
        "watermark": members["watermark"],
        "time_max": members["time_max"],
        "to": members["period"]["to"],
        "unsealed": members["source"]["unsealed"],
    }
    return row is not None and {name: row.get(name) for name in expected} == expected
