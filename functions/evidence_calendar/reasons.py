"""Why something was waived: sealed as the personal text of whoever wrote it, in the event and in the row alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.audit.canonical import Json
from shared.edge.guard import Principal
from shared.edge.provenance import sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.subject_keys import salt_of
from shared.store.wire import JsonService

ERASED: Final = "[erased]"


@dataclass(frozen=True, slots=True)
class Reasons:
    dynamodb: JsonService
    subject_keys_table: str
    data_keys: DataKeys

    def sealed(
        self, request: Request, principal: Principal, event_id: str, reason: str
    ) -> tuple[tuple[Mapping[str, Json], ...], Mapping[str, Json] | None]:
        """Give the `personal` of the event, and of it the entry that holds the reason."""
        acting = principal.acting
        personal = self.data_keys.personal_data(acting.tenant, principal.tenant["data_key_sealed"])
        salt = salt_of(self.dynamodb, self.subject_keys_table, acting.tenant, acting.staff_id)
        if salt is None:
            return (), None
        whence = sealed_unless_erased(personal, salt, acting.staff_id, event_id, request)
        # The same person once more: `of` says whom a text is about, and this one is about nobody else.
        entry = personal.entry(salt, subject=acting.staff_id, of="target", event_id=event_id, values={"reason": reason})
        return (*whence, entry), entry

    def opened(self, principal: Principal, waiver: Row) -> str:
        """Read a reason; of somebody who was erased nothing is left."""
        tenant, entry = principal.acting.tenant, waiver.get("entry")
        salt = salt_of(self.dynamodb, self.subject_keys_table, tenant, waiver["by"])
        if salt is None or entry is None:
            return ERASED
        personal = self.data_keys.personal_data(tenant, principal.tenant["data_key_sealed"])
        values: Mapping[str, Any] = personal.disclose(salt, entry, waiver["event_id"]).values
        return str(values["reason"])
