"""A refusal by the address rules on the record: IP_RULE_ENFORCED, at most once an address, tenant and minute.

1. Where the address has its event in this minute already, the refusal is counted behind it, and that is all. 2. Else
read what an event needs: the tenant, the salt, and what was folded before. 3. Commit the event, which takes over that
number, and begin to fold behind it. 4. Refuse.

What is folded at the end of a burst is told by the sweep (functions/address_sweep). Whoever is signed in is sealed
under his own salt; an address that has proved nothing is sealed as that of an unknown person of the month.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, NoReturn

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, new_event_id
from shared.domain.ip_rule import Refusal
from shared.edge.address_rules import Origin
from shared.edge.problem import Refused, invalid_token, ip_denied
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.ip_denials import Told, counts_now, denial_key, folded, told
from shared.store.item import Item, batch_get
from shared.store.subject_keys import new_salt_item, subject_key, unknown_subject
from shared.store.tenants import ip_rules_version, tenant_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService, Unavailable

_ATTEMPTS: Final = 6  # of an address that is refused many times at once, one tells and the others count
_NOBODY: Final = Actor("anonymous", None)


@dataclass(frozen=True, slots=True)
class DenialTables:
    tenants: str
    subject_keys: str
    ip_denials: str


class _Read(NamedTuple):
    tenant: Row
    salt: bytes | None
    before: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denials:
    dynamodb: JsonService
    tables: DenialTables
    ledger: Ledger
    data_keys: DataKeys

    def deny(self, request: Request, tenant: str, refusal: Refusal, origin: Origin | None) -> NoReturn:
        """Record, then raise `Refused`: 403 ip_denied, or 401 where the session died meanwhile."""
        key, now = denial_key(tenant, request.viewer.address), request.now
        for _ in range(_ATTEMPTS):
            # 1. Count, or 2. and 3. tell.
            if folded(self.dynamodb, self.tables.ip_denials, key, now):
                raise ip_denied()
            outcome = self._tell(request, tenant, refusal, origin, key)
            if outcome is not None:
                # 4. Refuse.
                raise outcome
        raise Contended("the refusals of an address kept changing")

    def _tell(
        self, request: Request, tenant: str, refusal: Refusal, origin: Origin | None, key: dict[str, str]
    ) -> Refused | None:
        """Commit the event; None when another request was faster, so that it must be decided anew."""
        subject = unknown_subject(request.now) if origin is None else origin.subject
        read = self._read(tenant, subject, key)
        if read.before is not None and counts_now(read.before, request.now):
            return None  # a commit was under way on the row: it is counted there, and not told twice
        items, salt = list[Item](), read.salt
        if salt is None and origin is None:
            salt, item = new_salt_item(self.tables.subject_keys, tenant, subject)
            items.append(item)
        event_id = new_event_id(request.now)
        personal = self.data_keys.personal_data(tenant, read.tenant["data_key_sealed"])
        draft = _event(request, refusal, origin, event_id, read)._replace(
            personal=sealed_unless_erased(personal, salt, subject, event_id, request)
        )
        viewer = request.viewer
        event = Told(event_id, refusal.reason, refusal.rule_id, viewer.network, viewer.country)
        items.append(told(self.tables.ip_denials, key, read.before, event, request.now))
        acting = None if origin is None else origin.acting
        outcome = self.ledger.commit(tenant, items, [draft], acting=acting)
        if not isinstance(outcome, Refuted):
            return ip_denied()
        return None if outcome.failed.keys() <= {"denial", "subject_key"} else invalid_token()

    def _read(self, tenant: str, subject: str, key: dict[str, str]) -> _Read:
        tables = self.tables
        found = batch_get(
            self.dynamodb,
            {
                tables.tenants: [tenant_key(tenant)],
                tables.subject_keys: [subject_key(tenant, subject)],
                tables.ip_denials: [key],
            },
        )
        if not found[tables.tenants]:
            raise Unavailable("rules of a tenant that does not exist")
        salts, before = found[tables.subject_keys], found[tables.ip_denials]
        return _Read(found[tables.tenants][0], salts[0]["salt"] if salts else None, before[0] if before else None)


def _event(request: Request, refusal: Refusal, origin: Origin | None, event_id: str, read: _Read) -> Draft:
    before = read.before or {"folded": 0}
    meta: dict[str, Json] = {"version": ip_rules_version(read.tenant), "folded": before["folded"]}
    if before["folded"]:
        meta["folded_behind"] = before["event_id"]
    if refusal.rule_id is not None:
        meta["rule_id"] = refusal.rule_id
    who = origin or Origin(_NOBODY, "")
    return Draft(
        event_id=event_id,
        action="IP_RULE_ENFORCED",
        outcome="denied",
        actor=who.actor,
        resource=request.route,
        context=context_of(request, who.device_hash),
        reason=refusal.reason,
        on_behalf_of=who.on_behalf_of,
        targets=who.targets,
        meta=meta,
    )
