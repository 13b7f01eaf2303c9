"""GET and PATCH /api/settings/security.

Show: 1. admit; 2. tell what is in force. Change: 1. admit; 2. read what is asked; 3. say what it changes of what is in
force; 4. commit the new policy and its event on the version that was read; 5. tell what is in force now. Who loses a
race of two changes is decided anew on what the other one made, so both count and no caller sees a conflict, but for
whoever asks for one: a person who confirmed what he had read names its version (`if_version`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from functions.settings.change import Asked, Change, asked_of, change_of
from functions.settings.document import settings_document
from functions.settings.in_force import InForce, in_force
from shared.audit.event import Draft, Target, new_event_id
from shared.domain.security_policy import policy_of
from shared.domain.session import ACTIVE
from shared.edge.bodies import SECURITY_SETTINGS
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.problem import Refused, invalid_token
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.store.attribute import Row
from shared.store.tenants import changed_policy, geography_observed
from shared.store.transaction import Contended, Ledger, Refuted

PURPOSE: Final = "rbac_admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    tenants_table: str
    deployment: Mapping[str, int]
    ledger: Ledger
    guard: Guard
    access_token_seconds: int

    def show(self, request: Request) -> Reply:
        # 1. Admit, 2. and tell.
        return self._told(self.guard.admit(request).tenant, request)

    def change(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        # 2. What is asked.
        body = read_body(request, SECURITY_SETTINGS)
        asked, row = asked_of(body), principal.tenant
        for _ in rounds():
            _refuse_overtaken(body["if_version"], row)
            # 3. to 5.
            made = self._make(request, principal, asked, row)
            if isinstance(made, Reply):
                return made
            row = made
        raise Contended("the settings kept changing")

    def _make(self, request: Request, principal: Principal, asked: Asked, row: Row) -> Reply | Row:
        """Change the settings of `row`; gives the row that was there instead when another change came between."""
        change = change_of(asked, row["policy"], self._in_force(row, request))
        if change is None:
            return self._told(row, request)
        version = row["policy_version"]
        item = changed_policy(self.tenants_table, row["tenant"], version, change.own, int(request.now))
        outcome = self.ledger.commit(
            row["tenant"], [item], [_event(request, principal, change, version)], acting=principal.acting
        )
        if not isinstance(outcome, Refuted):
            return self._told({**row, "policy": change.own, "policy_version": version + 1}, request)
        found = outcome.failed.get("tenant")
        if died(outcome) or found is None or found["status"] != ACTIVE:
            raise invalid_token()
        return found

    def _told(self, row: Row, request: Request) -> Reply:
        document = settings_document(self._in_force(row, request), row["policy"], self.access_token_seconds)
        return json_reply(200, document)

    def _in_force(self, row: Row, request: Request) -> InForce:
        policy = policy_of(row["policy"], row["policy_version"], self.deployment)
        return in_force(policy, geography_observed=geography_observed(row, request.now))


def _refuse_overtaken(read: int | None, row: Row) -> None:
    """Refuse (409) what was asked for in the belief that another version is in force."""
    if read is not None and read != row["policy_version"]:
        raise Refused(409, "settings_changed", "Somebody else changed them meanwhile: read them again.")


def _event(request: Request, principal: Principal, change: Change, version: int) -> Draft:
    tenant = principal.acting.tenant
    return Draft(
        event_id=new_event_id(request.now),
        action="SECURITY_SETTING_CHANGED",
        outcome="success",
        actor=principal.actor(principal.grant(PURPOSE).challenge_id),
        resource=f"tenants/{tenant}",
        context=context_of(request, principal.session.binding.device_hash),
        targets=(Target("tenant", tenant),),
        change={"before": change.before, "after": change.after},
        meta={"policy_version": version + 1},
    )
