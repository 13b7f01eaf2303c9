"""Every two minutes: what the address rules have left open is settled, on the record.

1. Changes that nobody confirmed in time are undone: IP_RULE_UPDATED, reason REVERTED. They have not counted since their
time was up, whether or not this has run; a tenant whose row names none costs nothing but the walk over the tenants.
2. Refusals that were counted behind an event and whose minute is over are told: IP_RULE_ENFORCED, with their number.
Without any, the table is empty.

Each step is one commit on what was read, so of two runs at once one does it, and a run that breaks leaves the rest to
the next one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from functions.address_sweep.settings import Settings
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.domain.ip_rule import CREATION
from shared.domain.session import UNKNOWN_COUNTRY
from shared.store.attribute import Row
from shared.store.ip_denials import denials, drop, over, removed
from shared.store.ip_rules import DUE, StoredRule, read_rules, rule_deleted, rule_written, rules_changed
from shared.store.item import Item, batch_get
from shared.store.outbox import bus_event
from shared.store.tenant_notes import notes
from shared.store.tenants import ip_rules_version, serve_each, tenant_key
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService

BUS_NAME: Final = "ip_rule_changed"
_TOGETHER: Final = 40  # rules of one commit: an item and an event each, of the hundred that a transaction takes
_ACTOR: Final = Actor("system", "address_sweep")


@dataclass(frozen=True, slots=True)
class Done:
    undone: int
    told: int


@dataclass(frozen=True, slots=True)
class AddressSweep:
    dynamodb: JsonService
    ledger: Ledger
    settings: Settings
    clock: Callable[[], float]

    def run(self) -> Done:
        """Settle everything that is due; raises the faults of single tenants after all others were served."""
        now = self.clock()
        try:
            # 1. Undo.
            waiting = [
                tenant for tenant, due in notes(self.dynamodb, self.settings.tenants_table, DUE) if due and due <= now
            ]
            undone = sum(serve_each(waiting, lambda tenant: self._undo(tenant, now)).values())
        finally:
            # 2. Tell, whatever became of the first step.
            told = self._tell_all(now)
        return Done(undone, told)

    def _undo(self, tenant: str, now: float) -> int:
        tables = self.settings
        row = batch_get(self.dynamodb, {tables.tenants_table: [tenant_key(tenant)]})[tables.tenants_table][0]
        rules = read_rules(self.dynamodb, tables.ip_rules_table, tenant)
        lapsed = [stored for stored in rules if stored.rule.lapsed(now)][:_TOGETHER]
        if not lapsed:
            return 0
        after = [kept for stored in rules if (kept := _undone(stored) if stored in lapsed else stored)]
        changed = rules_changed(tables.tenants_table, row, [stored.rule for stored in after])
        items = [changed, *(self._item(tenant, stored) for stored in lapsed), self._message(tenant, lapsed, now)]
        events = [_reverted(stored, ip_rules_version(row) + 1, now) for stored in lapsed]
        if isinstance(self.ledger.commit(tenant, items, events), Refuted):
            return 0  # somebody changed the rules meanwhile: the next run looks again
        return len(lapsed)

    def _item(self, tenant: str, stored: StoredRule) -> Item:
        kept = _undone(stored)
        table = self.settings.ip_rules_table
        return rule_deleted(table, tenant, stored.rule_id) if kept is None else rule_written(table, tenant, kept)

    def _message(self, tenant: str, lapsed: Sequence[StoredRule], now: float) -> Item:
        detail: dict[str, Json] = {
            "event": "IP_RULE_UPDATED",
            "reason": "REVERTED",
            "rule_ids": [stored.rule_id for stored in lapsed],
        }
        table, correlation = self.settings.outbox_table, new_event_id(now)
        return bus_event(table, tenant, BUS_NAME, now, staff_id=None, correlation=correlation, detail=detail)

    def _tell_all(self, now: float) -> int:
        by_tenant: dict[str, list[Row]] = {}
        for row in denials(self.dynamodb, self.settings.ip_denials_table):
            if over(row, now):
                by_tenant.setdefault(row["tenant"], []).append(row)
        served = serve_each(by_tenant, lambda tenant: sum(self._tell(row, now) for row in by_tenant[tenant]))
        return sum(served.values())

    def _tell(self, row: Row, now: float) -> int:
        """Tell of what one row holds, and take the row away."""
        table = self.settings.ip_denials_table
        if not row["folded"]:
            drop(self.dynamodb, table, row)
            return 0
        outcome = self.ledger.commit(row["tenant"], [removed(table, row)], [_folded(row, now)])
        return 0 if isinstance(outcome, Refuted) else int(row["folded"])


def _undone(stored: StoredRule) -> StoredRule | None:
    return None if stored.rule.pending == CREATION else stored.settled()


def _reverted(stored: StoredRule, version: int, now: float) -> Draft:
    made = stored.rule.pending == CREATION
    told: dict[str, Json] = {"cidr": str(stored.rule.network), "action": stored.rule.action}
    pending = {"status": "provisional" if made else "deleting", "confirm_before": rfc3339(stored.rule.confirm_before)}
    return Draft(
        event_id=new_event_id(now),
        action="IP_RULE_UPDATED",
        outcome="success",
        actor=_ACTOR,
        resource=f"ip_rules/{stored.rule_id}",
        context=system_context("schedule"),
        reason="REVERTED",
        targets=(Target("ip_rule", stored.rule_id),),
        change={"before": {**told, **pending}, "after": None if made else {**told, "status": "active"}},
        meta={"version": version, "effective_at": rfc3339(stored.rule.confirm_before)},
    )


def _folded(row: Row, now: float) -> Draft:
    """Write the end of a burst: the address stands sealed in the event that it was folded behind."""
    place = {"ip_net": row["network"], "country": None if row["country"] == UNKNOWN_COUNTRY else row["country"]}
    rule: dict[str, Json] = {"rule_id": row["rule_id"]} if "rule_id" in row else {}
    return Draft(
        event_id=new_event_id(now),
        action="IP_RULE_ENFORCED",
        outcome="denied",
        actor=Actor("anonymous", None),
        resource="ip_rules",
        context={**system_context("schedule"), **place},
        reason=row["reason"],
        meta={"folded": row["folded"], "folded_behind": row["event_id"], **rule},
    )
