"""Whose address a mail goes to: read when it goes out, so that no effect ever names one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.store.invites import OPEN, invite_key
from shared.store.item import get
from shared.store.outbox import INVITATION
from shared.store.tenant_staff import profile_key

if TYPE_CHECKING:
    from shared.store.attribute import Row
    from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class Recipient:
    """`address` is as it was typed; `name` is empty of somebody who has told none."""

    address: object
    name: str


@dataclass(frozen=True, slots=True)
class AddressBook:
    dynamodb: JsonService
    tenant_staff_table: str
    invites_table: str

    def of(self, effect: Row) -> Recipient | None:
        """Find who is written to: the invited one, or the person. None of an erased person or a closed invite."""
        tenant, payload = effect["tenant"], effect["payload"]
        if effect["kind"] == INVITATION:
            row = get(self.dynamodb, self.invites_table, invite_key(tenant, payload["invite_id"]))
            if row is not None and row["status"] != OPEN:
                return None
        else:
            row = get(self.dynamodb, self.tenant_staff_table, profile_key(tenant, payload["staff_id"]))
        if row is None or not row.get("email"):
            return None
        return Recipient(row["email"], str(row.get("name") or ""))
