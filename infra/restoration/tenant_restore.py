"""One tenant's restore, in its steps; each may be repeated, and whoever breaks off begins again from the first.

1. Read the sealed log of the epoch that ended, and hold it against its signatures. 2. Write the rows of `audit_seals`
again, of what is vouched for. 3. Seal what the old table still holds and what continues the sealed log. 4. Begin the
new epoch. 5. Correct the people, one commit each. 6. Correct what the tenant has beside them; its own row says that
this was the last.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from functions.audit_seal.flow import Sealer
from infra.restoration.operation import Operation
from infra.restoration.people import People
from infra.restoration.seal_rows import SealRows, ending_of
from infra.restoration.sealed_log import SealedLog, Segment, Vault, VaultDisagrees
from infra.restoration.tenant_rows import TenantRows
from infra.restoration.vouching import Past, Vouchers
from shared.audit.epoch import STARTED, Ending, Reason, epoch_started
from shared.domain.restoration import Replay, Trust, replayed
from shared.store.audit_logs import log_tail
from shared.store.transaction import Contended, Refuted

Say = Callable[[str], None]


class RestoreRefused(RuntimeError):
    """The message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`since` None: the tables of people and tenants are as they were, only the log's own are not.

    `apply` False: say what would be done, and do nothing.
    """

    reason: Reason
    since: str | None
    apply: bool


@dataclass(frozen=True, slots=True)
class TenantRestore:
    """`sealer` reads the table of the epoch that ended; None where that table is lost."""

    operation: Operation
    vault: Vault
    sealer: Sealer | None
    wish: Wish
    say: Say

    def run(self, tenant: str) -> Replay:
        """Restore one tenant; gives what its log told. Raises `RestoreRefused`, `VaultDisagrees`, `Contended`."""
        # 1. The sealed log.
        past = self._vouchers(tenant, self._ended).past()
        begun = self._begun(tenant)
        # 2. The rows of audit_seals.
        self._rebuild(tenant, past)
        # 3. What was not sealed yet; the past of an epoch that has begun is settled.
        if not begun and self._seal(tenant):
            past = self._vouchers(tenant, self._ended).past()
        log = past.log
        self._account(tenant, log)
        for segment in past.doubted:
            self._doubt(tenant, segment)
        # 4. The new epoch.
        self._begin(tenant, ending_of(log, self._ended), begun)
        # 5. The people, 6. and the rest.
        replay = self._replay(tenant)
        if self.wish.since is not None:
            self._correct(tenant, replay)
        return replay

    @property
    def _ended(self) -> int:
        return self.operation.epoch - 1

    def _begun(self, tenant: str) -> list[Mapping[str, Any]]:
        """Read what the new epoch holds of `tenant`: nothing, or the events of a restore that was begun."""
        entries = log_tail(self.operation.dynamodb, self.operation.tables.audit_logs, tenant, self.operation.epoch, {})
        events = [json.loads(entry.line) for entry in entries]
        if events and events[0]["action"] != STARTED:
            raise RestoreRefused(f"{tenant}: epoch {self.operation.epoch} began without {STARTED}")
        return events

    def _vouchers(self, tenant: str, epoch: int) -> Vouchers:
        seals = SealRows(self.operation.dynamodb, self.operation.tables.audit_seals, tenant, epoch)
        return Vouchers(self.vault, seals, self.sealer if epoch == self._ended else None)

    def _rebuild(self, tenant: str, past: Past) -> None:
        seals = self._vouchers(tenant, self._ended).rows
        missing, known = seals.missing(past.log, past.reach), seals.of(past.log.up_to(past.reach))
        if self.wish.apply:
            seals.write(missing)
        self.say(f"{tenant}: {len(missing)} of {len(known)} rows of audit_seals {self._done('written')}")

    def _seal(self, tenant: str) -> bool:
        """Seal what continues the log; gives whether the vault may hold more than before."""
        if self.sealer is None:
            return False
        if not self.wish.apply:
            self.say(f"{tenant}: what the old table holds behind the sealed log would be sealed")
            return False
        try:
            segments = self.sealer.seal(tenant)
        except ValueError as broken:
            self.say(f"{tenant}: NOTHING in the old table continues the sealed log: {broken}")
        else:
            self.say(f"{tenant}: {segments} segments sealed from the old table")
        return True

    def _account(self, tenant: str, log: SealedLog) -> None:
        """Say up to where the past is known: what was acknowledged behind it and not sealed is lost."""
        heads = sorted(log.head.lanes.items(), key=lambda named: int(named[0]))
        lanes = ", ".join(f"lane {lane} to {head.seq}" for lane, head in heads) or "nothing"
        signed = f"signed to digest {log.digests[-1]['no']}" if log.digests else "never signed"
        watermark = log.digests[-1]["watermark"] if log.digests else "never"
        self.say(
            f"{tenant}: epoch {self._ended} is sealed: {lanes}, {log.head.frontier.size} events, the last of "
            f"{log.head.time_max or 'no time'}; {signed}, complete up to {watermark}. "
            "LOST is whatever was acknowledged behind that and is not sealed."
        )

    def _doubt(self, tenant: str, segment: Segment) -> None:
        row = segment.row
        self.say(
            f"{tenant}: NOBODY VOUCHES FOR {row['key']} (sha256 {row['sha256_gz']}, {row['events']} events): no digest "
            "signs it, no row of audit_seals has its hash, no old table that was given holds its lines. Of it "
            "only what takes rights away counts. Find out who put it there, and keep the old table."
        )

    def _begin(self, tenant: str, ending: Ending, begun: list[Mapping[str, Any]]) -> None:
        operation, reason = self.operation, self.wish.reason
        event = epoch_started(tenant, ending, reason, operation.actor, operation.now, operation.correlation)
        if begun:
            if {**begun[0]["meta"], "reason": reason} != dict(event.meta):
                raise RestoreRefused(f"{tenant}: epoch {operation.epoch} was begun from another past")
            self.say(f"{tenant}: epoch {operation.epoch} has begun")
            return
        if self.wish.apply and isinstance(operation.ledger.commit(tenant, [], [event]), Refuted):
            raise Contended(f"{tenant}: somebody else begins the epoch")
        self.say(f"{tenant}: epoch {operation.epoch} {self._done('begun')}")

    def _replay(self, tenant: str) -> Replay:
        since = self.wish.since
        return Replay() if since is None else replayed(self._events(tenant, since), since)

    def _events(self, tenant: str, since: str) -> Iterator[tuple[Mapping[str, Any], Trust]]:
        for epoch in range(1, self.operation.epoch):
            vouchers = self._vouchers(tenant, epoch)
            yield from vouchers.told(vouchers.past(), since)

    def _correct(self, tenant: str, replay: Replay) -> None:
        people, rest = People(self.operation, tenant), TenantRows(self.operation, tenant)
        if rest.done():
            self.say(f"{tenant}: corrected before")
            return
        self._refuse_when_let_in(tenant)
        known = set()
        for person in people.read():
            known.add(person.staff_id)
            if person.epoch >= self.operation.epoch:
                continue
            made = people.correct(person, replay) if self.wish.apply else people.planned(person, replay)
            told = ", ".join(("sessions", *made.measures))
            self.say(f"{tenant}: {person.staff_id} {self._done('corrected')}: {told}")
        missing = self._absent(tenant, replay, known, people)
        for what in rest.planned(replay):
            self.say(f"{tenant}: {what} {self._done('corrected')}")
        if self.wish.apply:
            rest.correct(replay, people, missing)

    def _absent(self, tenant: str, replay: Replay, known: AbstractSet[str], people: People) -> int:
        """Serve whom the log knows and the tables do not; gives how many of them must be invited again."""
        missing = 0
        for staff_id in sorted(replay.people.keys() - known):
            told = replay.of(staff_id)
            if told.erased is not None or told.subjects:
                if self.wish.apply:
                    people.erase_absent(staff_id, told)
                self.say(f"{tenant}: {staff_id} {self._done('corrected')}: erased")
            elif told.joined:
                missing += 1
                self.say(f"{tenant}: {staff_id} joined after the restore point and is NOT there: invite him again")
        return missing

    def _refuse_when_let_in(self, tenant: str) -> None:
        """Refuse corrections once people were let in: what they have done since must not be undone."""
        for event in self._begun(tenant):
            if event["actor"]["type"] in {"user", "anonymous"}:
                raise RestoreRefused(f"{tenant}: epoch {self.operation.epoch} has events of people already")

    def _done(self, verb: str) -> str:
        return verb if self.wish.apply else f"to be {verb}"


FAULTS = (RestoreRefused, VaultDisagrees)
