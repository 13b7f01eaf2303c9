"""What an administrator writes about a person, sealed into an event beside where the administrator acted from."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.audit.canonical import Json
from shared.edge.guard import Principal
from shared.edge.provenance import sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.item import batch_get
from shared.store.subject_keys import subject_key
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class SealedWords:
    dynamodb: JsonService
    subject_keys_table: str
    data_keys: DataKeys

    def personal(
        self, request: Request, principal: Principal, event_id: str, about: str | None = None, reason: str | None = None
    ) -> tuple[Mapping[str, Json], ...]:
        """Give the `personal` of an event. `reason` is sealed under the salt of the person whom it is `about`.

        Without one it is of nobody else, and sealed under the administrator's own. Of the erased nothing is written.
        """
        acting, tenant = principal.acting, principal.tenant
        whose = about or acting.staff_id
        keys = [subject_key(acting.tenant, one) for one in sorted({whose, acting.staff_id})]
        found = batch_get(self.dynamodb, {self.subject_keys_table: keys})[self.subject_keys_table]
        salts = {row["subject"]: row["salt"] for row in found}
        sealer = self.data_keys.personal_data(acting.tenant, tenant["data_key_sealed"])
        whence = sealed_unless_erased(sealer, salts.get(acting.staff_id), acting.staff_id, event_id, request)
        if reason is None or whose not in salts:
            return whence
        values = {"reason": reason}
        return (*whence, sealer.entry(salts[whose], subject=whose, of="target", event_id=event_id, values=values))
