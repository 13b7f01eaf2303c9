"""The events of passwords, and the mail that follows a new one (ASVS 6.3.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.password.account import Account, Tables
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Outcome, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.session import UNKNOWN_COUNTRY
from shared.edge.provenance import context_of, sealed_actor
from shared.edge.request import Request
from shared.runtime.data_key import DataKeys
from shared.store.item import Item
from shared.store.outbox import mail

CHANGED: Final = "password_changed"
RESET: Final = "password_reset"


@dataclass(frozen=True, slots=True)
class Chronicler:
    """Writes the events of one account. Where a request came from stands sealed in them."""

    data_keys: DataKeys

    def password(
        self,
        request: Request,
        account: Account,
        action: str,
        actor: Actor,
        *,
        reason: str | None = None,
        outcome: Outcome = "success",
        device_hash: str | None = None,
        typed: str | None = None,
        subject: str | None = None,
        salt: bytes | None = None,
    ) -> Draft:
        """Write an event about the password; `typed` is the address of somebody who is not signed in.

        `subject` and `salt` are those of the unknown people of the month, where nobody is behind the address.
        """
        event_id = new_event_id(request.now)
        owner, key = (account.staff_id, account.salt) if subject is None else (subject, salt)
        personal: tuple[Mapping[str, Json], ...] = ()
        if key is not None and account.tenant is not None:
            sealer = self.data_keys.personal_data(account.tenant_id, account.tenant["data_key_sealed"])
            personal = (sealed_actor(sealer, key, subject=owner, event_id=event_id, request=request, email=typed),)
        return Draft(
            event_id=event_id,
            action=action,
            outcome=outcome,
            actor=actor,
            resource="password" if account.profile is None else f"tenant_staff/{account.staff_id}",
            context=context_of(request, device_hash),
            reason=reason,
            targets=() if account.profile is None else (Target("user", account.staff_id),),
            personal=personal,
        )


def sessions_ended(
    request: Request,
    account: Account,
    actor: Actor,
    reason: str,
    *,
    device_hash: str | None = None,
    kept: Mapping[str, Json] | None = None,
) -> Draft:
    """Write that the sessions of the person ended with the old password; `kept` says which one goes on, if any."""
    version = account.gate.session_version
    return Draft(
        event_id=new_event_id(request.now),
        action="SESSION_INVALIDATED",
        outcome="success",
        actor=actor,
        resource=f"tenant_staff/{account.staff_id}",
        context=context_of(request, device_hash),
        reason=reason,
        targets=(Target("user", account.staff_id),),
        change={"before": {"session_version": version}, "after": {"session_version": version + 1}},
        meta={"scope": "user", **(kept or {})},
    )


def told(tables: Tables, account: Account, request: Request) -> Item:
    """Tell the person by mail that there is a new password."""
    values: dict[str, Json] = {"time": rfc3339(request.now)}
    if request.viewer.country != UNKNOWN_COUNTRY:
        values["country"] = request.viewer.country
    return mail(tables.outbox, account.tenant_id, account.staff_id, CHANGED, request.now, values=values)
