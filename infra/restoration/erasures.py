"""Erasures that restored tables do not know, done again as the route of the owners does them (functions/erasure).

Rules of this module
- What PII_ERASED names goes, and what restored tables hold of the same address besides: an invite whose row and salt
  had expired when he was erased is back, and no event names it.
- Nobody who is there loses his salt, whatever else names it.
- The rest is the product's own sweep's: an order of `erasures` is open again, whatever became of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from functions.erasure.subject import ids_of_address, nobodies
from infra.restoration.operation import Operation
from shared.audit.canonical import Json
from shared.audit.event import Target
from shared.audit.moment import unix_seconds
from shared.domain.restoration import ERASED as TOMBSTONE
from shared.domain.restoration import Erased, Told
from shared.store.attribute import Row
from shared.store.condition import absent, equals
from shared.store.erasures import Erasure, erasure_key, erasure_of, ordered_again
from shared.store.identities import identities_of
from shared.store.invites import invites_of
from shared.store.item import Item, delete, get, put
from shared.store.subject_keys import forgotten, salt_rows
from shared.store.tenant_staff import email_key, gate_key, identity_key

_TOGETHER: Final = 60  # salts of one commit, which takes a hundred items


@dataclass(frozen=True, slots=True)
class Erasures:
    operation: Operation
    tenant: str

    def subjects(self, staff_id: str, told: Told, rows: Mapping[str, Row]) -> tuple[str, ...]:
        """Name whose salts go besides his own; `rows` are the person's, by their names, none where he never came."""
        if not told.subjects and told.erased is None:
            return ()
        named = {*told.subjects}
        if told.erased is not None and rows.get(f"{staff_id}#gate", {}).get("status") != TOMBSTONE:
            named |= self._of_address(staff_id, rows)
        table, dynamodb = self.operation.tables.tenant_staff, self.operation.dynamodb
        return tuple(nobodies(dynamodb, table, self.tenant, named - {staff_id}))

    def forget(self, staff_id: str, subjects: Sequence[str]) -> None:
        """Take the salts of the invites to a person, as many commits as it needs; what is gone is gone."""
        there = {row["subject"] for row in self._salts()}
        others = [one for one in subjects if one in there]
        for at in range(0, len(others), _TOGETHER):
            some = others[at : at + _TOGETHER]
            items = [forgotten(self.operation.tables.subject_keys, self.tenant, one) for one in some]
            told: list[Json] = list(some)
            self._commit(staff_id, items, {"measures": ["salts"], "subjects": told})

    def ended(self, staff_id: str, erased: Erased, subjects: Sequence[str], rows: Mapping[str, Row]) -> Iterator[Item]:
        """Take away what stands beside the gate, and order the rest to go."""
        table = self.operation.tables.tenant_staff
        yield forgotten(self.operation.tables.subject_keys, self.tenant, staff_id)
        for digest in identities_of(rows.get(f"{staff_id}#identities")).links:
            yield delete(table, identity_key(self.tenant, digest), label="identity")
        for item in sorted(rows.keys() - {f"{staff_id}#gate"}):
            yield delete(table, {"tenant": self.tenant, "item": item}, label="row")
        yield from self._address(staff_id, rows)
        yield self._order(staff_id, erased, subjects)

    def tombstone(self, staff_id: str, erased: Erased, subjects: Sequence[str]) -> None:
        """End somebody whom the restored tables do not have: whoever holds an invite of his may not come any more."""
        operation = self.operation
        row = {
            **gate_key(self.tenant, staff_id),
            "status": TOMBSTONE,
            "role": "",
            "session_version": 1,
            "epoch": operation.epoch,
        }
        gate = put(operation.tables.tenant_staff, row, absent("tenant"), label="gate")
        items = [gate, *self.ended(staff_id, erased, subjects, {})]
        self._commit(staff_id, items, {"measures": ["erased"]})

    def _commit(self, staff_id: str, items: Sequence[Item], meta: Mapping[str, Json]) -> None:
        operation = self.operation
        event = operation.event(f"tenant_staff/{staff_id}", Target("user", staff_id), meta=meta)
        operation.commit(self.tenant, items, event)

    def _of_address(self, staff_id: str, rows: Mapping[str, Row]) -> set[str]:
        invites = list(invites_of(self.operation.dynamodb, self.operation.tables.invites, self.tenant))
        profile = rows.get(f"{staff_id}#profile")
        own = next((one.email for one in invites if one.staff_id == staff_id), None)
        address = own if profile is None else str(profile["email"])
        if address is None:
            return set()
        return ids_of_address(self.tenant, address, {row["subject"]: row for row in self._salts()}, invites)

    def _salts(self) -> Iterator[Row]:
        yield from salt_rows(self.operation.dynamodb, self.operation.tables.subject_keys, self.tenant)

    def _address(self, staff_id: str, rows: Mapping[str, Row]) -> Iterator[Item]:
        """Let the address go where it is his still."""
        if (profile := rows.get(f"{staff_id}#profile")) is None:
            return
        table, key = self.operation.tables.tenant_staff, email_key(self.tenant, str(profile["email"]))
        row = get(self.operation.dynamodb, table, key)
        if row is not None and row["staff_id"] == staff_id:
            yield delete(table, key, equals("staff_id", staff_id), label="email")

    def _order(self, staff_id: str, erased: Erased, subjects: Sequence[str]) -> Item:
        table = self.operation.tables.erasures
        before = get(self.operation.dynamodb, table, erasure_key(self.tenant, staff_id))
        known = () if before is None else erasure_of(before).subjects
        everything = tuple(sorted({staff_id, *subjects, *known}))
        erasure = Erasure(self.tenant, staff_id, everything, int(unix_seconds(erased.at)), erased.event_id)
        return ordered_again(table, erasure)
