"""Judge one stream record of `audit_logs`.

Rows are put once. The table's roles allow nothing else, so a MODIFY (a put over an existing row included) or a REMOVE
that is not the table's own expiry means that somebody went around them. Expiry of a row that was never sealed is an
alarm too: history would be lost. The stream is a tripwire only; what it misses, the seals and digests still show.

Whoever can put rows can put nonsense, so nothing that a record holds is believed: what cannot be read, and what names
a tenant that there is not, rings the alarm all the same, but no log is written for it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.audit_tripwire.settings import Settings
from shared.audit.canonical import MAX_INTEGER, Json
from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.store.attribute import Row, unmarshal
from shared.store.audit_logs import Head
from shared.store.audit_seals import read_seal_head
from shared.store.outbox import bus_event
from shared.store.tenants import get_tenant
from shared.store.transaction import Ledger
from shared.store.wire import Clock, JsonService

TTL_SERVICE: Final = "dynamodb.amazonaws.com"  # the principal under which DynamoDB removes expired rows
BUS_NAME: Final[str] = "audit_tamper_detected"
_LANE: Final = re.compile(r"(?P<tenant>.+)#(?P<epoch>[0-9]{1,9})#(?P<lane>[0-9]{1,2})", re.DOTALL)
_LEAF: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Tampering:
    """A change that a row of the log must never see; leaf hashes (hex) as the rows claimed them.

    `tenant` is None, `epoch` and `seq` are 0 where the record does not name a row that a writer could have put.
    `record` is the id of the stream record, the same each time it is delivered.
    """

    tenant: str | None
    epoch: int
    lane: str
    seq: int
    change: str
    leaf_before: str | None
    leaf_after: str | None
    record: str


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
        if record["eventName"] == "REMOVE" and _by_expiry(record) and self._sealed(found):
            return None
        # 3. Everything else is an alarm.
        return found

    def _sealed(self, found: Tampering) -> bool:
        """Tell whether the row was sealed, in the epoch and lane that it names."""
        if found.tenant is None:
            return False
        try:
            head = read_seal_head(self.dynamodb, self.settings.audit_seals_table, found.tenant, found.epoch)
        except (KeyError, TypeError, ValueError, AttributeError):  # a row of `audit_seals` that nobody of us wrote
            return False
        return found.seq <= head.lanes.get(found.lane, Head()).seq

    def report(self, found: Tampering) -> bool:
        """Write AUDIT_TAMPER_DETECTED into the very log that was touched: appending still works, and is sealed next.

        Says whether there is such a log. Of an earlier epoch the log of this one tells. A record that is delivered
        again tells nothing more.
        """
        tenant = found.tenant
        if tenant is None or get_tenant(self.dynamodb, self.settings.tenants_table, tenant) is None:
            return False
        now = self.clock()
        place: dict[str, Json] = {"epoch": found.epoch, "lane": found.lane, "seq": found.seq}
        event = Draft(
            event_id=new_event_id(now),
            action="AUDIT_TAMPER_DETECTED",
            outcome="failure",
            reason=found.change,
            actor=Actor("system", "audit_tripwire"),
            resource=f"audit_log/{tenant}/e{found.epoch}/lane/{found.lane}/{found.seq}",
            context=system_context("stream"),
            meta={**place, "leaf_before": found.leaf_before, "leaf_after": found.leaf_after},
        )
        told = bus_event(
            self.settings.outbox_table,
            tenant,
            BUS_NAME,
            now,
            staff_id=None,
            correlation=found.record,
            detail={"change": found.change, **place},
            effect_id=f"tamper-{found.record}",
        )
        # Refuted: the effect is there, so this record was told before.
        self.ledger.commit(tenant, [told], [event])
        return True


def _tampering(record: Mapping[str, Any]) -> Tampering:
    """Read whose row changed. Keys and images may hold anything that DynamoDB takes."""
    image = record["dynamodb"]
    keys = _row(image.get("Keys"))
    before, after = _row(image.get("OldImage")), _row(image.get("NewImage"))
    named = _LANE.fullmatch(str(keys.get("log_lane")))
    seq = keys.get("seq")
    known = named is not None and isinstance(seq, int) and 1 <= seq <= MAX_INTEGER
    return Tampering(
        tenant=named["tenant"] if named and known else None,
        epoch=int(named["epoch"]) if named and known else 0,
        lane=named["lane"] if named and known else "",
        seq=seq if isinstance(seq, int) and known else 0,
        change=str(record["eventName"]),
        leaf_before=_leaf(before),
        leaf_after=_leaf(after),
        record=hashlib.sha256(str(record.get("eventID")).encode()).hexdigest()[:26],
    )


def _row(image: Mapping[str, Any] | None) -> Row:
    try:
        return unmarshal(image or {})
    except (ValueError, TypeError, AttributeError):  # a number with a fraction, say
        return {}


def _leaf(row: Row) -> str | None:
    """Give the leaf hash that a row claims, if it has the form of one."""
    leaf = row.get("leaf")
    return leaf if isinstance(leaf, str) and _LEAF.fullmatch(leaf) else None


def _by_expiry(record: Mapping[str, Any]) -> bool:
    identity = record.get("userIdentity") or {}
    return identity.get("type") == "Service" and identity.get("principalId") == TTL_SERVICE
