"""POST /api/ip-rules/simulate: whom a change of the address rules would have refused, of those who signed in.

1. Admit. 2. Read what is asked: one more rule, or one less. 3. Read the log of the last thirty days, newest first, as
far as one call may; addresses stand sealed in it, and an erased person's stay so. 4. Ask the rules as they would be
about each sign-in. 5. Answer with people and networks: no address leaves but the caller's own.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from functions.ip_rules.change import asked_network, known
from shared.audit.moment import rfc3339
from shared.audit.personal_data import PersonalData
from shared.domain.ip_rule import Matcher, Rule
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.ip_rule_bodies import SIMULATION
from shared.edge.problem import Refused, invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.risk_challenge import SIGN_IN
from shared.runtime.data_key import DataKeys
from shared.store.audit_logs import lane_key, newest_entries, open_lanes
from shared.store.audit_seals import read_seal_head
from shared.store.ip_rules import read_rules
from shared.store.subject_keys import salts_of
from shared.store.wire import JsonService

DAYS: Final = 30
MOST_EVENTS: Final = 20_000  # about what half a minute reads
MOST_PEOPLE: Final = 500
MOST_NETWORKS: Final = 20
_SIGN_IN: Final = "AUTH_LOGIN_SUCCESS"


@dataclass(frozen=True, slots=True)
class SimulationTables:
    audit_logs: str
    audit_seals: str
    subject_keys: str
    ip_rules: str


@dataclass(slots=True)
class _SignIn:
    """One session that was opened; `address` None while no readable one was found."""

    staff_id: str
    at: str
    network: str | None
    address: str | None = None
    opened: bool = False


@dataclass(slots=True)
class _Person:
    sign_ins: int = 0
    refused: int = 0
    last_refused_at: str | None = None
    networks: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    dynamodb: JsonService
    tables: SimulationTables
    epoch: int
    guard: Guard
    data_keys: DataKeys

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        # 2. What is asked.
        matcher = Matcher(self._rules(request, principal), request.now)
        # 3. Who signed in.
        since = request.now - DAYS * 86_400
        log = self._log(principal, rfc3339(since))
        # 4. Ask.
        people: dict[str, _Person] = {}
        unreadable = 0
        for sign_in in log.sign_ins:
            if sign_in.address is None:
                unreadable += 1
                continue
            _count(people.setdefault(sign_in.staff_id, _Person()), sign_in, matcher)
        # 5. Answer.
        refused = {staff_id: person for staff_id, person in sorted(people.items()) if person.refused}
        document = {
            "since": log.since,
            "complete": log.complete,
            "sign_ins": {
                "total": len(log.sign_ins),
                "refused": sum(person.refused for person in refused.values()),
                "unreadable": unreadable,
            },
            "people": {"total": len(people), "refused": len(refused)},
            "refused": [_told(staff_id, person) for staff_id, person in [*refused.items()][:MOST_PEOPLE]],
            "your_address": request.viewer.address,
            "refuses_you": matcher.refusal(request.viewer.address) is not None,
        }
        return json_reply(200, document)

    def _rules(self, request: Request, principal: Principal) -> list[Rule]:
        """Give the rules as they would be."""
        body = read_body(request, SIMULATION)
        stored = known(read_rules(self.dynamodb, self.tables.ip_rules, principal.acting.tenant), request.now)
        rules = [each.rule for each in stored]
        if body["without"] is not None:
            rest = [rule for rule in rules if rule.rule_id != body["without"]]
            if len(rest) == len(rules):
                raise Refused(404, "not_found", "There is no such rule.")
            return rest
        if body["action"] is None:
            raise invalid_request([("/action", "This field is required.")])
        network = asked_network(body["cidr"], normalize=bool(body["normalize"]))
        return [*rules, Rule("simulated", network, body["action"])]

    def _log(self, principal: Principal, since: str) -> "_Log":
        tenant = principal.acting.tenant
        salts = salts_of(self.dynamodb, self.tables.subject_keys, tenant)
        opener = _Opener(self.data_keys.personal_data(tenant, principal.tenant["data_key_sealed"]), salts)
        found: dict[str, _SignIn] = {}
        reached, complete = rfc3339(0), True
        for number, event in enumerate(self._newest_events(tenant)):
            if event["time"] < since:
                break
            if number >= MOST_EVENTS:
                complete = False
                break
            reached = event["time"]
            if event["action"] == _SIGN_IN or _answered(event):
                _note(found, event, opener)
        return _Log(since if complete else reached, complete, [each for each in found.values() if each.opened])

    def _newest_events(self, tenant: str) -> Iterator[Mapping[str, Any]]:
        """Read the log of every lane, the latest time first; within a lane the order is its own."""
        table, epoch = self.tables.audit_logs, self.epoch
        sealed = read_seal_head(self.dynamodb, self.tables.audit_seals, tenant, epoch).lanes
        lanes = (
            (entry.members for entry in newest_entries(self.dynamodb, table, lane_key(tenant, epoch, lane)))
            for lane in open_lanes(self.dynamodb, table, tenant, epoch, sealed)
        )
        return heapq.merge(*lanes, key=_time, reverse=True)


@dataclass(frozen=True, slots=True)
class _Log:
    """What was read; `since` is how far back."""

    since: str
    complete: bool
    sign_ins: list[_SignIn]


@dataclass(frozen=True, slots=True)
class _Opener:
    personal: PersonalData
    salts: Mapping[str, bytes]

    def address(self, event: Mapping[str, Any]) -> str | None:
        for values in self._opened(event):
            if "ip" in values:
                return values["ip"]
        return None

    def _opened(self, event: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
        for entry in event["pii"]:
            salt = self.salts.get(entry["sub"])
            if salt is not None and entry["of"] == "actor":
                yield self.personal.disclose(salt, entry, event["id"]).values


def _time(event: Mapping[str, Any]) -> str:
    return str(event["time"])


def _answered(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is the answer to the challenge of a sign-in: the address of such a one stands there."""
    return bool(event["action"] == "STEP_UP_VERIFIED" and event["meta"].get("purpose") == SIGN_IN)


def _note(found: dict[str, _SignIn], event: Mapping[str, Any], opener: _Opener) -> None:
    """Note an event under the session that it opened; two events of one sign-in are one."""
    actor = event["actor"]
    sign_in = found.setdefault(
        actor["session"] or event["id"], _SignIn(actor["id"], event["time"], event["context"].get("ip_net"))
    )
    sign_in.opened |= event["action"] == _SIGN_IN
    if sign_in.address is None:
        sign_in.address = opener.address(event)


def _count(person: _Person, sign_in: _SignIn, matcher: Matcher) -> None:
    person.sign_ins += 1
    if matcher.refusal(str(sign_in.address)) is None:
        return
    person.refused += 1
    person.last_refused_at = max(person.last_refused_at or sign_in.at, sign_in.at)
    if sign_in.network is not None:
        person.networks.add(sign_in.network)


def _told(staff_id: str, person: _Person) -> dict[str, Any]:
    return {
        "staff_id": staff_id,
        "sign_ins": person.sign_ins,
        "refused": person.refused,
        "last_refused_at": person.last_refused_at,
        "networks": sorted(person.networks)[:MOST_NETWORKS],
    }
