"""What a tenant has beside its people, after a restore: invites, address rules, connections, settings, its owners.

Rules of this module
- Every open invite is revoked: whether it was used or withdrawn in what was lost, nobody knows. To ask again is cheap.
- A connection that the log tells of since is switched off, or removed where the log says so: what it was changed to
  (client secret, domains) stands in no log. An administrator looks at it and switches it on.
- Address rules and settings stand in the log with all that they are, and are replayed. Rules that an operator had
  suspended come back in force: the log may not know that they were resumed.
- A legal hold stays, or comes back, wherever the log does not say that it was released. Why, nobody can read out of the
  log without the person's salt: the row says that it was restored, and the log keeps the reason.
- The tenant's own row is written last: `restore_epoch` says that nothing of this restore is left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infra.restoration.holds import Holds
from infra.restoration.operation import Change, Operation
from infra.restoration.people import People
from shared.audit.event import Target
from shared.audit.moment import unix_seconds
from shared.domain.ip_rule import Network, due_at, network_of
from shared.domain.ip_rule import Rule as AddressRule
from shared.domain.restoration import Replay, Rule
from shared.domain.session import ACTIVE
from shared.store.attribute import Row
from shared.store.condition import equals, present
from shared.store.invites import OPEN, invites_of, revoked
from shared.store.ip_rules import StoredRule, read_rules, rule_deleted, rule_written
from shared.store.item import Item, delete, put, update
from shared.store.sso_connections import (
    Connection,
    connections_of,
    domain_key,
    removed_connection,
    stored_connection,
)
from shared.store.tenant_staff import OWNER, owners_key
from shared.store.tenants import get_tenant, ip_rules_version, tenant_key

REVOKED_BY_RESTORE: Final = "restore"
RESTORED: Final = "restore_epoch"
_TOGETHER: Final = 30  # rows of one commit: a transaction takes a hundred items, and an invite is two
_SETTING_GROUPS: Final = frozenset({"risk_weights", "risk_modes"})


@dataclass(frozen=True, slots=True)
class TenantRows:
    operation: Operation
    tenant: str

    def done(self) -> bool:
        row = get_tenant(self.operation.dynamodb, self.operation.tables.tenants, self.tenant)
        return row is not None and row.get(RESTORED, 1) >= self.operation.epoch

    def planned(self, replay: Replay) -> list[str]:
        """Name what would be corrected."""
        return [what for what, _ in self._changes(replay)]

    def correct(self, replay: Replay, people: People, missing: int) -> None:
        """Commit the corrections, a few rows at a time, and then the tenant's own row; `missing` people are told."""
        operation, target = self.operation, Target("tenant", self.tenant)
        changes = list(self._changes(replay))
        for batch in _batches(changes):
            items = [item for _, own in batch for item in own]
            meta = {"measures": [what for what, _ in batch]}
            operation.commit(self.tenant, items, operation.event(f"tenants/{self.tenant}", target, meta=meta))
        row = get_tenant(operation.dynamodb, operation.tables.tenants, self.tenant)
        if row is None:
            raise RuntimeError(f"tenant {self.tenant} is gone")
        owners = sum((person.gate.status, person.gate.role) == (ACTIVE, OWNER) for person in people.read())
        policy = settled(row["policy"], replay.settings)
        last = operation.event(
            f"tenants/{self.tenant}",
            target,
            change=None if policy == row["policy"] else {"before": row["policy"], "after": policy},
            meta={"measures": ["complete"], "owners": owners, "missing_people": missing},
        )
        operation.commit(self.tenant, [self._own_row(row, policy, replay), self._owners(owners)], last)

    def _changes(self, replay: Replay) -> Iterator[Change]:
        yield from self._invites()
        yield from self._rules(replay)
        yield from self._connections(replay)
        yield from Holds(self.operation, self.tenant).changes(replay.holds)

    def _invites(self) -> Iterator[Change]:
        operation = self.operation
        table, now = operation.tables.invites, int(operation.now)
        for invite in invites_of(operation.dynamodb, table, self.tenant):
            if invite.status == OPEN:
                yield f"invite/{invite.invite_id}", revoked(table, invite, now, REVOKED_BY_RESTORE)

    def _rules(self, replay: Replay) -> Iterator[Change]:
        table = self.operation.tables.ip_rules
        found = {stored.rule_id: stored for stored in read_rules(self.operation.dynamodb, table, self.tenant)}
        for rule_id, told in replay.rules.items():
            before, after = found.get(rule_id), _rule(rule_id, told, found.get(rule_id))
            if before == after:
                continue
            if after is None:
                yield f"rule/{rule_id}", (rule_deleted(table, self.tenant, rule_id),)
            else:
                yield f"rule/{rule_id}", (rule_written(table, self.tenant, after, new=before is None),)

    def _connections(self, replay: Replay) -> Iterator[Change]:
        table = self.operation.tables.sso_connections
        for connection in connections_of(self.operation.dynamodb, table, self.tenant):
            removed = replay.connections.get(connection.connection_id)
            if removed:
                released = (delete(table, domain_key(name)) for name in sorted(connection.verified_domains))
                yield f"connection/{connection.connection_id}", (removed_connection(table, connection), *released)
            elif removed is not None and (connection.enabled or connection.provisioning):
                off = self._switched_off(connection, replay)
                yield f"connection/{connection.connection_id}", (stored_connection(table, connection, off),)

    def _switched_off(self, connection: Connection, replay: Replay) -> Connection:
        version = max(connection.version, replay.versions.get(connection.connection_id, 0)) + 1
        return connection._replace(
            enabled=False, provisioning=False, version=version, changed_at=int(self.operation.now)
        )

    def _own_row(self, row: Row, policy: Mapping[str, Any], replay: Replay) -> Item:
        rules = read_rules(self.operation.dynamodb, self.operation.tables.ip_rules, self.tenant)
        due = due_at([stored.rule for stored in rules])
        version = max(ip_rules_version(row), replay.versions.get("ip_rules", 0))
        set_: dict[str, Any] = {
            "policy": dict(policy),
            "policy_version": row["policy_version"] + len(replay.settings) + 1,
            "policy_changed_at": int(self.operation.now),
            RESTORED: self.operation.epoch,
        }
        if version:
            set_["ip_rules_version"] = version + 1
        if due is not None:
            set_["ip_rules_due"] = due
        return update(
            self.operation.tables.tenants,
            tenant_key(self.tenant),
            present("tenant"),
            equals("policy_version", row["policy_version"]),
            set_=set_,
            remove=("ip_rules_suspended_at", *(("ip_rules_due",) if due is None else ())),
            label="tenant",
        )

    def _owners(self, active: int) -> Item:
        return put(self.operation.tables.tenant_staff, {**owners_key(self.tenant), "active": active}, label="owners")


def settled(policy: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Replay changes of settings over what a tenant has of its own: of groups the named members change."""
    after = dict(policy)
    for change in changes:
        for name, value in change.items():
            after[name] = {**after.get(name, {}), **value} if name in _SETTING_GROUPS else value
    return after


def _rule(rule_id: str, told: Rule, before: StoredRule | None) -> StoredRule | None:
    """Give a rule as the log has it; what its author wrote beside it stays where the table still has it."""
    if told.cidr is None:
        return None
    network = network_of(told.cidr)
    if not isinstance(network, Network) or told.action not in {"allow", "deny"}:
        raise RuntimeError(f"the log tells of a rule {rule_id} that is none")
    rule = AddressRule(rule_id, network, "deny" if told.action == "deny" else "allow")
    if before is not None:
        return StoredRule(rule, before.note, before.created_by, before.created_at)
    return StoredRule(rule, None, told.author, int(unix_seconds(told.at)))


def _batches(changes: list[Change]) -> Iterator[list[Change]]:
    for first in range(0, len(changes), _TOGETHER):
        yield changes[first : first + _TOGETHER]
