"""What single sign-on writes into the log, and how it refuses: one answer for whatever was wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.edge.problem import Refused, invalid_credentials
from shared.edge.provenance import context_of, sealed_actor
from shared.edge.request import Request
from shared.edge.sign_in import session_limit
from shared.runtime.data_key import DataKeys
from shared.runtime.log import Log
from shared.store.attribute import Row
from shared.store.item import Item, get
from shared.store.subject_keys import new_salt_item, subject_key, unknown_subject
from shared.store.throttles import address_digest, reserve_budget
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

RESOURCE: Final = "sso"
ADDRESS_BUDGET: Final = 30  # requests of an address in a minute, at each of the doors
BUDGET_SECONDS: Final = 60
_ATTEMPTS: Final = 4
LINK_FAILED: Final = "IDENTITY_LINK_FAILED"
_ANONYMOUS: Final = Actor("anonymous", None)


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    tenant_staff: str
    subject_keys: str
    throttles: str
    one_time_tokens: str
    outbox: str
    sso_connections: str


@dataclass(frozen=True, slots=True)
class Suspected:
    """A sign-in that is refused, as far as it is known: everything but the tenant may be missing.

    `action` is what the log calls it: the linking of an identity fails too.
    """

    tenant: Row
    reason: str
    connection_id: str | None = None
    staff_id: str | None = None
    email: str | None = None
    action: str = "AUTH_LOGIN_FAILED"

    @property
    def tenant_id(self) -> str:
        return str(self.tenant["tenant"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chronicle:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    data_keys: DataKeys
    log: Log

    def budget(self, request: Request, door: str) -> None:
        """Take from the budget of the caller's address; raises `Refused` (429)."""
        bucket = f"sso_{door}#{address_digest(request.viewer.address)}"
        wait = reserve_budget(self.dynamodb, self.tables.throttles, bucket, ADDRESS_BUDGET, BUDGET_SECONDS, request.now)
        if wait is not None:
            seconds = str(wait.retry_after_seconds)
            raise Refused(429, "rate_limited", "Wait before the next attempt.", headers={"Retry-After": seconds})

    def turn_away(self, request: Request, reason: str) -> NoReturn:
        """Refuse what names no tenant that could be proven: there is no log of a tenant to write to but ours."""
        self.log.info("refused", metric="sso_refused", reason=reason, request_id=request.request_id)
        raise invalid_credentials()

    def beyond_the_limit(self, request: Request, suspected: Suspected) -> NoReturn:
        """Commit that no session opens because of those that there are, then say so."""
        self.refuse(request, suspected, session_limit())

    def refuse(self, request: Request, suspected: Suspected, refused: Refused | None = None) -> NoReturn:
        """Commit the failure, then refuse; with the one answer to everything, but for `refused`."""
        for _ in range(_ATTEMPTS):
            event_id = new_event_id(request.now)
            personal, salts = self.sealed(request, suspected, event_id)
            meta: dict[str, Json] = {}
            if suspected.connection_id is not None:
                meta["connection_id"] = suspected.connection_id
            event = Draft(
                event_id=event_id,
                action=suspected.action,
                outcome="failure",
                actor=_ANONYMOUS,
                resource=RESOURCE,
                context=context_of(request),
                reason=suspected.reason,
                targets=(Target("user", suspected.staff_id),) if suspected.staff_id else (),
                personal=personal,
                meta=meta,
            )
            if not isinstance(self.ledger.commit(suspected.tenant_id, salts, [event]), Refuted):
                self.log.info("refused", metric="sso_refused", reason=suspected.reason, request_id=request.request_id)
                raise refused or invalid_credentials()
        raise Contended("the salt of unknown people kept changing")

    def sealed(
        self, request: Request, suspected: Suspected, event_id: str
    ) -> tuple[tuple[Mapping[str, Json], ...], Sequence[Item]]:
        """Seal who came from where; nothing of a person who was erased. Unknown people of a month share a salt."""
        tenant, known = suspected.tenant_id, suspected.staff_id
        subject = known or unknown_subject(request.now)
        row = get(self.dynamodb, self.tables.subject_keys, subject_key(tenant, subject))
        if row is None and known is not None:
            return (), []
        salt, items = (row["salt"], list[Item]()) if row is not None else (None, list[Item]())
        if salt is None:
            salt, item = new_salt_item(self.tables.subject_keys, tenant, subject)
            items.append(item)
        keys = self.data_keys.personal_data(tenant, suspected.tenant["data_key_sealed"])
        entry = sealed_actor(keys, salt, subject=subject, event_id=event_id, request=request, email=suspected.email)
        return (entry,), items
