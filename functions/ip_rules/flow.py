"""GET, POST and DELETE /api/ip-rules, and POST /api/ip-rules/{rule_id}/confirm.

Show: 1. admit; 2. read the rules and tell them. Change: 1. admit; 2. read what is asked; 3. read the rules and say what
it makes of them (functions/ip_rules/change.py); 4. commit the rule, the version of the rules, the event and the message
to the bus, on the version that was read; 5. tell. Who loses a race of two changes is decided anew on what the other one
made, so nobody is locked out by two changes of which each was harmless.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from functions.ip_rules.change import (
    CREATED,
    Change,
    Rules,
    asked_network,
    confirmed,
    created,
    known,
    new_rule,
    taken_away,
)
from functions.ip_rules.document import rule_document, told
from shared.audit.canonical import Json
from shared.audit.event import Draft, Target, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.ip_rule import MAX_RULES
from shared.domain.session import ACTIVE
from shared.edge.bodies import EMPTY, IDENTIFIER
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.ip_rule_bodies import IP_RULE
from shared.edge.problem import Refused, invalid_request, invalid_token
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.store.attribute import Row
from shared.store.ip_rules import read_rules, rule_deleted, rule_written, rules_changed
from shared.store.item import Item
from shared.store.outbox import bus_event
from shared.store.tenants import ip_rules_version
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

PURPOSE: Final = "rbac_admin"
BUS_NAME: Final = "ip_rule_changed"

Decide = Callable[[Rules], Change]


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    ip_rules: str
    outbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IpRules:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    guard: Guard

    def show(self, request: Request) -> Reply:
        # 1. Admit.
        row = self.guard.admit(request).tenant
        # 2. Read, and tell.
        rules = known(read_rules(self.dynamodb, self.tables.ip_rules, row["tenant"]), request.now)
        suspended = row.get("ip_rules_suspended_at")
        document = {
            "version": ip_rules_version(row),
            "suspended_at": None if suspended is None else rfc3339(suspended),
            "rules": [rule_document(stored) for stored in rules],
            "max_rules": MAX_RULES,
            "your_address": request.viewer.address,
        }
        return json_reply(200, document)

    def create(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        # 2. What is asked.
        body = read_body(request, IP_RULE)
        network = asked_network(body["cidr"], normalize=bool(body["normalize"]))
        rule_id, author = new_event_id(request.now), principal.acting.staff_id
        made = new_rule(rule_id, network, body["action"], body["note"], author, request.now)
        # 3. to 5.
        return self._change(request, principal, lambda rules: created(rules, made, request, confirm=body["confirm"]))

    def delete(self, request: Request) -> Reply:
        # 1. Admit, 2. what is asked.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        rule_id, confirm = _rule_id(request), _confirm(request)
        # 3. to 5.
        return self._change(request, principal, lambda rules: taken_away(rules, rule_id, request, confirm=confirm))

    def confirm(self, request: Request) -> Reply:
        # 1. Admit, 2. what is asked.
        principal = self.guard.admit(request)
        read_body(request, EMPTY)
        rule_id = _rule_id(request)
        # 3. to 5.
        return self._change(request, principal, lambda rules: confirmed(rules, rule_id, request))

    def _change(self, request: Request, principal: Principal, decide: Decide) -> Reply:
        row = principal.tenant
        for _ in rounds():
            # 3. What it makes of the rules.
            change = decide(read_rules(self.dynamodb, self.tables.ip_rules, row["tenant"]))
            # 4. Commit.
            items, event = self._items(request, principal, row, change), _event(request, principal, row, change)
            outcome = self.ledger.commit(row["tenant"], items, [event], acting=principal.acting)
            if not isinstance(outcome, Refuted):
                # 5. Tell.
                return _answer(change)
            found = outcome.failed.get("tenant", row)
            if died(outcome) or found is None or found["status"] != ACTIVE:
                raise invalid_token()
            row = found
        raise Contended("the rules kept changing")

    def _items(self, request: Request, principal: Principal, row: Row, change: Change) -> list[Item]:
        table, tenant = self.tables.ip_rules, row["tenant"]
        if change.after is None:
            rule = rule_deleted(table, tenant, change.rule_id)
        else:
            rule = rule_written(table, tenant, change.after, new=change.before is None)
        detail: dict[str, Json] = {
            "rule_id": change.rule_id,
            "event": change.action,
            "reason": change.reason,
            "by": principal.acting.staff_id,
        }
        message = bus_event(
            self.tables.outbox,
            tenant,
            BUS_NAME,
            request.now,
            staff_id=None,
            correlation=request.request_id,
            detail=detail,
        )
        after = [stored.rule for stored in change.rules]
        return [rules_changed(self.tables.tenants, row, after), rule, message]


def _answer(change: Change) -> Reply:
    if change.after is not None:
        return json_reply(201 if change.action == CREATED else 200, rule_document(change.after))
    gone: dict[str, Any] = {"rule_id": change.rule_id, "status": "deleted", "confirm_before": None}
    return json_reply(200, gone)


def _event(request: Request, principal: Principal, row: Row, change: Change) -> Draft:
    meta: dict[str, Json] = {"version": ip_rules_version(row) + 1}
    if change.overridden:
        meta["refuses_author"] = True
    return Draft(
        event_id=new_event_id(request.now),
        action=change.action,
        outcome="success",
        actor=principal.actor(principal.grant(PURPOSE).challenge_id),
        resource=f"ip_rules/{change.rule_id}",
        context=context_of(request, principal.session.binding.device_hash),
        reason=change.reason,
        targets=(Target("ip_rule", change.rule_id),),
        change={
            "before": None if change.before is None else told(change.before),
            "after": None if change.after is None else told(change.after),
        },
        meta=meta,
    )


def _rule_id(request: Request) -> str:
    """Give the rule in the path; what cannot be an id is not there."""
    rule_id = request.path_parameters["rule_id"]
    if not re.fullmatch(IDENTIFIER, rule_id):
        raise Refused(404, "not_found", "There is no such rule.")
    return rule_id


def _confirm(request: Request) -> bool:
    """Read `?confirm=true`: a DELETE has no body that every client can send."""
    faults = [("", f"The parameter {name[:64]!r} is not known here.") for name in request.query if name != "confirm"]
    if request.query.get("confirm", "false") not in {"true", "false"}:
        faults.append(("/confirm", "This must be true or false."))
    if faults:
        raise invalid_request(faults)
    return request.query.get("confirm") == "true"
