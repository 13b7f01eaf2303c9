"""`ip_rules`: the address rules of a tenant, one row a rule; and what the tenant's own row says of them.

| attribute | what it holds |
| --- | --- |
| `tenant`, `rule_id` | the key |
| `cidr`, `action` | the network in its one spelling, `allow` or `deny` |
| `note` | what its author wrote beside it; absent where nothing |
| `created_by`, `created_at` | staff id, Unix seconds |
| `pending`, `confirm_before` | `creation` or `deletion` until it is confirmed, and how long it counts unconfirmed |

| attribute of `tenants` | what it holds |
| --- | --- |
| `ip_rules_version` | grows with each change of a rule, in its commit; absent where there never was one |
| `ip_rules_due` | when the next unconfirmed change lapses (Unix seconds); absent while nothing waits |
| `ip_rules_suspended_at` | since when an operator has suspended all rules (Unix seconds); absent otherwise |

Every change is conditional on the version that was read before the rules were: of two at once, one is decided anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from shared.domain.ip_rule import Network, Rule, due_at, network_of
from shared.store.attribute import Row
from shared.store.condition import Clause, absent, equals, present
from shared.store.item import Item, delete, put, query, update
from shared.store.tenants import ip_rules_version, tenant_key
from shared.store.wire import JsonService

DUE = "ip_rules_due"


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule with what its author left beside it."""

    rule: Rule
    note: str | None
    created_by: str
    created_at: int

    @property
    def rule_id(self) -> str:
        return self.rule.rule_id

    def settled(self) -> StoredRule:
        """Give the rule as it is once its pending change is undone or confirmed, where it stays at all."""
        return replace(self, rule=replace(self.rule, pending=None, confirm_before=0))


def read_rules(dynamodb: JsonService, table: str, tenant: str) -> list[StoredRule]:
    """Read all rules of a tenant, oldest first."""
    rows = query(dynamodb, table, equals("tenant", tenant))
    return sorted(map(_rule_of, rows), key=lambda stored: (stored.created_at, stored.rule_id))


def _rule_of(row: Row) -> StoredRule:
    match network_of(row["cidr"]):
        case Network() as network:
            rule = Rule(row["rule_id"], network, row["action"], row.get("pending"), row.get("confirm_before", 0))
            return StoredRule(rule, row.get("note"), row["created_by"], row["created_at"])
        case _:
            raise RuntimeError(f"rule {row['rule_id']} holds no network")


def rule_written(table: str, tenant: str, stored: StoredRule, *, new: bool = False) -> Item:
    """Put a rule (label "rule"): a `new` one where there is none, a changed one in the place of itself."""
    rule = stored.rule
    row: dict[str, Any] = {
        "tenant": tenant,
        "rule_id": rule.rule_id,
        "cidr": str(rule.network),
        "action": rule.action,
        "created_by": stored.created_by,
        "created_at": stored.created_at,
    }
    if stored.note is not None:
        row["note"] = stored.note
    if rule.pending is not None:
        row |= {"pending": rule.pending, "confirm_before": rule.confirm_before}
    return put(table, row, absent("tenant") if new else present("tenant"), label="rule")


def rule_deleted(table: str, tenant: str, rule_id: str) -> Item:
    return delete(table, {"tenant": tenant, "rule_id": rule_id}, present("tenant"), label="rule")


def rules_changed(table: str, row: Row, after: Iterable[Rule]) -> Item:
    """Count a change in the tenant's row (label "tenant"); refuted when `row` is not what it was.

    `after` are all rules as they are from then on.
    """
    due = due_at(after)
    return update(
        table,
        tenant_key(row["tenant"]),
        equals("status", row["status"]),
        unchanged(row),
        set_={"ip_rules_version": ip_rules_version(row) + 1, **({} if due is None else {DUE: due})},
        remove=(DUE,) if due is None else (),
        label="tenant",
    )


def unchanged(row: Row) -> Clause:
    """Say that no rule has changed since a tenant's row was read."""
    version = ip_rules_version(row)
    return equals("ip_rules_version", version) if version else absent("ip_rules_version")


def rules_suspended(table: str, row: Row, now: float | None) -> Item:
    """Suspend all rules of a tenant from `now` on, or put them in force again (None); label "tenant"."""
    return update(
        table,
        tenant_key(row["tenant"]),
        present("tenant"),
        unchanged(row),
        set_={
            "ip_rules_version": ip_rules_version(row) + 1,
            **({} if now is None else {"ip_rules_suspended_at": int(now)}),
        },
        remove=("ip_rules_suspended_at",) if now is None else (),
        label="tenant",
    )
