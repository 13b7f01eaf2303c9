"""Judge one stream record of `audit_logs`.

Rows are put once. The table's roles allow nothing else, so a MODIFY (a put over an existing row included) or a REMOVE
that is not the table's own expiry means that somebody went around them. Expiry of a row that was never sealed is an
alarm too: history would be lost. The stream is a tripwire only; what it misses, the seals and digests still show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.audit_tripwire.settings import Settings
from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.store.attribute import unmarshal
from shared.store.audit_logs import Head
from shared.store.audit_seals import read_seal_head
from shared.store.transaction import Committed, Ledger
from shared.store.wire import Clock, JsonService

TTL_SERVICE = "dynamodb.amazonaws.com"  # the principal under which DynamoDB removes expired rows


@dataclass(frozen=True, slots=True)
class Tampering:
    """A change that a row of the log must never see; leaf hashes (hex) as the rows claimed them."""

    tenant: str
    epoch: int
    lane: str
    seq: int
    change: str
    leaf_before: str | None
    leaf_after: str | None


@dataclass(frozen=True, slots=True)
class Tripwire:
    dynamodb: JsonService
    ledger: Ledger
    settings: Settings
    clock: Clock

    def judge(self, record: Mapping[str, Any]) -> Tampering | None:
        """Tell whether a stream record shows tampering; `None` for an append or a due expiry."""
        # 1. Appending is what the table is for.
        if record["eventName"] == "INSERT":
            return None
        found = _tampering(record)
        # 2. Expiry is expected, of rows that are sealed.
        if record["eventName"] == "REMOVE" and _by_expiry(record):
            table = self.settings.audit_seals_table
            head = read_seal_head(self.dynamodb, table, found.tenant, found.epoch)
            if found.seq <= head.lanes.get(found.lane, Head()).seq:
                return None
        # 3. Everything else is an alarm.
        return found

    def report(self, found: Tampering) -> None:
        """Write AUDIT_TAMPER_DETECTED into the very log that was touched: appending still works, and is sealed next."""
        now = self.clock()
        event = Draft(
            event_id=new_event_id(now),
            action="AUDIT_TAMPER_DETECTED",
            outcome="failure",
            reason=found.change,
            actor=Actor("system", "audit_tripwire"),
            resource=f"audit_log/{found.tenant}/e{found.epoch}/lane/{found.lane}/{found.seq}",
            context=system_context("stream"),
            meta={
                "lane": found.lane,
                "seq": found.seq,
                "leaf_before": found.leaf_before,
                "leaf_after": found.leaf_after,
            },
        )
        if not isinstance(self.ledger.commit(found.tenant, (), [event]), Committed):
            raise RuntimeError("an event without conditions was refuted")  # noqa: TRY004 - no caller's type is wrong


def _tampering(record: Mapping[str, Any]) -> Tampering:
    image = record["dynamodb"]
    keys = unmarshal(image["Keys"])
    tenant, epoch, lane = keys["log_lane"].rsplit("#", 2)
    before, after = (unmarshal(image.get(side, {})) for side in ("OldImage", "NewImage"))
    return Tampering(tenant, int(epoch), lane, keys["seq"], record["eventName"], before.get("leaf"), after.get("leaf"))


def _by_expiry(record: Mapping[str, Any]) -> bool:
    identity = record.get("userIdentity") or {}
    return identity.get("type") == "Service" and identity.get("principalId") == TTL_SERVICE
